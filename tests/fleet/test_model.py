"""The replica model: deterministic, conserving, and in the regime that a real server was in."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from tools.fleet import FleetModel, FleetSpec
from tools.fleet.hardware import LLAMA_7B_H100, Gpu, Hardware, Host
from tools.fleet.model import ReplicaSnapshot

RECORDINGS = Path(__file__).parents[2] / "examples" / "recordings"

# The recorded server: a 33 M-parameter model on one CPU core, 255 KV blocks of 32 tokens. Its step time was read off
# the recordings "light" (28 ms at 4 running) and this one (52 ms at 20 running with prefill); nothing else is fitted.
RECORDED = FleetSpec(
    name="recorded",
    users=34,
    prompt_tokens=(64, 448),
    output_tokens=(64, 320),
    kv_capacity_tokens=255 * 32,
    block_size=32,
    max_num_seqs=64,
    max_num_batched_tokens=2048,
    hardware=Hardware(
        model="tiny-llama-35m",
        gpu=Gpu("none", 1, 1.0, 1.0, 1.0),
        tensor_parallel=1,
        floor_ms=18.0,
        slope_us_per_token=350.0,
        kv_ns_per_context_token=500.0,
        prefill_ns_per_token_pair=0.0,
        comm_fixed_ms=0.0,
        comm_us_per_token=0.0,
        kv_capacity_tokens=255 * 32,
        parameters=33e6,
        kv_bytes_per_token=8192,
        host=Host(per_step_ms=6.0, per_sequence_ms=0.9),
    ),
)


@dataclass
class Phase:
    """What scraping every five seconds saw."""

    kv_mean: float
    kv_max: float
    waiting: float
    running: float
    preemptions: int
    tokens_per_second: float


def observe(model: FleetModel, seconds: int) -> Phase:
    scrapes: list[list[ReplicaSnapshot]] = []
    before = _totals(model)
    for _ in range(0, seconds, 5):
        model.advance(5)
        scrapes.append(model.snapshot())
    tokens, preemptions = (after - first for after, first in zip(_totals(model), before, strict=True))
    flat = [replica for scrape in scrapes for replica in scrape]
    return Phase(
        kv_mean=fmean(replica.kv_usage for replica in flat),
        kv_max=max(replica.kv_usage for replica in flat),
        waiting=fmean(replica.waiting for replica in flat),
        running=fmean(replica.running for replica in flat),
        preemptions=preemptions,
        tokens_per_second=tokens / seconds,
    )


def _totals(model: FleetModel) -> tuple[int, int]:
    counters = [replica.counters for replica in model.replicas.values()]
    return sum(c.generated_tokens for c in counters), sum(c.preemptions for c in counters)


def warmed(spec: FleetSpec, replicas: int) -> FleetModel:
    model = FleetModel(spec)
    for number in range(replicas):
        model.add(f"r{number}")
    model.advance(300)
    return model


def recorded_phase(name: str) -> dict[str, Any]:
    outcome = json.loads((RECORDINGS / "scaledown-users-unsafe-drained" / "outcome.json").read_text())
    phase: dict[str, Any] = next(phase for phase in outcome["phases"] if phase["name"] == name)
    return phase


def test_losing_one_of_two_replicas_ends_as_it_did_on_a_real_server() -> None:
    """34 users on two replicas, then on one. Tolerances: KV 0.06, requests 3, tokens/s 25 %, preemptions a factor 2."""
    model = warmed(RECORDED, 2)
    before = observe(model, 300)
    model.remove("r1")
    model.advance(15)
    after = observe(model, 300)

    real = recorded_phase("before")["server"]
    assert before.kv_mean == pytest.approx(fmean(r["kv_cache_usage"]["mean"] for r in real.values()), abs=0.06)
    assert before.running == pytest.approx(fmean(r["running"]["mean"] for r in real.values()), abs=3)
    assert before.waiting < 0.5
    # None in the recorded 55 s; here 300 s of both replicas.
    assert before.preemptions <= 2

    phase = recorded_phase("after")
    real_after = phase["server"]["a"]
    assert after.kv_mean == pytest.approx(real_after["kv_cache_usage"]["mean"], abs=0.06)
    assert after.kv_max > 0.97
    assert after.waiting == pytest.approx(real_after["waiting"]["mean"], abs=3)
    assert after.running == pytest.approx(real_after["running"]["mean"], abs=3)
    assert after.tokens_per_second == pytest.approx(phase["client"]["output_tokens_per_s"], rel=0.25)
    per_second = real_after["preemptions"] / (phase["end"] - phase["start"])
    assert per_second / 2 < after.preemptions / 300 < per_second * 2


def test_first_tokens_are_as_late_as_on_the_crowded_real_server() -> None:
    """Median and p95 in the histogram bucket of the measured value or the next."""
    seen = warmed(RECORDED, 1).replicas["r0"].latencies.first_token
    crowded = recorded_phase("after")["client"]["ttft_s"]
    assert 5.0 < crowded["p50"] <= 7.5 < crowded["p95"] <= 10.0
    assert seen.quantile(0.5) in (5.0, 7.5)
    assert seen.quantile(0.95) in (10.0, 20.0)


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, second = (warmed(FleetSpec.kv_bound("a", 2), 2) for _ in range(2))
    other = warmed(FleetSpec.kv_bound("a", 2, seed=2), 2)
    assert first.snapshot() == second.snapshot()
    assert first.snapshot() != other.snapshot()


def test_small_steps_and_large_ones_agree() -> None:
    once, often = warmed(FleetSpec.kv_bound("a", 2), 2), warmed(FleetSpec.kv_bound("a", 2), 2)
    once.advance(60)
    for _ in range(240):
        often.advance(0.25)
    assert once.snapshot() == often.snapshot()


def test_kv_bound_looks_lazy_and_cannot_lose_a_replica() -> None:
    model = warmed(FleetSpec.kv_bound("a"), 4)
    before = observe(model, 300)
    assert 0.80 <= before.kv_mean <= before.kv_max <= 0.95
    assert all(0.25 <= replica.gpu_busy <= 0.45 for replica in model.snapshot())
    model.remove("r3")
    after = observe(model, 60)
    assert after.kv_max > 0.99
    assert after.waiting > 10
    assert after.preemptions > 0


def test_comfortable_can_lose_two_of_six_but_three_are_too_many_to_be_sure() -> None:
    model = warmed(FleetSpec.comfortable("a"), 6)
    peak = observe(model, 600).kv_max
    worst_after = {gone: peak + gone * peak / (6 - gone) for gone in (1, 2, 3)}
    assert worst_after[2] <= 0.70 < worst_after[3]
    model.remove("r5")
    model.remove("r4")
    after = observe(model, 300)
    assert (after.preemptions, round(after.waiting)) == (0, 0)
    assert after.kv_max < 0.70


def test_idle_does_nothing() -> None:
    model = warmed(FleetSpec.idle("a"), 2)
    assert all(
        (replica.running, replica.waiting, replica.kv_usage, replica.gpu_busy, replica.tokens_per_second)
        == (0, 0, 0, 0, 0)
        for replica in model.snapshot()
    )


def test_every_block_is_given_back() -> None:
    spec = replace(FleetSpec.kv_bound("a", 2), users=600)
    model = warmed(spec, 2)
    assert any(replica.counters.preemptions for replica in model.replicas.values())
    model.set_users(0)
    model.advance(600)
    for replica in model.replicas.values():
        assert (replica.used_blocks, replica.outstanding) == (0, 0)
        assert replica.gauges.kv_usage == 0
        assert replica.latencies.end_to_end.count == replica.counters.finished > 0


def test_requests_outlive_every_replica() -> None:
    model = warmed(FleetSpec.kv_bound("a", 2, users=40), 2)
    model.remove("r0")
    model.remove("r1")
    model.advance(30)
    model.add("r2")
    model.advance(1)
    (alone,) = model.snapshot()
    assert alone.running + alone.waiting == 40


def test_open_loop_arrivals_follow_their_rate() -> None:
    model = FleetModel(FleetSpec.idle("a", arrivals_per_second=4.0))
    model.add("r0")
    model.advance(600)
    model.set_arrivals(0.0)
    model.advance(120)
    assert model.replicas["r0"].counters.finished == pytest.approx(2400, rel=0.06)


def test_a_preemption_is_counted_with_the_next_output_only() -> None:
    """As on a real server: requests already wait for room while the counter still stands at 0."""
    model = warmed(FleetSpec.kv_bound("a", 2), 2)
    model.remove("r1")
    while not any(request.preemptions for request in model.replicas["r0"].waiting):
        model.advance(0.05)
    assert model.replicas["r0"].counters.preemptions == 0


def test_cached_prompts_are_not_computed_again() -> None:
    plain = warmed(FleetSpec.comfortable("a", 1), 1).replicas["r0"]
    cached = warmed(FleetSpec.comfortable("a", 1, prefix_hit_ratio=0.9), 1).replicas["r0"]
    assert cached.counters.cached_tokens == pytest.approx(0.9 * cached.counters.prompt_tokens, rel=0.01)
    assert cached.work.tensor / cached.work.busy < 0.8 * plain.work.tensor / plain.work.busy


def test_a_request_that_can_never_fit_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="1200 tokens must fit"):
        FleetSpec("a", kv_capacity_tokens=1000)


def test_idle_step_constants_are_those_of_the_hardware() -> None:
    model = FleetModel(FleetSpec.idle("a", users=1))
    model.add("r0")
    model.advance(120)
    replica = model.replicas["r0"]
    step = replica.work.busy / replica.counters.steps
    host = LLAMA_7B_H100.host
    floor = (LLAMA_7B_H100.floor_ms + host.per_step_ms + host.per_sequence_ms) / 1e3
    assert floor < step < 1.2 * floor


def test_recordings_are_whole() -> None:
    pages = sorted(RECORDINGS.glob("*/scrapes/*/*.prom.gz"))
    assert len(pages) > 150
    assert all(gzip.decompress(page.read_bytes()).endswith(b"\n") for page in pages[::40])
