"""The two live sources over the same simulated pods: real Prometheus and a direct scrape tell the same story."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from scalewarden.model.signal import Absent, Reading, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.gpus.devices import Reader, pod_signals
from scalewarden.signals.gpus.pages import Holder, exported
from scalewarden.signals.names import ENGINE
from scalewarden.signals.pages import Pages
from scalewarden.sources.base import Collected, PodEndpoint
from scalewarden.sources.page import PageLimits
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_api import PrometheusOptions
from scalewarden.sources.scrape import DirectScrape, ScrapeOptions
from tools.fleet import Fleet, FleetSpec
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster
REPLICAS = 3
ROUNDS, EVERY = 15, 2.0
SPAN = ROUNDS * EVERY  # Prometheus may know more of the past: what both have seen is judged
TOLERANCE = {  # share of the larger value; the sources do not scrape at the same instants
    SignalName.KV_USAGE: 0.10,
    SignalName.RUNNING: 0.15,
    SignalName.EFF_BATCH: 0.10,
    SignalName.GEN_TPS: 0.10,
    SignalName.PREFILL_TPS: 0.25,
    SignalName.FINISH_RATE: 0.25,
    SignalName.TTFT_P95: 0.25,
    SignalName.ITL_P95: 0.10,
    SignalName.ITL_MEAN: 0.05,
    SignalName.E2E_P99: 0.15,
    SignalName.KV_TOKENS: 0.0,
    SignalName.INPUT_TOKENS: 0.10,
    SignalName.OUTPUT_TOKENS: 0.10,
    SignalName.PREEMPTIONS: 0.0,
    SignalName.WAITING: 0.0,
    SignalName.GPU_BUSY: 0.10,
    SignalName.ENGINE_ACTIVE: 0.10,
    SignalName.KERNEL_UTILIZATION: 0.10,
    SignalName.TENSOR_ACTIVE: 0.15,
    SignalName.DRAM_ACTIVE: 0.10,
    SignalName.FB_USED: 0.01,
}

FAULTS = {
    "html": "answers HTML, not metrics",
    "truncated": "ends its page too early",
    "404": "answers HTTP 404",
    "endless": "serves a page larger than 8 MiB",
    "refused": "refuses connections on its metrics port",
    "redirect": "redirects (HTTP 302), which is not followed",
    "hang": "did not answer within 2 s",  # the last one: a pod that kept us waiting is left alone for a while
}


def _workload(kind: str, namespace: str, name: str, labels: dict[str, str], port: int) -> dict[str, Any]:
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)}
    container = {"name": "server", "image": f"{name}:v1"}
    if kind == "Deployment":
        container |= {"resources": {"limits": {"nvidia.com/gpu": "1"}}}  # type: ignore[dict-item]
    template = {"metadata": {"labels": labels, "annotations": scraped}, "spec": {"containers": [container]}}
    spec: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": template}
    if kind == "Deployment":
        spec["replicas"] = REPLICAS
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


@pytest.fixture
async def fleet(cluster: LocalCluster, namespace: str) -> AsyncIterator[Fleet]:
    chat = _workload("Deployment", namespace, "chat", {"scalewarden.dev/fleet": "chat"}, 8000)
    exporter = _workload("DaemonSet", namespace, "dcgm", {"app.kubernetes.io/name": "dcgm-exporter"}, 9400)
    await asyncio.to_thread(cluster.apply, [chat, exporter])
    spec = FleetSpec.comfortable("chat", REPLICAS, namespace=namespace, prewarm_seconds=300.0)
    async with Fleet(kubeconfig=cluster.kubeconfig, spec=spec) as running:
        await running.wait_for(REPLICAS, seconds=60)
        yield running


def _endpoints(cluster: LocalCluster, namespace: str) -> list[PodEndpoint]:
    return [_endpoint(pod) for pod in cluster.list("pods", namespace) if pod["status"].get("podIP")]


def _endpoint(pod: dict[str, Any]) -> PodEndpoint:
    engine = "scalewarden.dev/fleet" in pod["metadata"]["labels"]
    started = pod["status"]["startTime"]
    return PodEndpoint(
        namespace=pod["metadata"]["namespace"],
        pod=pod["metadata"]["name"],
        node=pod["spec"]["nodeName"],
        ip=pod["status"]["podIP"],
        port=8000 if engine else 9400,
        restarted_at=datetime.fromisoformat(started).timestamp(),
        kind="engine" if engine else "dcgm",
    )


def _prometheus(cluster: LocalCluster) -> PrometheusSource:
    assert cluster.prometheus_url
    return PrometheusSource(PrometheusOptions(cluster.prometheus_url))


def _queries_answered(cluster: LocalCluster) -> int:
    """How many instant queries Prometheus itself says it has answered."""
    with urllib.request.urlopen(f"{cluster.prometheus_url}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    prefix = "prometheus_http_requests_total{"
    found = [line for line in lines if line.startswith(prefix) and 'handler="/api/v1/query"' in line]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in found))


async def _rounds(source: DirectScrape | PrometheusSource, endpoints: Sequence[PodEndpoint]) -> Collected:
    for _ in range(ROUNDS):
        collected = await source.collect(endpoints, time.time())
        await asyncio.sleep(EVERY)
    return collected


def _signals(collected: Collected, endpoint: PodEndpoint, now: float) -> dict[SignalName, Signal]:
    scrapes = collected.scrapes[endpoint.key]
    exporters = [Pages.of(one, now, SPAN) for one in collected.exporter_scrapes.values() if not isinstance(one, Absent)]
    gpus = Reader(exported(exporters), now, Thresholds()).gpus(Holder(*endpoint.key), (), mig=False)
    engine = replica_signals(scrapes, Engine.VLLM, now, Thresholds(), SPAN, endpoint.restarted_at)
    return {**engine, **pod_signals(gpus)}


async def test_both_sources_give_the_same_signals(cluster: LocalCluster, namespace: str, fleet: Fleet) -> None:
    endpoints = await asyncio.to_thread(_endpoints, cluster, namespace)
    engines = [endpoint for endpoint in endpoints if endpoint.kind == "engine"]
    assert len(engines) == REPLICAS and len(endpoints) > REPLICAS
    direct, prometheus = DirectScrape(), _prometheus(cluster)
    scraped, queried = await asyncio.gather(_rounds(direct, endpoints), _rounds(prometheus, endpoints))
    await asyncio.gather(direct.close(), prometheus.close())
    now = max(scraped.at, queried.at)
    assert scraped.problems == {} and scraped.problem is None
    assert queried.problem is None and not {one.key for one in engines} & queried.problems.keys()
    for endpoint in engines:
        ours, theirs = _signals(scraped, endpoint, now), _signals(queried, endpoint, now)
        apart = {name: (ours[name], theirs[name]) for name in ours if not _agree(name, ours[name], theirs[name])}
        assert apart == {}, endpoint
        assert sum(isinstance(ours[name], Reading) for name in TOLERANCE) >= 18


def _agree(name: SignalName, ours: Signal, theirs: Signal) -> bool:
    if isinstance(ours, Absent) or isinstance(theirs, Absent):
        return ours == theirs
    if name not in TOLERANCE:
        return ours.source == theirs.source
    apart = abs(ours.value - theirs.value) / max(abs(ours.value), abs(theirs.value), 1e-9)
    return ours.source == theirs.source and apart <= TOLERANCE[name]


async def test_history_from_before_the_start_comes_with_the_first_collection(
    cluster: LocalCluster, namespace: str, fleet: Fleet
) -> None:
    endpoints = await asyncio.to_thread(_endpoints, cluster, namespace)
    await asyncio.sleep(20)
    source = _prometheus(cluster)
    collected = await source.collect(endpoints, time.time())
    await source.close()
    for endpoint in (one for one in endpoints if one.kind == "engine"):
        series = collected.scrapes[endpoint.key]
        assert not isinstance(series, Absent)
        assert series[-1].at - series[0].at > 10
        assert all(sample.name in ENGINE for scrape in series for sample in scrape.samples)


async def test_the_number_of_queries_does_not_depend_on_the_number_of_pods(
    cluster: LocalCluster, namespace: str, fleet: Fleet
) -> None:
    endpoints = await asyncio.to_thread(_endpoints, cluster, namespace)
    engines = [endpoint for endpoint in endpoints if endpoint.kind == "engine"]
    source = _prometheus(cluster)
    counts = []
    for group in (engines[:1], engines[:1], engines, engines):
        before = await asyncio.to_thread(_queries_answered, cluster)
        await source.collect(group, time.time())
        counts.append(await asyncio.to_thread(_queries_answered, cluster) - before)
    await source.close()
    assert counts == [3, 3, 5, 3]  # one of them for CPU


async def test_prometheus_names_what_is_wrong_with_a_pod(cluster: LocalCluster, namespace: str, fleet: Fleet) -> None:
    endpoints = await asyncio.to_thread(_endpoints, cluster, namespace)
    sick, *_ = (endpoint for endpoint in endpoints if endpoint.kind == "engine")
    unknown = PodEndpoint(namespace, "nobody", "", "127.0.0.1", 8000)
    source = _prometheus(cluster)
    healthy = await _until(source, [sick, unknown], lambda collected: sick.key not in collected.problems)
    fleet.fault(sick.pod, "404")
    collected = await _until(source, [sick, unknown], lambda collected: sick.key in collected.problems)
    await source.close()
    assert collected.problems[sick.key].message == "Prometheus cannot scrape the pod"
    assert _newest(collected, sick) >= _newest(healthy, sick)  # the last good data stay
    assert "Prometheus has no series of the pod" in str(collected.scrapes[unknown.key])


async def test_a_direct_scrape_names_every_fault_and_keeps_the_window(
    cluster: LocalCluster, namespace: str, fleet: Fleet
) -> None:
    endpoints = await asyncio.to_thread(_endpoints, cluster, namespace)
    sick, *_ = (endpoint for endpoint in endpoints if endpoint.kind == "engine")
    source = DirectScrape(ScrapeOptions(limits=PageLimits(deadline=2.0)))
    healthy = await source.collect([sick], time.time())
    assert healthy.problems == {}
    named = {}
    for fault in FAULTS:
        fleet.fault(sick.pod, fault)
        await asyncio.sleep(0.5)
        collected = await source.collect([sick], time.time())
        named[fault] = collected.problems[sick.key].message
        assert _newest(collected, sick) == _newest(healthy, sick)
    fleet.fault(sick.pod, None)
    await _until(source, [sick], lambda collected: collected.problems == {})
    await source.close()
    assert named == {fault: f"the pod {cause}" for fault, cause in FAULTS.items()}


async def _until(
    source: PrometheusSource | DirectScrape, endpoints: Sequence[PodEndpoint], true: Callable[[Collected], bool]
) -> Collected:
    async with asyncio.timeout(30):
        while True:
            collected, _ = await asyncio.gather(source.collect(endpoints, time.time()), asyncio.sleep(1))
            if true(collected):
                return collected


def _newest(collected: Collected, endpoint: PodEndpoint) -> float:
    series = collected.scrapes[endpoint.key]
    assert not isinstance(series, Absent)
    return series[-1].at
