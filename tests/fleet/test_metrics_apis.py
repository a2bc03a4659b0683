"""The aggregated APIs, asked directly over TLS."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tools.fleet import Fleet, FleetSpec, Pod, StaticPods
from tools.fleet.metrics_apis import MetricsApis

SPEC = FleetSpec.kv_bound("chat", 2, port=18002, prewarm_seconds=60.0)
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
CUSTOM = "/apis/custom.metrics.k8s.io/v1beta1"
RESOURCE = "/apis/metrics.k8s.io/v1beta1"


class Client:
    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def get(self, path: str, status: int = 200, **query: str) -> dict[str, Any]:
        async with self._session.get(self._base + path, params=query) as answer:
            assert answer.status == status
            body: dict[str, Any] = await answer.json()
            return body


@asynccontextmanager
async def serving(safe: dict[str, int] | None = None) -> AsyncIterator[Client]:
    pods = [
        Pod("ns", f"chat-{n}", f"127.92.1.{n + 1}", labels={"scalewarden.dev/fleet": "chat", "app": "chat"})
        for n in range(2)
    ]
    async with (
        Fleet(spec=SPEC, pods=StaticPods(pods), settle_seconds=0.0) as fleet,
        MetricsApis(fleet, service="fleet-metrics", namespace="demo") as apis,
    ):
        apis.safe_replicas |= safe or {}
        await fleet.wait_for(2)
        trust = ssl.create_default_context(cadata=apis.ca_pem.decode())
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            yield Client(session, f"https://localhost:{apis.port}")


async def test_external_metrics_are_means_over_the_selected_pods() -> None:
    async with serving() as client:
        gpu = await client.get(f"{EXTERNAL}/namespaces/ns/dcgm_gpu_utilization", labelSelector="app=chat")
        none = await client.get(f"{EXTERNAL}/namespaces/ns/dcgm_gpu_utilization", labelSelector="app=other")
        unknown = await client.get(f"{EXTERNAL}/namespaces/ns/mood", status=404)
    (item,) = gpu["items"]
    assert 25_000 <= int(item["value"].removesuffix("m")) <= 45_000
    assert none["items"] == []
    assert "no such metric: mood" in str(unknown["message"])


async def test_pod_metrics_carry_cpu_by_container() -> None:
    async with serving() as client:
        pods = await client.get(f"{RESOURCE}/namespaces/ns/pods", labelSelector="app in (chat)")
        one = await client.get(f"{RESOURCE}/namespaces/ns/pods/chat-1")
        await client.get(f"{RESOURCE}/namespaces/ns/pods/chat-9", status=404)
    assert len(pods["items"]) == 2
    (container,) = one["containers"]
    assert 900 <= int(container["usage"]["cpu"].removesuffix("m")) <= 1200


async def test_engine_gauges_of_each_pod() -> None:
    async with serving() as client:
        kv = await client.get(f"{CUSTOM}/namespaces/ns/pods/*/vllm:kv_cache_usage_perc", labelSelector="app=chat")
        await client.get(f"{CUSTOM}/namespaces/ns/pods/*/mood", status=404)
    assert {one["describedObject"]["name"] for one in kv["items"]} == {"chat-0", "chat-1"}
    assert all(700 <= int(one["value"].removesuffix("m")) <= 1000 for one in kv["items"])


async def test_safe_counts_are_those_that_it_was_told() -> None:
    async with serving({"chat": 3, "other": 5}) as client:
        path = f"{EXTERNAL}/namespaces/ns/scalewarden_safe_replicas"
        known = await client.get(path, labelSelector="inferencedeployment=chat")
        unknown = await client.get(path, labelSelector="inferencedeployment=none")
    assert [one["value"] for one in known["items"]] == ["3000m"] and unknown["items"] == []


async def test_discovery_lists_what_can_be_asked() -> None:
    async with serving() as client:
        resources = await client.get(EXTERNAL)
        groups = await client.get("/apis")
    assert [r["name"] for r in resources["resources"]] == [
        "dcgm_gpu_utilization",
        "vllm_kv_cache_usage",
        "scalewarden_safe_replicas",
    ]
    assert len(groups["groups"]) == 3


async def test_manifests_name_the_service_the_certificate_is_for() -> None:
    async with Fleet(spec=SPEC, pods=StaticPods()) as fleet, MetricsApis(fleet, namespace="demo") as apis:
        service, *registrations = apis.manifests()
    assert service["spec"] == {
        "type": "ExternalName",
        "externalName": "localhost",
        "ports": [{"port": apis.port}],
    }
    assert [r["metadata"]["name"] for r in registrations] == [
        "v1beta1.metrics.k8s.io",
        "v1beta1.custom.metrics.k8s.io",
        "v1beta1.external.metrics.k8s.io",
    ]
    assert all(r["spec"]["service"]["namespace"] == "demo" for r in registrations)


async def test_asking_without_the_authority_fails() -> None:
    async with (
        Fleet(spec=SPEC, pods=StaticPods()) as fleet,
        MetricsApis(fleet) as apis,
        aiohttp.ClientSession() as http,
    ):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.get(f"https://localhost:{apis.port}/apis")
