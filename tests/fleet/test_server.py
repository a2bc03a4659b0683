"""The fleet's HTTP side with pods from a list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tools.fleet import Fault, Fleet, FleetSpec, Pod, StaticPods
from tools.fleet.gpus import GpuLedger
from tools.fleet.hardware import LLAMA_8B_H100_3G

SPEC = FleetSpec.kv_bound("chat", replicas=3, port=18000, prewarm_seconds=120.0, warm_up_seconds=0.0)


def pod(number: int, **changes: object) -> Pod:
    fields = {
        "namespace": "serving",
        "name": f"chat-{number}",
        "ip": f"127.90.1.{number + 1}",
        "node": "gpu-1",
        "gpus": 1,
        "labels": {"scalewarden.dev/fleet": "chat"},
    }
    return Pod(**(fields | changes))  # type: ignore[arg-type]


EXPORTER = pod(100, name="dcgm-1", gpus=0, labels={"app.kubernetes.io/name": "dcgm-exporter"})


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def running(
    pods: StaticPods, spec: FleetSpec = SPEC, clock: Clock | None = None
) -> AsyncIterator[tuple[Fleet, aiohttp.ClientSession]]:
    timeout = aiohttp.ClientTimeout(total=2)
    async with (
        Fleet(spec=spec, pods=pods, settle_seconds=0.0, clock=clock or Clock()) as fleet,
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(force_close=True)) as http,
    ):
        yield fleet, http


async def scrape(http: aiohttp.ClientSession, number: int) -> str:
    async with http.get(f"http://127.90.1.{number + 1}:18000/metrics") as answer:
        assert answer.status == 200
        return await answer.text()


def values(page: str, name: str) -> list[float]:
    samples = [s for family in text_string_to_metric_families(page) for s in family.samples]
    return [sample.value for sample in samples if sample.name == name]


async def test_each_pod_serves_its_own_replica_and_starts_with_a_past() -> None:
    async with running(StaticPods([pod(0), pod(1), pod(2)])) as (fleet, http):
        await fleet.wait_for(3)
        pages = [await scrape(http, number) for number in range(3)]
    usage = [values(page, "vllm:kv_cache_usage_perc")[0] for page in pages]
    assert all(0.75 <= share <= 0.97 for share in usage)
    assert len(set(pages)) == 3
    assert all(values(page, "vllm:generation_tokens_total")[0] > 100_000 for page in pages)
    assert values(pages[0], "process_start_time_seconds") == [1_800_000_000.0 - 120.0]


async def test_a_pod_that_goes_stops_answering_and_its_load_moves() -> None:
    pods, clock = StaticPods([pod(0), pod(1), pod(2)]), Clock()
    async with running(pods, clock=clock) as (fleet, http):
        await fleet.wait_for(3)
        before = fleet.snapshot()["chat"]
        pods.set([pod(0), pod(1)])
        await fleet.wait_for(2)
        clock.now += 30
        after = fleet.snapshot()["chat"]
        with pytest.raises(aiohttp.ClientConnectorError):
            await scrape(http, 2)
    assert max(replica.waiting for replica in before) == 0
    assert all(replica.kv_usage > 0.9 for replica in after)
    assert sum(replica.waiting for replica in after) > 50


async def test_a_new_pod_takes_load_only_after_its_warm_up() -> None:
    pods, clock = StaticPods([pod(0), pod(1), pod(2)]), Clock()
    async with running(pods, replace(SPEC, warm_up_seconds=60.0), clock) as (fleet, _):
        await fleet.wait_for(3)
        pods.set([pod(0), pod(1), pod(2), pod(3)])
        await fleet.wait_for(4)
        clock.now += 50
        warming = fleet.snapshot()["chat"][3]
        clock.now += 60
        warm = fleet.snapshot()["chat"][3]
    assert (warming.ready, warming.running) == (False, 0)
    assert warm.running > 50


async def test_the_exporter_reports_the_gpus_of_the_pods_on_its_node() -> None:
    pods = StaticPods([pod(0), pod(1, node="gpu-2"), EXPORTER])
    async with running(pods) as (fleet, http):
        await fleet.wait_for(2)
        async with http.get(f"http://{EXPORTER.ip}:9400/metrics") as answer:
            page = await answer.text()
    used = [
        sample
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "DCGM_FI_DEV_FB_USED"
    ]
    assert [sample.labels["pod"] for sample in used] == ["chat-0", *[""] * 7]
    assert used[0].value == pytest.approx(81559 * 0.92, abs=1)
    assert 25 <= values(page, "DCGM_FI_DEV_GPU_UTIL")[0] <= 45


@pytest.mark.parametrize(
    ("fault", "status", "inside"),
    [
        (Fault.NOT_FOUND, 404, "Not Found"),
        (Fault.HTML, 200, "<!doctype html>"),
        (Fault.NAN, 200, 'vllm:kv_cache_usage_perc{engine="0",model_name="meta-llama/Llama-2-7b-chat-hf"} NaN'),
        (Fault.BLANK, 200, "9223372036854775794"),
        (Fault.V0_NAMES, 200, "vllm:gpu_cache_usage_perc{model_name="),
        (Fault.REDIRECT, 302, ""),
    ],
)
async def test_a_fault_shows_and_heals(fault: Fault, status: int, inside: str) -> None:
    async with running(StaticPods([pod(0)])) as (fleet, http):
        await fleet.wait_for(1)
        fleet.fault("chat-0", fault)
        async with http.get("http://127.90.1.1:18000/metrics", allow_redirects=False) as answer:
            assert answer.status == status
            assert inside in await answer.text()
        fleet.fault("chat-0", None)
        assert values(await scrape(http, 0), "vllm:kv_cache_usage_perc")[0] < 1


async def test_missing_kv_series_leaves_the_rest() -> None:
    async with running(StaticPods([pod(0)])) as (fleet, http):
        await fleet.wait_for(1)
        fleet.fault("serving/chat-0", "no-kv")
        page = await scrape(http, 0)
    assert "kv_cache_usage_perc" not in page
    assert values(page, "vllm:num_requests_running")


async def test_a_frozen_engine_repeats_its_page() -> None:
    clock = Clock()
    async with running(StaticPods([pod(0)]), clock=clock) as (fleet, http):
        await fleet.wait_for(1)
        fleet.fault("chat-0", Fault.FROZEN)
        first = await scrape(http, 0)
        clock.now += 30
        assert await scrape(http, 0) == first
        fleet.fault("chat-0", None)
        assert await scrape(http, 0) != first


async def test_a_hanging_endpoint_sends_nothing() -> None:
    async with running(StaticPods([pod(0)])) as (fleet, http):
        await fleet.wait_for(1)
        fleet.fault("chat-0", Fault.HANG)
        with pytest.raises(TimeoutError):
            await http.get("http://127.90.1.1:18000/metrics", timeout=aiohttp.ClientTimeout(total=0.3))


async def test_a_truncated_page_ends_early() -> None:
    async with running(StaticPods([pod(0)])) as (fleet, http):
        await fleet.wait_for(1)
        fleet.fault("chat-0", Fault.TRUNCATED)
        with pytest.raises(aiohttp.ClientPayloadError):
            await scrape(http, 0)


async def test_an_endless_page_goes_on_past_any_sensible_limit() -> None:
    async with running(StaticPods([pod(0)])) as (fleet, http):
        await fleet.wait_for(1)
        fleet.fault("chat-0", Fault.ENDLESS)
        async with http.get("http://127.90.1.1:18000/metrics") as answer:
            body = await answer.content.readexactly(20_000_000)
    assert body.startswith(b"vllm:padding")


async def test_a_refusing_pod_accepts_again_when_healed() -> None:
    async with running(StaticPods([pod(0)])) as (fleet, http):
        await fleet.wait_for(1)
        fleet.fault("chat-0", Fault.REFUSED)
        with pytest.raises(aiohttp.ClientError):
            await scrape(http, 0)
        fleet.fault("chat-0", None)
        async with asyncio.timeout(5):
            while True:
                try:
                    assert "vllm:" in await scrape(http, 0)
                    break
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.05)


async def test_unknown_names_are_refused() -> None:
    async with running(StaticPods([pod(0)])) as (fleet, _):
        await fleet.wait_for(1)
        with pytest.raises(KeyError, match="chat-9"):
            fleet.fault("chat-9", Fault.HANG)
        with pytest.raises(ValueError, match="sulk"):
            fleet.fault("chat-0", "sulk")


async def test_mig_instances_share_a_gpu_and_number_themselves() -> None:
    spec = replace(FleetSpec.idle("chat", port=18000), hardware=LLAMA_8B_H100_3G)
    pods = StaticPods([*(pod(number, mig_profile="3g.40gb") for number in range(3)), EXPORTER])
    async with running(pods, spec) as (fleet, http):
        await fleet.wait_for(3)
        async with http.get(f"http://{EXPORTER.ip}:9400/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
    active = [s.labels for f in families for s in f.samples if s.name == "DCGM_FI_PROF_GR_ENGINE_ACTIVE"]
    held = [(labels["gpu"], labels["GPU_I_ID"], labels["pod"]) for labels in active if labels["pod"]]
    assert held == [("0", "1", "chat-0"), ("0", "2", "chat-1"), ("1", "1", "chat-2")]


async def test_two_fleets_in_one_process_keep_to_their_own_pods() -> None:
    other = {"scalewarden.dev/fleet": "code"}
    pods = StaticPods([pod(0), pod(1), pod(7, name="code-0", labels=other), pod(8, namespace="elsewhere")])
    specs = [replace(SPEC, namespace="serving"), FleetSpec.idle("code", port=18004)]
    async with Fleet(specs=specs, pods=pods, settle_seconds=0.0, clock=Clock()) as fleet:
        await fleet.wait_for(2, fleet="chat")
        await fleet.wait_for(1, fleet="code")
        snapshot = fleet.snapshot()
        with pytest.raises(ValueError, match="say which fleet: chat, code"):
            fleet.set_users(3)
    assert {name: len(replicas) for name, replicas in snapshot.items()} == {"chat": 2, "code": 1}
    assert snapshot["chat"][0].running > 0
    assert snapshot["code"][0].running == 0


async def test_a_pod_replaced_under_its_name_is_a_new_replica() -> None:
    pods = StaticPods([pod(0), pod(1)])
    async with running(pods) as (fleet, http):
        await fleet.wait_for(2)
        before = values(await scrape(http, 1), "vllm:generation_tokens_total")[0]
        pods.set([pod(0), pod(1, ip="127.90.1.50")])
        for _ in range(100):
            if fleet.service().members["chat-1"].pod.ip == "127.90.1.50":
                break
            await asyncio.sleep(0.05)
        await fleet.wait_for(2)
        after = values(await scrape(http, 49), "vllm:generation_tokens_total")[0]
    assert before > 0
    assert after == 0


def test_freed_gpus_are_handed_out_again() -> None:
    ledger = GpuLedger()
    assert ledger.assign(pod(0, gpus=2)) == (0, 1)
    assert ledger.assign(pod(1, gpus=2)) == (2, 3)
    assert ledger.assign(pod(2, gpus=1, node="gpu-2")) == (0,)
    ledger.release(pod(0))
    assert ledger.assign(pod(3, gpus=3)) == (0, 1, 4)
