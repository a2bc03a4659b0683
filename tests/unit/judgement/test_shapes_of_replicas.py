"""Replicas of other shapes: several engines in a pod, unlike limits, sticky prefixes, half of a request's life."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.diagnosis import Regime
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Objectives, Policy
from scalewarden.model.signal import Reading
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.topology import SliceShare
from scalewarden.model.verdict import Decision, Prediction, Test
from scalewarden.model.workload import Gpu, Role, Routing
from tests.builders import fleet, gpu_workload, mig, reading, replica, snapshot, target

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


def test_a_cache_of_unknown_size_receives_as_the_smallest_and_gives_as_the_largest() -> None:
    """0.3 of 100,000 tokens may land on a cache as small as the 10,000 of another: 0.3 + 0.3 · 100,000 / (2 · 10,000),
    where fractions alone say 0.3 + 0.3 / 2."""
    some = [replica(kv=0.3, kv_tokens=size) for size in (100_000, 10_000, None)]
    assert predicted(snapshot(some), 2).kv_cache_usage == 1.8
    assert (
        predicted(snapshot([replica(kv=0.3, kv_tokens=size) for size in (10_000, 10_000, None)]), 2).kv_cache_usage
        == 0.45
    )


def share(memory: float) -> Gpu:
    return replace(mig(), share=SliceShare(memory, memory))


def test_slices_of_unknown_caches_compare_by_their_memory() -> None:
    """Half a GPU at 0.4 handed to an eighth of one at 0.1: 0.1 + 0.4 · 4; the other way it would be 0.4 + 0.1 / 4."""
    half, eighth = replica(kv=0.4, gpus=[share(0.5)]), replica(kv=0.1, gpus=[share(0.125)])
    assert predicted(snapshot([half, eighth]), 1).kv_cache_usage == 1.7
    assert predicted(snapshot([half, replica(kv=0.1, gpus=[share(0.5)])]), 1).kv_cache_usage == 0.5
    assert predicted(snapshot([half, replica(kv=0.1)]), 1).kv_cache_usage == 0.5


def test_a_small_slice_sustains_its_share() -> None:
    """1,000 tokens/s of half a GPU are 250 of an eighth: 400 and 50 on it are 1.8 of what it sustains."""
    half = replica(gen_tps=400, gpus=[share(0.5)])
    eighth, other = replica(gen_tps=50, gpus=[share(0.125)]), replica(gen_tps=50, gpus=[share(0.5)])
    assert predicted(snapshot([half, eighth], sustainable_tps=1000.0), 1).throughput == 1.8
    assert predicted(snapshot([half, other], sustainable_tps=1000.0), 1).throughput == 0.8  # 450 · (400 / 225) / 1000


def test_a_leader_worker_set_removes_its_highest_groups() -> None:
    """The groups 2 and 3 go, so that the hot one among them is sure to hand over its load, and group 0 to stay."""
    hot, calm = 0.6, 0.1

    def kv(loads: list[float], kind: str) -> float | None:
        groups = [replica(kv=load, ordinal=ordinal) for ordinal, load in enumerate(loads)]
        return predicted(snapshot(groups, target=target(kind)), 2).kv_cache_usage

    assert kv([calm, calm, calm, hot], "LeaderWorkerSet") == 0.45  # 0.1 + 0.7 / 2
    assert kv([hot, calm, calm, calm], "LeaderWorkerSet") == 0.7  # 0.6 + 0.2 / 2
    assert kv([calm, calm, calm, hot], "Deployment") == 0.7


def test_an_idle_service_goes_to_zero_by_the_test_that_says_so() -> None:
    verdict = Judge(snapshot(fleet(2, kv=0.0, running=0.0)), (), Policy()).decide(Intent(2, 0))
    assert (verdict.decision, verdict.binding_test) == (Decision.ALLOW, Test.REQUESTS_IN_FLIGHT)


@given(st.lists(st.tuples(st.integers(1, 200), st.sampled_from([16, 64, 256])), min_size=2, max_size=5), st.data())
def test_unlike_limits_are_bounded_over_every_victim_set(pods: list[tuple[int, int]], data: st.DataObject) -> None:
    to = data.draw(st.integers(1, len(pods) - 1))
    some = [replica(running=batch, eff_batch=batch, max_num_seqs=limit) for batch, limit in pods]
    found = predicted(snapshot(some), to).concurrency
    total = sum(batch for batch, _ in pods)
    worst = max(
        (batch + (total - sum(pods[i][0] for i in stay)) / to) / limit
        for stay in combinations(range(len(pods)), to)
        for batch, limit in (pods[i] for i in stay)
    )
    most = max(batch / limit for batch, limit in pods) * len(pods) / to
    alike = len({limit for _, limit in pods}) == 1
    assert found == pytest.approx(most if alike else max(most, worst), abs=1e-4)
