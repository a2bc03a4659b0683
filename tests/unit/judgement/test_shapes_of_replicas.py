"""Replicas of other shapes: several engines in a pod, unlike limits, sticky prefixes, half of a request's life."""

from typing import Any

import pytest

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.diagnosis import Regime
from scalewarden.model.intent import Actor
from scalewarden.model.policy import Objectives, Policy
from scalewarden.model.signal import Reading
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Prediction, Test
from scalewarden.model.workload import Role, Routing
from tests.builders import fleet, gpu_workload, reading, replica, snapshot

QUEUE = [3.0] * 41
SIZES: dict[str, Reading] = {
    "input_tokens": reading("input_tokens", 1000, observations=50),
    "output_tokens": reading("output_tokens", 200, observations=50),
}


def predicted(snap: Snapshot, to: int) -> Prediction:
    return Judge(snap, (), Policy()).prediction(to, Actor.AUTOSCALER)


def test_two_engines_in_a_pod_share_its_queue() -> None:
    """10 of 64 in the fullest engine and 8 waiting for both: (10 + 4) / 64, twice over."""
    one = {"running": 20, "eff_batch": 10, "waiting": 8.0, "max_num_seqs": 64}
    assert predicted(snapshot(fleet(2, engines=2, **one)), 1).concurrency == 0.4375
    assert predicted(snapshot(fleet(2, engines=1, **one)), 1).concurrency == 0.5625


def test_a_queue_goes_to_all_engines_of_a_survivor() -> None:
    def kv(engines: int) -> float | None:
        some = fleet(2, kv=0.2, waiting=4.0, kv_tokens=20_000, engines=engines, **SIZES)
        return predicted(snapshot(some), 1).kv_cache_usage

    assert (kv(1), kv(2)) == (0.84, 0.62)  # 0.4 + 8 · 1100 / 20,000, and half of that


def test_half_full_engines_are_not_at_their_limit() -> None:
    """64 run in two engines of 64 each: the batch limit does not bind."""
    pods = {"kv": 0.4, "waiting": QUEUE, "running": [63.0, 65.0] * 20, "eff_batch": 33, "max_num_seqs": 64}
    assert evaluate(snapshot(fleet(2, engines=1, **pods)), Policy()).diagnosis.regime is Regime.BATCH_LIMITED
    assert evaluate(snapshot(fleet(2, engines=2, **pods)), Policy()).diagnosis.regime is Regime.QUEUE_BOUND


def test_a_large_replica_may_hand_over_to_a_small_one() -> None:
    """100 of 256 sequences land on one that has 8 of 16: (8 + 100) / 16, not 0.5 · 2."""
    large = replica(running=100, eff_batch=100, max_num_seqs=256)
    small = replica(running=8, eff_batch=8, max_num_seqs=16)
    assert predicted(snapshot([large, small]), 1).concurrency == 6.75
    assert predicted(snapshot([small, small]), 1).concurrency == 1.0


@pytest.mark.parametrize(("routing", "kv"), [(Routing.EVEN, 0.56), (Routing.STICKY, 0.71)])
def test_prefixes_that_clients_stick_to_are_lost_with_their_replica(routing: Routing, kv: float) -> None:
    """Half of the input is cached: 0.2 + 8·(500 + 100) / 13,333. Sticky, the victim's half of that is gone: 750."""
    some = fleet(2, kv=0.1, waiting=4.0, kv_tokens=13_333, prefix_hit=0.5, **SIZES)
    found = predicted(snapshot(some, routing=routing), 1).kv_cache_usage
    assert found == pytest.approx(kv, abs=0.001)


ROLES: tuple[tuple[Role | None, set[Test]], ...] = (
    (None, {Test.INTER_TOKEN_LATENCY, Test.TIME_TO_FIRST_TOKEN}),
    (Role.PREFILL, {Test.TIME_TO_FIRST_TOKEN}),
    (Role.DECODE, {Test.INTER_TOKEN_LATENCY}),
)


@pytest.mark.parametrize(("role", "spoke"), ROLES)
def test_each_half_answers_for_its_own_latency(role: Role | None, spoke: set[Test]) -> None:
    more: dict[str, Any] = {
        "objectives": Objectives(ttft_p95=2.0, itl_p95=0.08),
        "service": {"ttft_p95": 0.5, "itl_p95": 0.02},
        "workload": gpu_workload(role=role),
    }
    results = Judge(snapshot(fleet(4), **more), (), Policy()).results(3, Actor.AUTOSCALER)
    latency = {Test.INTER_TOKEN_LATENCY, Test.TIME_TO_FIRST_TOKEN}
    assert {one.test for one in results if one.test in latency and one.skipped is None} == spoke
