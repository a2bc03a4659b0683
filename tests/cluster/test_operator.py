"""The operator process on a real control plane: what users see of a service, and what stays when things break."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from scalewarden.app.sync import LOOK
from tests.cluster import operator_process as op
from tests.cluster.keda import keda
from tests.cluster.operator_process import OperatorProcess, Start
from tools.fleet import Fleet, FleetSpec
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster


@pytest.fixture
async def fleet(installed: LocalCluster, namespace: str) -> AsyncIterator[Fleet]:
    """Four replicas under KV-cache pressure, with an HPA on CPU that was there first."""
    objects = [op.deployment(namespace), op.hpa_on_cpu(namespace)]
    await asyncio.to_thread(installed.apply, objects)
    await asyncio.to_thread(op.opt_in, installed, namespace)
    async with Fleet(kubeconfig=installed.kubeconfig, spec=FleetSpec.kv_bound("chat", 4, namespace=namespace)) as run:
        await run.wait_for(4, seconds=60)
        yield run


async def until(what: str, true: Callable[[], Any], seconds: float = 40.0) -> Any:
    """Poll without stopping the event loop that serves the metrics."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := await asyncio.to_thread(true):
            return found
        await asyncio.sleep(0.5)
    return pytest.fail(f"after {seconds:g} s still not: {what}")


def status(cluster: LocalCluster, namespace: str, name: str = "chat") -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("inferencedeployment", name, namespace).get("status", {})
    return found


class Judged:
    """Waits for the service to be judged as KV-cache bound."""

    def __init__(self, cluster: LocalCluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace

    def __call__(self) -> bool:
        found = status(self._cluster, self._namespace)
        regime = found.get("diagnosis", {}).get("regime")
        return regime == "KVCacheBound" and found.get("fence", {}).get("replicas") == 4


async def test_a_service_is_judged_fenced_and_explained(
    installed: LocalCluster, namespace: str, fleet: Fleet, start: Start
) -> None:
    operator = await asyncio.to_thread(start)
    await asyncio.to_thread(installed.apply, op.described(namespace))
    await until("it is judged", Judged(installed, namespace))
    conditions = {one["type"]: one for one in status(installed, namespace)["conditions"]}
    assert {kind: (one["status"], one["reason"]) for kind, one in conditions.items()} == {
        "Ready": ("True", "Evaluated"),
        "SignalsFresh": ("True", "SignalsFresh"),
        "ScaleDownSafe": ("False", "KVCachePressure"),
        "AutoscalerSound": ("False", "AutoscalerUnsound"),
    }
    assert all(one["observedGeneration"] == 1 for one in conditions.values())
    assert op.fences(installed, namespace)["deployments/chat"]["replicas"] == 4
    row = installed.kubectl("get", "infd", "chat", "-n", namespace, "--no-headers").stdout.split()
    assert row[:6] == ["chat", "chat", "True", "4", "KVCacheBound", "Enforce"]
    for kind, name, verdict in (("hpa", "on-cpu", "Unsound"), ("deployment", "chat", "Deny KVCachePressure")):
        annotations = installed.get(kind, name, namespace)["metadata"]["annotations"]
        assert annotations["scalewarden.dev/verdict"].startswith(verdict)
    assert "ASC601" in installed.get("hpa", "on-cpu", namespace)["metadata"]["annotations"]["scalewarden.dev/findings"]
    assert 'scalewarden_safe_replicas{inferencedeployment="chat"' in operator.page("/metrics")


async def test_events_are_told_once_on_the_service_and_on_the_autoscaler(
    installed: LocalCluster, namespace: str, fleet: Fleet, start: Start
) -> None:
    await asyncio.to_thread(installed.apply, op.described(namespace))
    await asyncio.to_thread(start)
    await until("it is judged", Judged(installed, namespace))
    await asyncio.sleep(6)  # six more cycles that say the same
    events = await asyncio.to_thread(_described_events, installed, namespace, "infd", "chat")
    for reason in ("AutoscalerUnsound", "FenceRaised"):
        assert events.count(f" {reason} ") == 1, events
    assert "scalewarden-operator" in events and "KVCacheBound" in events
    on_hpa = await asyncio.to_thread(_described_events, installed, namespace, "hpa", "on-cpu")
    assert on_hpa.count("AutoscalerUnsound") == 1
    found = [one for one in installed.list("events.events.k8s.io", namespace) if one["reason"] == "AutoscalerUnsound"]
    assert {(one["regarding"]["kind"], one["related"]["kind"]) for one in found} == {
        ("InferenceDeployment", "HorizontalPodAutoscaler"),
        ("HorizontalPodAutoscaler", "InferenceDeployment"),
    }


def _described_events(cluster: LocalCluster, namespace: str, kind: str, name: str) -> str:
    return cluster.kubectl("describe", kind, name, "-n", namespace).stdout.partition("Events:")[2]


async def test_nothing_is_written_while_nothing_changes(installed: LocalCluster, namespace: str, start: Start) -> None:
    """An idle loop: the target has no replicas, so no number moves."""
    await asyncio.to_thread(installed.apply, [op.deployment(namespace, 0), op.described(namespace)])
    await asyncio.to_thread(op.opt_in, installed, namespace)
    operator = await asyncio.to_thread(start)
    await until("it is judged", lambda: op.condition(installed, namespace, "Ready").get("reason") == "NoReplicas")
    await asyncio.sleep(2)

    def versions() -> list[str]:
        kinds = (("inferencedeployment", "chat"), ("deployment", "chat"))
        return [installed.get(kind, name, namespace)["metadata"]["resourceVersion"] for kind, name in kinds]

    before, turns = versions(), _turns(operator)
    await asyncio.sleep(8)
    assert versions() == before
    assert _turns(operator) - turns >= 5


def _turns(operator: OperatorProcess) -> float:
    lines = operator.page("/metrics").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("scalewarden_evaluation_seconds_count"))


