"""Nodes and CPU usage from a real API server: listed, watched, aggregated, and forbidden."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from scalewarden.app.sync import Sync
from scalewarden.app.watching import Watching
from scalewarden.app.world import DISPENSABLE, World
from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.cpu import cpu_signals
from scalewarden.sources.base import PodKey
from scalewarden.sources.kubeapi import KubeApi
from scalewarden.sources.kubeconnection import Connect
from scalewarden.sources.kuberesource import INFERENCE_POOLS, NODES
from scalewarden.sources.nodes import node_gpu
from scalewarden.sources.usage import EVERY, NOT_SERVED, PodUsage
from tests.cluster.operator_process import install
from tests.cluster.test_fleet import deployment
from tools.fleet import Fleet, FleetSpec
from tools.fleet.metrics_apis import MetricsApis
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
LABELS = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/gpu.count": "8"}


def node(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": LABELS}}


@pytest.fixture(autouse=True, scope="module")
def installed(cluster: LocalCluster) -> None:
    install(cluster)


@pytest.fixture
def gpu_node(cluster: LocalCluster) -> Any:
    name = f"gpu-{uuid.uuid4().hex[:8]}"
    cluster.apply(node(name))
    yield name
    cluster.kubectl("delete", "node", name, "--ignore-not-found")


async def until(what: str, true: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not true():
        if asyncio.get_running_loop().time() > deadline:
            pytest.fail(f"after {seconds:g} s still not: {what}")
        await asyncio.sleep(0.2)


async def test_nodes_are_listed_and_watched_without_their_bulk(cluster: LocalCluster, gpu_node: str) -> None:
    world = World()
    async with KubeApi.open(Connect(cluster.kubeconfig)) as api:
        async with asyncio.timeout(60):
            await (syncs := Sync(api, world, (), 60.0)).first()
        held = world.get(NODES, "", gpu_node)
        assert held is not None and set(held["status"]) == {"allocatable"} and "spec" not in held
        found = node_gpu(held["metadata"]["labels"])
        assert found is not None and (found.product, found.count) == ("NVIDIA-H100-80GB-HBM3", 8)
        watching = Watching(world, api.connection, (), syncs.again)
        task = asyncio.create_task(watching.run())
        try:
            await asyncio.to_thread(cluster.kubectl, "label", "node", gpu_node, "nvidia.com/gpu.count=4", "--overwrite")
            await until("the watch brought the label", lambda: _count(world, gpu_node) == "4")
            kept = world.get(NODES, "", gpu_node)
            assert kept is not None and "spec" not in kept and "managedFields" not in kept["metadata"]
        finally:
            watching.stop()
            await asyncio.wait_for(task, 30)


def _count(world: World, name: str) -> str | None:
    held = world.get(NODES, "", name)
    return held["metadata"]["labels"].get("nvidia.com/gpu.count") if held else None


ROLE = {
    "rules": [
        {"apiGroups": ["scalewarden.dev", "apps", "autoscaling", "keda.sh"], "resources": ["*"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["pods", "services", "namespaces"], "verbs": ["list"]},
    ]
}


async def test_a_role_without_nodes_and_pools_is_done_without(
    cluster: LocalCluster, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    name, group = f"facts-{namespace}", "rbac.authorization.k8s.io"
    meta = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
    bound = {"roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
             "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]}  # fmt: skip
    cluster.apply([{**meta, "kind": "ClusterRole", **ROLE}, {**meta, "kind": "ClusterRoleBinding", **bound}])
    token = cluster.token(namespace, "default")
    world = World()
    try:
        async with KubeApi.open(Connect(cluster.kubeconfig_for(token, name))) as api:
            async with asyncio.timeout(60):
                await Sync(api, world, (), 60.0).first()
    finally:
        cluster.kubectl("delete", "clusterrole,clusterrolebinding", name, "--ignore-not-found")
    assert NODES in world.forbidden and world.forbidden <= set(DISPENSABLE)
    assert "nodes cannot be listed" in caplog.text
    assert list(world[INFERENCE_POOLS].all()) == []


@pytest.fixture
async def fleet(cluster: LocalCluster, namespace: str) -> AsyncIterator[Fleet]:
    await asyncio.to_thread(cluster.apply, deployment(namespace, 2))
    spec = FleetSpec.kv_bound("chat", 2, namespace=namespace, prewarm_seconds=300.0)
    async with Fleet(kubeconfig=cluster.kubeconfig, spec=spec) as running:
        await running.wait_for(2, seconds=60)
        yield running


async def test_cpu_usage_through_the_aggregated_api(cluster: LocalCluster, namespace: str, fleet: Fleet) -> None:
    pods = [PodKey(namespace, replica.name) for replica in fleet.snapshot()["chat"]]
    clock = [0.0]
    async with KubeApi.open(Connect(cluster.kubeconfig)) as api:
        usage = PodUsage(api, (), lambda: clock[0])
        assert set((await usage.collect(pods, time.time())).values()) == {NOT_SERVED}
        async with MetricsApis(fleet, namespace=namespace) as apis, apis.registered(cluster.kubeconfig):
            found: dict[Any, Any] = {}
            deadline = time.monotonic() + 60
            while not all(isinstance(found.get(pod), tuple) for pod in pods):
                assert time.monotonic() < deadline, f"no usage yet: {found}"
                clock[0] += 10 * EVERY
                found = await usage.collect(pods, time.time())
                await asyncio.sleep(0.5)
            now = time.time()
            ratios = [
                cpu_signals(found[pod], {"vllm": 2.0}, now, Thresholds(), 600)[SignalName.CPU_RATIO] for pod in pods
            ]
    assert all(isinstance(ratio, Reading) and 0.4 < ratio.value < 0.65 for ratio in ratios), ratios
