"""`scalewarden suggest` on a real control plane: what it prints is accepted, and what it asks is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from scalewarden.model.finding import Status
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Engine
from scalewarden.surfaces.suggest import Kind
from tests import builders as build
from tests.cluster import operator_process as op
from tests.cluster.scaled_object_kind import definition
from tests.cluster.test_fleet import until
from tests.cluster.test_record import ran
from tests.unit.surfaces.suggested import ENGINES, judged, suggestion, text
from tests.unit.surfaces.test_suggest import unobserved
from tools.fleet import Fleet, FleetSpec
from tools.fleet.metrics_apis import MetricsApis
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster
DRY = ("apply", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-")
CANONICAL = {"0.65": "650m"}


@pytest.fixture(scope="module")
def keda(cluster: LocalCluster) -> Iterator[LocalCluster]:
    """A cluster that knows ScaledObjects, and no field of them that KEDA does not."""
    cluster.apply(definition())
    cluster.wait_for(lambda: "scaledobjects" in cluster.kubectl("api-resources").stdout, "KEDA's kind is served", 30)
    yield cluster
    cluster.kubectl("delete", "crd", "scaledobjects.keda.sh", "--wait=false")


def dry_run(cluster: LocalCluster, namespace: str, printed: str) -> dict[str, Any]:
    """What the API server would have kept; fails where it refuses, or does not know a field."""
    done = cluster.kubectl(*DRY, input=printed.replace("namespace: serving", f"namespace: {namespace}"))
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def as_kept(value: Any) -> Any:
    """Quantities as the API server writes them."""
    if isinstance(value, dict):
        return {key: as_kept(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_kept(inner) for inner in value]
    return CANONICAL.get(value, value) if isinstance(value, str) else value


def missing(wanted: Any, kept: Any, where: str = "spec") -> list[str]:
    """What was written and not kept as it was."""
    if isinstance(wanted, dict) and isinstance(kept, dict):
        return [one for key, inner in wanted.items() for one in missing(inner, kept.get(key), f"{where}.{key}")]
    if isinstance(wanted, list) and isinstance(kept, list) and len(wanted) == len(kept):
        return [
            one for at, pair in enumerate(zip(wanted, kept, strict=True)) for one in missing(*pair, f"{where}[{at}]")
        ]
    return [] if wanted == kept else [f"{where}: {wanted!r} became {kept!r}"]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_api_server_takes_every_hpa_as_it_is(cluster: LocalCluster, namespace: str, engine: Engine) -> None:
    printed = text(suggestion(unobserved(engine)), Kind.HPA)
    kept = dry_run(cluster, namespace, printed)
    assert missing(as_kept(yaml.safe_load(printed)["spec"]), kept["spec"]) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_every_field_of_a_scaled_object_is_one_of_kedas(keda: LocalCluster, namespace: str, engine: Engine) -> None:
    printed = text(suggestion(unobserved(engine), Kind.SCALED_OBJECT), Kind.SCALED_OBJECT)
    kept = dry_run(keda, namespace, printed)
    assert missing(yaml.safe_load(printed)["spec"], kept["spec"]) == []


@pytest.mark.parametrize("kind", ["StatefulSet", "LeaderWorkerSet"])
def test_other_targets_and_long_starts_are_taken_too(cluster: LocalCluster, namespace: str, kind: str) -> None:
    slow = unobserved(target=build.target(kind), cold_start=9000.0)
    kept = dry_run(cluster, namespace, text(suggestion(slow), Kind.HPA))
    assert kept["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 3600


@pytest.fixture
async def fleet(installed: LocalCluster, namespace: str) -> AsyncIterator[Fleet]:
    """Four replicas under KV-cache pressure, with an HPA on CPU that was there first."""
    objects = [op.deployment(namespace), op.hpa_on_cpu(namespace), op.described(namespace)]
    await asyncio.to_thread(installed.apply, objects)
    async with Fleet(kubeconfig=installed.kubeconfig, spec=FleetSpec.kv_bound("chat", 4, namespace=namespace)) as run:
        await run.wait_for(4, seconds=60)
        yield run


async def test_a_live_service_gets_its_own_autoscaler_replaced(
    installed: LocalCluster, namespace: str, fleet: Fleet
) -> None:
    asked = ("suggest", "chat", "-n", namespace, "--for", "10s")
    code, out, err = await ran(installed.kubeconfig, *asked)
    assert code == 0, err
    obj = yaml.safe_load(out)
    assert obj["metadata"] == {"name": "on-cpu", "namespace": namespace}
    assert " ".join(out.replace("#", "").split()).count("Name: as read on a replica.") == 2
    target = build.target(name="chat")
    findings = judged(obj, build.snapshot(build.fleet(4), target=target))
    assert {finding.status for finding in findings} == {Status.CLEAR}
    await asyncio.to_thread(installed.apply, out)
    kept = await asyncio.to_thread(installed.get, "hpa", "on-cpu", namespace)
    assert [one["type"] for one in kept["spec"]["metrics"]] == ["Pods", "Pods", "External"]
    assert kept["spec"]["maxReplicas"] == 8


async def test_a_real_hpa_controller_adds_replicas_for_a_full_cache(
    installed: LocalCluster, namespace: str, fleet: Fleet
) -> None:
    await asyncio.to_thread(installed.kubectl, "delete", "hpa", "on-cpu", "-n", namespace)
    printed = text(suggestion(of_chat(namespace, 4), Kind.HPA), Kind.HPA)
    async with MetricsApis(fleet, namespace=namespace) as apis, apis.registered(installed.kubeconfig):
        apis.safe_replicas["chat"] = 4
        await asyncio.to_thread(installed.apply, printed)
        wanted = await until(
            "the HPA asks for more", lambda: asked_for(installed, namespace, lambda count: count > 4), 120
        )
        status = await asyncio.to_thread(hpa_status, installed, namespace)
    assert 5 <= wanted <= 8  # four caches at 0.80 to 0.95 are five or six at 0.65
    assert [one["type"] for one in status["currentMetrics"]] == ["Pods", "Pods", "External"]
    conditions = {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}
    assert conditions["ScalingActive"] == ("True", "ValidMetricFound")


async def test_the_safe_count_is_a_floor_without_any_refusal(installed: LocalCluster, namespace: str) -> None:
    await asyncio.to_thread(installed.apply, op.deployment(namespace, 6))
    hasty = text(suggestion(of_chat(namespace, 6), Kind.HPA), Kind.HPA)
    hasty = hasty.replace("stabilizationWindowSeconds: 300", "stabilizationWindowSeconds: 0")
    hasty = hasty.replace("periodSeconds: 60", "periodSeconds: 1")  # what is held here is the floor, not the brake
    spec = FleetSpec.idle("chat", namespace=namespace)
    async with Fleet(kubeconfig=installed.kubeconfig, spec=spec) as run:
        await run.wait_for(6, seconds=60)
        async with MetricsApis(run, namespace=namespace) as apis, apis.registered(installed.kubeconfig):
            await asyncio.to_thread(installed.apply, hasty)
            await until("it misses the safe count", lambda: lacks_a_metric(installed, namespace), 120)
            await holds_for(10.0, lambda: replicas(installed, namespace) == 6)
            apis.safe_replicas["chat"] = 4
            await until("it goes down to the safe count", lambda: replicas(installed, namespace) == 4, 120)
            await holds_for(10.0, lambda: replicas(installed, namespace) == 4)
            apis.safe_replicas["chat"] = 1
            await until("it goes down to its minimum", lambda: replicas(installed, namespace) == 2, 120)


def of_chat(namespace: str, desired: int) -> Snapshot:
    """The service of these tests, as nobody has looked at it yet."""
    return replace(unobserved(target=build.target(name="chat")), namespace=namespace, replicas_desired=desired)


def hpa_status(cluster: LocalCluster, namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("hpa", "chat", namespace).get("status", {})
    return found


def asked_for(cluster: LocalCluster, namespace: str, enough: Callable[[int], bool]) -> int:
    """The count that the HPA wants, once it is enough; else 0."""
    wanted = int(hpa_status(cluster, namespace).get("desiredReplicas", 0))
    return wanted if enough(wanted) else 0


def lacks_a_metric(cluster: LocalCluster, namespace: str) -> bool:
    """The others ask for fewer, and the HPA does not follow them while one metric is not served."""
    conditions = {one["type"]: one for one in hpa_status(cluster, namespace).get("conditions") or []}
    return bool(conditions.get("ScalingActive", {}).get("reason") == "FailedGetExternalMetric")


def replicas(cluster: LocalCluster, namespace: str) -> int:
    return int(cluster.get("deployment", "chat", namespace)["spec"]["replicas"])


async def holds_for(seconds: float, true: Callable[[], bool]) -> None:
    """Fails as soon as it does not."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        assert await asyncio.to_thread(true)
        await asyncio.sleep(0.5)


async def test_a_name_that_is_not_there(installed: LocalCluster, namespace: str) -> None:
    code, out, err = await ran(installed.kubeconfig, "suggest", "nobody", "-n", namespace)
    assert (code, out) == (2, "") and "not found" in err
