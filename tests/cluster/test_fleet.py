"""The simulated fleet beside a real control plane: real HPAs read it, real Prometheus scrapes it."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tools.fleet import Fleet, FleetSpec, ReplicaSnapshot
from tools.fleet.metrics_apis import MetricsApis, selector_for
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster
REPLICAS = 4


def deployment(namespace: str, replicas: int) -> dict[str, Any]:
    labels = {"app": "chat", "scalewarden.dev/fleet": "chat"}
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": "8000"}
    container = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.32.0",
        "ports": [{"name": "http", "containerPort": 8000}],
        "resources": {"requests": {"cpu": "2"}, "limits": {"nvidia.com/gpu": "1"}},
    }
    template = {"metadata": {"labels": labels, "annotations": scraped}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "chat"}}, "template": template}
    meta = {"name": "chat", "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def exporters(namespace: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "dcgm-exporter"}
    containers = [{"name": "exporter", "image": "nvidia/dcgm-exporter:4.8.3"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    meta = {"name": "dcgm-exporter", "namespace": namespace}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta, "spec": spec}


def hpa(namespace: str, name: str, metric: dict[str, Any]) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": REPLICAS, "metrics": [metric]}
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": spec}


async def until(what: str, true: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Poll without stopping the event loop that serves the metrics."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        if found := await asyncio.to_thread(true):
            return found
        await asyncio.sleep(0.5)
    return pytest.fail(f"after {seconds:g} s still not: {what}")


@pytest.fixture
async def fleet(cluster: LocalCluster, namespace: str) -> AsyncIterator[Fleet]:
    await asyncio.to_thread(cluster.apply, [deployment(namespace, REPLICAS), exporters(namespace)])
    spec = FleetSpec.kv_bound("chat", REPLICAS, namespace=namespace, prewarm_seconds=300.0)
    async with Fleet(kubeconfig=cluster.kubeconfig, spec=spec) as running:
        await running.wait_for(REPLICAS, seconds=60)
        yield running


async def test_a_real_hpa_on_gpu_utilization_removes_a_replica_and_the_others_drown(
    cluster: LocalCluster, namespace: str, fleet: Fleet
) -> None:
    before = fleet.snapshot()["chat"]
    metric = {"name": "dcgm_gpu_utilization", "selector": selector_for("chat")}
    target = {"type": "Value", "value": "50"}
    source = {"type": "External", "external": {"metric": metric, "target": target}}
    async with MetricsApis(fleet, namespace=namespace) as apis, apis.registered(cluster.kubeconfig):
        await asyncio.to_thread(cluster.apply, hpa(namespace, "on-gpu", source))
        await until("the HPA took a replica away", lambda: _replicas(cluster, namespace) < REPLICAS, 120)
        await fleet.wait_for(_replicas(cluster, namespace), seconds=60)
    await until("the others are full and requests wait", lambda: _drowning(fleet.snapshot()["chat"]))
    assert all(0.25 < replica.gpu_busy < 0.45 and replica.waiting <= 1 for replica in before)


async def test_a_real_hpa_on_cpu_and_kubectl_top_get_their_numbers(
    cluster: LocalCluster, namespace: str, fleet: Fleet
) -> None:
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    async with MetricsApis(fleet, namespace=namespace) as apis, apis.registered(cluster.kubeconfig):
        await asyncio.to_thread(cluster.apply, hpa(namespace, "on-cpu", {"type": "Resource", "resource": resource}))
        used = await until("the HPA read CPU", lambda: _cpu_utilization(cluster, namespace), 120)
        top = await asyncio.to_thread(cluster.kubectl, "top", "pods", "-n", namespace)
        resources = await asyncio.to_thread(cluster.kubectl, "api-resources", "--api-group=metrics.k8s.io")
    assert 45 <= used <= 60
    assert str(top).count("chat-") == REPLICAS
    assert "PodMetrics" in str(resources)


async def test_a_namespace_is_still_deleted_while_the_metrics_apis_are_registered(
    cluster: LocalCluster, namespace: str, fleet: Fleet
) -> None:
    def gone() -> bool:
        return "doomed" not in str(cluster.kubectl("get", "namespaces", "-o", "name"))

    async with MetricsApis(fleet, namespace=namespace) as apis, apis.registered(cluster.kubeconfig):
        await until("the groups are served", lambda: "PodMetrics" in _api_resources(cluster))
        await asyncio.to_thread(cluster.kubectl, "create", "namespace", "doomed")
        await asyncio.to_thread(cluster.kubectl, "delete", "namespace", "doomed", "--wait=false")
        await until("the namespace is gone", gone)


async def test_prometheus_scrapes_the_replicas(cluster: LocalCluster, namespace: str, fleet: Fleet) -> None:
    query = urllib.parse.quote(f'vllm:kv_cache_usage_perc{{namespace="{namespace}"}}')

    def found() -> list[Any]:
        with urllib.request.urlopen(f"{cluster.prometheus_url}/api/v1/query?query={query}", timeout=5) as answer:
            results: list[Any] = json.load(answer)["data"]["result"]
        return results if len(results) == REPLICAS else []

    results = await until("Prometheus has every replica", found)
    assert all(0.7 < float(result["value"][1]) < 1 for result in results), (results, fleet.snapshot())
    assert len(fleet.snapshot()["chat"]) == REPLICAS


async def test_the_fleet_follows_its_pods_through_a_restart_of_the_api_server(
    cluster: LocalCluster, namespace: str, fleet: Fleet
) -> None:
    await asyncio.to_thread(cluster.restart, "apiserver")
    scale = ("scale", "deployment/chat", "-n", namespace, "--replicas=2")
    await until("the API server takes a request", lambda: cluster.kubectl(*scale, check=False) is not None)
    await until("the deployment is scaled", lambda: _replicas(cluster, namespace) == 2)
    await fleet.wait_for(2, seconds=60)
    assert len(fleet.snapshot()["chat"]) == 2


def _drowning(replicas: list[ReplicaSnapshot]) -> bool:
    return all(replica.kv_usage > 0.95 for replica in replicas) and sum(r.waiting for r in replicas) > 30


def _replicas(cluster: LocalCluster, namespace: str) -> int:
    return int(cluster.get("deployment", "chat", namespace)["spec"]["replicas"])


def _api_resources(cluster: LocalCluster) -> str:
    return str(cluster.kubectl("api-resources", "--api-group=metrics.k8s.io"))


def _cpu_utilization(cluster: LocalCluster, namespace: str) -> int:
    status = cluster.get("hpa", "on-cpu", namespace).get("status", {})
    metrics = status.get("currentMetrics") or []
    return metrics[0].get("resource", {}).get("current", {}).get("averageUtilization", 0) if metrics else 0