async def test_what_was_written_goes_with_the_inference_deployment(
    installed: LocalCluster, namespace: str, fleet: Fleet, start: Start
) -> None:
    await asyncio.to_thread(installed.apply, op.described(namespace))
    await asyncio.to_thread(start)
    await until("it is fenced", lambda: "deployments/chat" in op.fences(installed, namespace))
    # The guard's janitor owns a part of the entry too, and one of its own.
    stray = {"replicas": 1, "autoscalerReplicas": 1, "reason": "r", "message": "m", "owner": "nobody"}
    patch = json.dumps({"fences": {"deployments/chat": {"message": "m"}, "deployments/other": stray}})
    by_guard = ("--type=merge", "--field-manager=scalewarden-guard", "-p", patch)
    await asyncio.to_thread(installed.kubectl, "patch", "scalefence", "scalewarden", "-n", namespace, *by_guard)
    await asyncio.to_thread(installed.kubectl, "delete", "infd", "chat", "-n", namespace)
    await until("the fence is gone", lambda: not op.fences(installed, namespace))

    def bare() -> bool:
        objects = [installed.get("hpa", "on-cpu", namespace), installed.get("deployment", "chat", namespace)]
        return "scalewarden.dev/verdict" not in str([one["metadata"].get("annotations") for one in objects])

    await until("the annotations are gone", bare)


async def test_a_restart_keeps_the_fence_and_repeats_no_event(
    installed: LocalCluster, namespace: str, fleet: Fleet, start: Start
) -> None:
    await asyncio.to_thread(installed.apply, op.described(namespace))
    first = await asyncio.to_thread(start)
    await until("it is judged", Judged(installed, namespace))
    assert await asyncio.to_thread(first.stop) == 0
    for pod in fleet.snapshot()["chat"]:
        fleet.fault(pod.name, "refused")  # the new operator sees no sample of any replica
    before = op.fences(installed, namespace)["deployments/chat"]
    await asyncio.to_thread(start)
    await until(
        "it says that signals are missing",
        lambda: op.condition(installed, namespace, "Ready").get("reason") == "SignalsMissing",
    )
    await asyncio.sleep(3)
    after = op.fences(installed, namespace)["deployments/chat"]
    assert (after["replicas"], after["reason"]) == (before["replicas"], before["reason"]) == (4, "KVCachePressure")
    unsound = [one for one in installed.list("events.events.k8s.io", namespace) if one["reason"] == "AutoscalerUnsound"]
    assert len(unsound) == 2 and not any(one.get("series") for one in unsound)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_a_standby_takes_over(
    installed: LocalCluster, namespace: str, fleet: Fleet, start: Start, end: signal.Signals
) -> None:
    await asyncio.to_thread(installed.apply, op.described(namespace))
    leader = await asyncio.to_thread(start)
    await until("the first leads", lambda: "scalewarden_leader 1.0" in leader.page("/metrics"))
    standby = await asyncio.to_thread(start)
    await asyncio.sleep(4)
    assert "scalewarden_leader 0.0" in standby.page("/metrics")
    assert "scalewarden_safe_replicas{" not in standby.page("/metrics")
    code = await asyncio.to_thread(leader.stop, end)
    assert code == (0 if end is signal.SIGTERM else -signal.SIGKILL)
    await until("the standby leads", lambda: "scalewarden_leader 1.0" in standby.page("/metrics"), 15)
    await until("it is judged", Judged(installed, namespace))


