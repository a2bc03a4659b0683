"""Kinds of targets beside Deployments: which ones admission looks at, and what is said of the others."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.guard.bench import Answer, Bench, Guard, install
from tests.cluster.guard.conftest import StartOperator
from tests.cluster.guard.ways import custom_kind, scalable
from tests.cluster.operator_process import ROOT, OperatorProcess, condition
from tools.docs.write_paths_table import KINDS, Guarded, Kind
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

REASON = "Scalewarden: KVCachePressure: the KV cache of the replicas that stay would overflow; the safe count is 4."
RISK = "admission does not look at rollouts.argoproj.io: decreases pass; add it to the chart's value"
BY_KIND = {one.kind: one for one in KINDS}
EXTRA = [{"apiGroup": one.group, "resource": one.resource} for one in KINDS if one.guarded is Guarded.NAMED]


@pytest.fixture(scope="module")
def served(installed: LocalCluster) -> LocalCluster:
    """The cluster with every kind of the table: those that are not built in have no controller."""
    custom = [one for one in KINDS if one.group != "apps"]
    for one in custom:
        installed.apply(custom_kind(one.group, one.resource, one.kind, scale=one.guarded is not Guarded.NO_SCALE))
    for one in custom:
        name = f"{one.resource}.{one.group}"
        installed.wait_for(lambda name=name: installed.list(name) is not None, f"{name} to be served", 20)
    return installed


def version(one: Kind) -> str:
    return f"{one.group}/v1"


def described(bench: Bench, one: Kind) -> dict[str, Any]:
    """An InferenceDeployment of the object that is called llama."""
    obj = bench.service()
    obj["spec"]["targetRef"] = {"apiVersion": version(one), "kind": one.kind, "name": "llama"}
    return obj


def placed(bench: Bench, one: Kind) -> None:
    """An object of 4 replicas, described."""
    name = f"{one.resource}.{one.group}"
    obj = scalable(one.kind, one.group, bench.namespace)
    assert bench.kubectl("apply", "-f", "-", obj=obj).done
    if one.group != "apps":
        status = json.dumps({"status": {"replicas": 4, "selector": "app=llama"}})
        assert bench.kubectl("patch", name, "llama", "--subresource=status", "--type=merge", "-p", status).done
    bench.cluster.apply(described(bench, one))


def lowered(bench: Bench, one: Kind, replicas: int, *more: str) -> dict[str, Answer]:
    """By its scale, and by the object itself."""
    name, patch = f"{one.resource}.{one.group}", json.dumps({"spec": {"replicas": replicas}})
    return {
        "scale": bench.kubectl("scale", name, "llama", f"--replicas={replicas}", *more),
        "patch": bench.kubectl("patch", name, "llama", "--type=merge", "-p", patch, *more),
    }


def fence(bench: Bench, one: Kind) -> None:
    """Nobody below 3."""
    message = f"{REASON} Evidence: kubectl describe infd llama -n {bench.namespace}"
    floors = {"replicas": 3, "autoscalerReplicas": 3}
    entry = {**floors, "reason": "KVCachePressure", "message": message, "owner": "llama"}
    bench.judge(safe=4, target=f"{one.resource}/llama", replicas={"desired": 4})
    bench.write_fence({f"{one.resource}/llama": entry})


def refused(bench: Bench, one: Kind, by: str) -> None:
    """By both ways, and to nobody who asks for more."""
    tried = ("--dry-run=server",)
    bench.cluster.wait_for(lambda: by in lowered(bench, one, 2, *tried)["scale"].said, f"{by} to know the service", 20)
    for answer in lowered(bench, one, 2).values():
        assert not answer.done and by in answer.said and REASON in answer.said, answer.said
    for answer in lowered(bench, one, 6).values():
        assert answer.done, answer.said


WEBHOOK, POLICY = 'admission webhook "guard.scalewarden.dev"', "ValidatingAdmissionPolicy 'scalewarden-fence'"


def both_refuse(bench: Bench, one: Kind, start_guard: Callable[..., Guard]) -> None:
    """The policy with no guard, and the guard before it."""
    refused(bench, one, POLICY)
    guard = start_guard()
    refused(bench, one, WEBHOOK)
    assert guard.stop() == 0


@pytest.mark.parametrize("kind", [one.kind for one in KINDS if one.guarded is Guarded.YES])
def test_what_the_page_calls_guarded_is_refused_by_guard_and_policy(
    kind: str, bench: Bench, served: LocalCluster, start_guard: Callable[..., Guard]
) -> None:
    one = BY_KIND[kind]
    placed(bench, one)
    fence(bench, one)
    both_refuse(bench, one, start_guard)


@pytest.mark.parametrize("kind", [one.kind for one in KINDS if one.guarded is Guarded.NAMED])
def test_what_the_page_calls_uncovered_passes_until_the_chart_names_it(
    kind: str, bench: Bench, served: LocalCluster, port: int, start_guard: Callable[..., Guard]
) -> None:
    one = BY_KIND[kind]
    placed(bench, one)
    fence(bench, one)
    for replicas, answer in ((3, "scale"), (2, "patch")):
        assert lowered(bench, one, replicas)[answer].done
    assert lowered(bench, one, 4)["scale"].done
    try:
        install(served, port, "--set-json", f"extraGuardedResources={json.dumps(EXTRA)}")
        both_refuse(bench, one, start_guard)
    finally:
        install(served, port)


def counted(operator: OperatorProcess) -> bool:
    return 'scalewarden_unguarded_services{why="KindNotCovered"} 1.0' in operator.page("/metrics")


def ready(bench: Bench) -> dict[str, Any]:
    return condition(bench.cluster, bench.namespace, "Ready", "llama")


def test_the_operator_says_of_an_uncovered_kind_that_it_is(
    bench: Bench, served: LocalCluster, start_operator: StartOperator
) -> None:
    placed(bench, BY_KIND["Rollout"])
    operator = start_operator(kubeconfig=served.kubeconfig)
    served.wait_for(lambda: RISK in ready(bench).get("message", ""), "the condition to say so", 20)
    events = served.wait_for(
        lambda: len(found := bench.events("GuardBypassed")) == 2 and found, "an event on both objects", 20
    )
    assert {event["regarding"]["kind"] for event in events} == {"InferenceDeployment", "Rollout"}
    assert all(RISK in event["note"] and "series" not in event for event in events), "told once"
    served.wait_for(lambda: counted(operator), "it to be counted", 10)


def test_under_the_charts_role_too_and_no_longer_once_the_chart_names_it(
    bench: Bench, served: LocalCluster, port: int, start_operator: StartOperator
) -> None:
    placed(bench, BY_KIND["Rollout"])
    first = start_operator()
    found = served.wait_for(lambda: RISK in (one := ready(bench)).get("message", "") and one, "the condition", 20)
    assert (found["status"], found["reason"]) == ("False", "TargetUnreadable"), "its role does not name the kind"
    served.wait_for(lambda: bench.events("GuardBypassed"), "an event", 20)
    assert first.stop() == 0
    try:
        install(served, port, "--set-json", f"extraGuardedResources={json.dumps(EXTRA)}")
        second = start_operator()
        served.wait_for(lambda: "rollouts/llama" in bench.fences(), "a fence", 30)
        served.wait_for(lambda: RISK not in ready(bench)["message"], "the condition to be clear", 20)
        assert not counted(second)
    finally:
        install(served, port)


def test_a_kind_without_a_scale_says_so(bench: Bench, served: LocalCluster, start_operator: StartOperator) -> None:
    flat = [one for one in KINDS if one.guarded is Guarded.NO_SCALE]
    for one in flat:
        obj = described(bench, one)
        obj["metadata"]["name"] = one.kind.lower()
        served.apply(obj)
    start_operator()
    for one in flat:
        found = served.wait_for(
            lambda one=one: condition(served, bench.namespace, "Ready", one.kind.lower()), f"{one.kind} is judged", 20
        )
        assert (found["status"], found["reason"]) == ("False", "TargetNotScalable")


@pytest.mark.parametrize("kind", [one.kind for one in KINDS if one.guarded is Guarded.NO_TARGET])
def test_what_no_target_can_be_is_refused_with_what_to_name(kind: str, bench: Bench) -> None:
    answer = bench.kubectl("apply", "-f", "-", obj=described(bench, BY_KIND[kind]))
    assert not answer.done and "name the Deployment" in answer.said


def test_doctor_says_it_too(bench: Bench, served: LocalCluster) -> None:
    placed(bench, BY_KIND["Rollout"])
    command = [sys.executable, "-m", "scalewarden.cli.main", "doctor", "llama", "-n", bench.namespace, "--for", "1s"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator"), "KUBECONFIG": str(served.kubeconfig)}

    def said(*more: str) -> str:
        done = subprocess.run([*command, *more], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert RISK in json.loads(said("-o", "json"))["fence"]["gap"]
    assert "admission does not look at rollouts.argoproj.io" in " ".join(said().split())
