"""Facts from beside the pods: nodes, CPU, gateways, remembered starts, and what is done without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from scalewarden.app.sync import Sync
from scalewarden.app.world import CUSTOM, DISPENSABLE, WATCHED, World
from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.snapshot import Snapshot, from_json, to_json
from scalewarden.signals.cpu import CORES
from scalewarden.signals.gateways import NO_GATEWAY, PICKER
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.assemble import assemble
from scalewarden.sources.base import Collected, PodEndpoint, PodKey, Series
from scalewarden.sources.kubeapi import ApiError, Listing
from scalewarden.sources.kuberesource import INFERENCE_POOLS, NODES, PODS, SCALED_OBJECTS, SERVICES, Resource
from tests.unit.app.kinds import discovery
from tests.unit.app.service import NOW, Pages, Service, pod

Object = dict[str, Any]


class GatewayPages(Pages):
    """As Pages, and a picker that holds five requests; `endpoints` are those that were asked for."""

    endpoints: Sequence[PodEndpoint] = ()

    async def collect(self, endpoints: Sequence[PodEndpoint], now: float, custom: object = ()) -> Collected:
        self.endpoints = endpoints
        found = dict((await super().collect(endpoints, now)).scrapes)
        rows = (Sample(PICKER.queue[0], {"inference_pool": "llama"}, 5.0),)
        found |= {one.key: (Scrape(now, rows),) for one in endpoints if one.kind == "gateway"}
        return Collected(now, found)


class Usage:
    """Three of four cores for every pod."""

    async def collect(self, pods: Sequence[PodKey], now: float, custom: object = ()) -> dict[tuple[str, str], Series]:
        return {key: (Scrape(now, (Sample(CORES, {"container": "vllm"}, 3.0),)),) for key in pods}


async def snapshot(service: Service, now: float = NOW) -> Snapshot:
    (judged,) = await service.judge(now)
    assert judged.service is not None and judged.problem is None, judged.problem
    facts = service.gatherer.facts(judged.service)
    found = assemble(judged.service.declared, facts, at=now)  # type: ignore[arg-type]
    assert from_json(to_json(found)) == found
    return found


async def test_the_labels_of_a_pods_node() -> None:
    service = Service()
    assert (await snapshot(service)).replicas[0].node_gpu is None
    labels = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/gpu.count": "8"}
    service.put(NODES, {"metadata": {"name": "gpu-1", "labels": labels}, "status": {"images": [{}]}})
    gpu = (await snapshot(service)).replicas[0].node_gpu
    assert gpu is not None and (gpu.product, gpu.count) == ("NVIDIA-H100-80GB-HBM3", 8)
    assert "images" not in service.world.of(NODES, "")[0]["status"]


async def test_cpu_of_replicas_and_service() -> None:
    service = Service(replicas=2)
    assert isinstance((await snapshot(service)).signal(SignalName.CPU_RATIO), Absent)
    service.gatherer.usage = Usage()  # type: ignore[assignment]
    for held in service.world.of(PODS, "serving"):
        held["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "4"}}
    found = await snapshot(service)
    ratio, own = found.signal(SignalName.CPU_RATIO), found.replicas[0].signal(SignalName.CPU_RATIO)
    assert isinstance(ratio, Reading) and isinstance(own, Reading)
    assert (ratio.value, own.value) == (0.75, 0.75)


async def test_a_queue_in_the_gateway() -> None:
    service = Service()
    service.source = service.gatherer.sources["Scrape"] = source = GatewayPages()  # type: ignore[index]
    assert (await snapshot(service)).signal(SignalName.GATEWAY_WAITING) == NO_GATEWAY
    spec = {"selector": {"matchLabels": {"app": "llama"}}, "endpointPickerRef": {"name": "epp"}}
    service.put(INFERENCE_POOLS, {"metadata": {"name": "llama"}, "spec": spec})
    service.put(SERVICES, {"metadata": {"name": "epp"}, "spec": {"selector": {"app": "epp"}}})
    picker = pod("epp-0", "10.0.0.99")
    picker["metadata"]["labels"] = {"app": "epp"}
    service.put(PODS, picker)
    found = await snapshot(service)
    waiting = found.signal(SignalName.GATEWAY_WAITING)
    assert isinstance(waiting, Reading) and waiting.value == 5
    assert [(one.pod, one.port) for one in source.endpoints if one.kind == "gateway"] == [("epp-0", 9090)]
    assert "epp-0" not in {replica.pod for replica in found.replicas}
    engines = found.signal(SignalName.WAITING)
    assert isinstance(engines, Reading) and engines.value == 0


async def test_a_slow_start_is_remembered_when_its_pod_is_gone() -> None:
    service = Service()
    slow = pod("llama-9", "10.0.0.50")
    slow["status"]["conditions"][0]["lastTransitionTime"] = "2025-01-01T00:10:00Z"
    service.put(PODS, slow)
    assert (await snapshot(service)).cold_start == 600
    service.world.drop(PODS, service.held(PODS, "llama-9"))
    assert (await snapshot(service)).cold_start == 600
    await service.gatherer.collect([], NOW)
    assert (await snapshot(service)).cold_start == 60


class Refuses:
    """An API server whose role leaves out some kinds, and others that are not installed."""

    def __init__(self, *forbidden: Resource, missing: Sequence[Resource] = ()) -> None:
        self.forbidden, self.missing = set(forbidden), set(missing)

    async def list(
        self, resource: Resource, namespace: str = "", *, keep: Callable[..., Object] | None = None
    ) -> Listing:
        if resource in self.forbidden:
            raise ApiError("forbidden", status=403)
        if resource in self.missing:
            raise ApiError("not found", status=404)
        whole = {"metadata": {"name": "n", "uid": "u", "resourceVersion": "1"}, "status": {"images": [{}]}}
        return Listing((keep(whole) if keep else whole,) if resource is NODES else (), "9")

    async def read(self, path: str) -> Object:
        return discovery([one for one in CUSTOM if one not in self.missing], path)


async def first(api: Refuses, world: World) -> None:
    async with asyncio.timeout(0.3):
        await Sync(api, world, (), 60.0).first()  # type: ignore[arg-type]


async def test_a_role_without_nodes_is_done_without(caplog: pytest.LogCaptureFixture) -> None:
    world = World(lambda: 0.0)
    api = Refuses(*DISPENSABLE)
    await first(api, world)
    assert world.forbidden == set(DISPENSABLE) and world.absent == set()
    assert "nodes cannot be listed" in caplog.text
    assert "nodes" not in world.ages()
    api.forbidden.clear()
    await first(api, world)
    assert world.forbidden == set() and len(world.of(NODES, "")) == 1


async def test_a_role_without_what_is_needed_is_waited_for() -> None:
    with pytest.raises(TimeoutError):
        await first(Refuses(PODS), World(lambda: 0.0))


async def test_kinds_that_are_not_installed_are_no_problem() -> None:
    world = World(lambda: 0.0)
    await first(Refuses(missing=[SCALED_OBJECTS, INFERENCE_POOLS]), world)
    assert world.forbidden == set() and world.absent == {SCALED_OBJECTS, INFERENCE_POOLS}


async def test_what_is_forbidden_is_not_watched() -> None:
    world = World(lambda: 0.0)
    await first(Refuses(NODES), world)
    assert world.kinds() == set(WATCHED) - {NODES}


async def test_two_versions_of_a_kind_have_one_age() -> None:
    now = [10.0]
    world = World(lambda: now[0])
    for resource in DISPENSABLE:
        world.replace(resource, Listing((), "1"))
        now[0] += 5
    assert world.ages() == {"nodes": 15.0, "inferencepools": 5.0}


async def test_nodes_are_kept_small() -> None:
    world = World(lambda: 0.0)
    labels = {f"feature.node.kubernetes.io/cpu-{n}": "true" for n in range(20)}
    images = [{"names": [f"registry.example/team/image-{n}@sha256:{'0' * 64}"]} for n in range(50)]
    for number in range(200):
        metadata = {"name": f"n{number}", "uid": f"u{number}", "resourceVersion": "1", "labels": dict(labels)}
        world.put(NODES, {"metadata": metadata, "spec": {}, "status": {"images": images, "allocatable": {"cpu": "1"}}})
    assert all(len(repr(node)) < 2000 for node in world[NODES].all())