async def test_a_namespace_that_did_not_opt_in_gets_no_fence_and_is_told_so(
    installed: LocalCluster, namespace: str, fleet: Fleet, start: Start
) -> None:
    await asyncio.to_thread(installed.kubectl, "label", "namespace", namespace, "scalewarden.dev/guard-")
    await asyncio.to_thread(installed.apply, op.described(namespace))
    await asyncio.to_thread(start)
    ready = await until("it is judged", lambda: op.condition(installed, namespace, "Ready"))
    assert f"label namespace {namespace} with scalewarden.dev/guard=enabled" in ready["message"]
    assert not op.fences(installed, namespace) and "fence" not in status(installed, namespace)
    await asyncio.to_thread(op.opt_in, installed, namespace)
    await until("it is fenced", lambda: "deployments/chat" in op.fences(installed, namespace))
    await asyncio.to_thread(installed.kubectl, "label", "namespace", namespace, "scalewarden.dev/guard-")
    await until("the fence is gone", lambda: not op.fences(installed, namespace))


async def test_break_glass_lifts_the_fence_and_is_evented(
    installed: LocalCluster, namespace: str, fleet: Fleet, start: Start
) -> None:
    await asyncio.to_thread(installed.apply, op.described(namespace))
    await asyncio.to_thread(start)
    await until("it is judged", Judged(installed, namespace))
    glass = ("scalewarden.dev/break-glass=incident 7", "scalewarden.dev/break-glass-until=2099-01-01T00:00:00Z")
    await asyncio.to_thread(installed.kubectl, "annotate", "infd", "chat", "-n", namespace, *glass)
    await until("the fence is gone", lambda: not op.fences(installed, namespace))
    await until("it is told", lambda: "BreakGlassUsed" in _reasons(installed, namespace))
    ended = ("scalewarden.dev/break-glass-", "scalewarden.dev/break-glass-until-")
    await asyncio.to_thread(installed.kubectl, "annotate", "infd", "chat", "-n", namespace, *ended)
    await until("the fence is back", lambda: "deployments/chat" in op.fences(installed, namespace))
    await until("it is told", lambda: "BreakGlassExpired" in _reasons(installed, namespace))


def _reasons(cluster: LocalCluster, namespace: str) -> set[str]:
    return {one["reason"] for one in cluster.list("events.events.k8s.io", namespace)}


async def test_a_decrease_that_nobody_refused_is_found_and_told(
    installed: LocalCluster, namespace: str, fleet: Fleet, start: Start
) -> None:
    """This cluster has the kinds and no policies, as where somebody has deleted the bindings."""
    await asyncio.to_thread(installed.apply, op.described(namespace))
    await asyncio.to_thread(start)
    await until("it is judged", Judged(installed, namespace))
    await asyncio.to_thread(installed.kubectl, "scale", "deployment/chat", "-n", namespace, "--replicas=2")

    def told() -> list[dict[str, Any]]:
        events = installed.list("events.events.k8s.io", namespace)
        return [one for one in events if one["reason"] == "GuardBypassed"]

    await until("it is told", lambda: len(told()) == 2)
    assert {one["regarding"]["kind"] for one in told()} == {"InferenceDeployment", "Deployment"}
    note = told()[0]["note"]
    assert note.startswith("deployments/chat 4→2 passed below the floor of 4 (KVCachePressure: "), note
    assert ", written by kubectl (scale). " in note, note
    assert "The 2 that stay are predicted at KV-cache usage" in note, note


async def test_keda_that_comes_and_goes_is_followed(installed: LocalCluster, namespace: str, start: Start) -> None:
    """An API server may leave the watch of a deleted kind open: it stays away until the operator has had a look."""
    await asyncio.to_thread(installed.apply, [op.deployment(namespace, 1), op.described(namespace)])
    operator = await asyncio.to_thread(start)
    await until("it is judged", lambda: op.condition(installed, namespace, "AutoscalerSound"))

    def sound() -> str:
        return str(op.condition(installed, namespace, "AutoscalerSound")["message"])

    try:
        for turn in ("first", "again"):
            await asyncio.to_thread(installed.apply, keda())
            name = f"by-keda-{turn}"
            await until("it is accepted", lambda name=name: installed.apply(scaled_by_cpu(namespace, name)) or True)
            await until(f"{name} is judged", lambda name=name: f"ScaledObject/{name}" in sound())
            assert op.condition(installed, namespace, "AutoscalerSound")["status"] == "False"
            await asyncio.to_thread(installed.kubectl, "delete", "crd", "scaledobjects.keda.sh")
            await until(f"{name} is forgotten", lambda: "ScaledObject" not in sound())
            await asyncio.sleep(2 * LOOK if turn == "first" else 0)
    finally:
        await asyncio.to_thread(
            installed.kubectl, "delete", "crd", "scaledobjects.keda.sh", "--wait=false", "--ignore-not-found"
        )
    await until("it runs still", operator.ready)


def scaled_by_cpu(namespace: str, name: str) -> dict[str, Any]:
    trigger = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"scaleTargetRef": {"name": "chat"}, "triggers": [trigger]},
    }
