"""The facts that the table of regimes asks for, each by what was measured: absent is None, never zero."""

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.judgement.facts import Facts, facts
from scalewarden.model.policy import Objectives
from scalewarden.model.signal import Absent
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import EngineState, Replica
from scalewarden.whatif.fleet import fleet as reduced
from tests.builders import fleet, reading, replica, snapshot

BLIND: dict[str, Any] = {"kv": None, "waiting": None, "running": None}
SICK: dict[str, Any] = {"kv": 0.2, "waiting": 9.0, "running": 1.0, "gen_tps": 0.0, "finish_rate": 0.0}
QUEUE = [3.0] * 41


def gathered(*pods: Replica, **more: Any) -> Facts:
    snap: Snapshot = snapshot(pods, **more)
    return facts(snap, reduced(snap))


def test_of_no_replica_nothing_is_known() -> None:
    assert gathered() == Facts(
        coverage=0.0, fresh=0.0, required_absent=True, kv_max=None, kv_mean=None, utilization=None,
        engine_active=None, sm_active=None, tensor_active=None, dram_active=None, running=None, waiting=None,
        standing=False, batch=None, share=None, filled=None, flat=False, cpu=None, throttled=None, latency_ok=True,
        short=True,
    )  # fmt: skip


def test_sums_means_and_the_worst_of_a_service() -> None:
    busy = replica(
        kv=[0.2, 0.8, 0.4], waiting=[0.0, 2.0, 3.0], running=[8.0, 8.0, 6.0], eff_batch=8.0, max_num_seqs=16,
        gpu_busy=0.9, engine_active=0.8, sm_active=0.4, tensor_active=0.2, dram_active=0.6,
        cpu_ratio=0.5, cpu_throttled=0.1,
    )  # fmt: skip
    calm = replica(
        kv=[0.1, 0.1, 0.4], running=2.0, eff_batch=2.0, max_num_seqs=4,
        gpu_busy=0.1, engine_active=0.2, sm_active=0.2, tensor_active=0.1, dram_active=0.2,
        cpu_ratio=0.9, cpu_throttled=0.0,
    )  # fmt: skip
    found = gathered(busy, calm)
    assert (found.kv_max, found.kv_mean) == (0.8, pytest.approx((1.4 / 3 + 0.2) / 2, abs=1e-3))
    assert (found.utilization, found.engine_active) == (0.5, 0.5)
    assert (found.sm_active, found.tensor_active, found.dram_active) == (0.3, 0.15, 0.4)
    assert (found.running, found.waiting, found.batch, found.share) == (8.0, 3.0, None, 0.5)
    assert (found.cpu, found.throttled) == (0.9, 0.1)


def test_what_waits_at_the_gateway_waits_too() -> None:
    assert gathered(replica(waiting=2.0), service={"gateway_waiting": 3.0}).waiting == 5.0
    assert gathered(replica(waiting=None), service={"gateway_waiting": 3.0}).waiting is None


@pytest.mark.parametrize(
    ("ages", "fresh"),
    [((0, 0), 1.0), ((60, 60), 1.0), ((0, 61), 0.5), ((299, 299), 0.0), ((0, 300), 0.5)],
)
def test_stale_samples_are_seen_and_do_not_speak_for_now(ages: tuple[float, ...], fresh: float) -> None:
    found = gathered(*(replica(age=age) for age in ages))
    assert (found.fresh, found.coverage) == (fresh, 0.5 if 300 in ages else 1.0)


def test_a_part_that_is_not_measured_is_left_out_of_the_mean() -> None:
    assert gathered(replica(gpu_busy=0.8), replica(gpu_busy=None)).utilization == 0.8


@pytest.mark.parametrize(
    ("pods", "coverage", "absent"),
    [
        ([replica(), replica(**BLIND)], 0.5, False),
        ([replica(**BLIND)], 0.0, True),
        ([replica(), replica(**SICK)], 1.0, False),
        ([replica(**BLIND), replica(**SICK)], 0.5, True),
        ([replica(**SICK)], 1.0, True),
        ([replica(), replica(ready=False, **BLIND)], 1.0, False),
        ([replica(), replace(replica(running=0.0), engine_state=EngineState.ASLEEP)], 1.0, False),
    ],
    ids=[
        "half",
        "none",
        "a stuck one is seen",
        "only a stuck one",
        "all are stuck",
        "one that does not serve",
        "a sleeping one",
    ],
)
def test_coverage_is_of_those_that_serve(pods: list[Replica], coverage: float, absent: bool) -> None:
    found = gathered(*pods)
    assert (found.coverage, found.required_absent) == (coverage, absent)


# At the limit of the batch ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("running", "filled"), [([8.0] * 41, 1.0), ([7.0] * 40 + [8.0], 1.0), ([6.0] * 41, 0.75)])
def test_at_a_limit_that_is_known(running: list[float], filled: float) -> None:
    assert gathered(replica(running=running, waiting=QUEUE, max_num_seqs=8)).filled == filled


def test_only_the_last_two_minutes_count() -> None:
    before = [8.0] * 32 + [1.0] * 9
    assert gathered(replica(running=before, waiting=QUEUE, max_num_seqs=8)).filled == 0.125
    within = [1.0] * 33 + [8.0] + [1.0] * 7
    assert gathered(replica(running=within, waiting=QUEUE, max_num_seqs=8)).filled == 1.0


def test_a_full_batch_counts_where_the_queue_stands_and_nowhere_else() -> None:
    full, waits = (
        replica(running=8.0, max_num_seqs=8, eff_batch=1.0),
        replica(running=[5.0, 6.0] * 20, waiting=QUEUE, max_num_seqs=12, eff_batch=6.0),
    )
    beside = gathered(full, waits)
    assert (beside.standing, beside.filled, beside.batch, beside.flat) == (True, 0.5, 6.0, False)
    assert gathered(full).filled is None and gathered(full).batch is None
    assert gathered(waits, replica(waiting=QUEUE, eff_batch=2.0)).batch == 2.0


def test_a_queue_at_the_gateway_waits_for_every_replica() -> None:
    full = replica(running=8.0, max_num_seqs=8, eff_batch=7.0)
    found = gathered(full, service={"gateway_waiting": QUEUE})
    assert (found.standing, found.filled, found.batch) == (True, 1.0, 7.0)
    assert not gathered(full, service={"gateway_waiting": [3.0, 0.0, 3.0, 3.0]}).standing


@pytest.mark.parametrize(
    ("running", "waiting", "flat"),
    [
        ([8.0] * 41, QUEUE, True),
        ([8.0] * 41, [1.0] * 41, True),
        ([8.0] * 41, 0.0, False),
        ([8.0] * 40 + [7.0], QUEUE, False),
        ([8.0] * 4, [3.0] * 4, True),
        ([8.0] * 3, [3.0] * 3, False),
        (None, QUEUE, False),
    ],
    ids=["flat in a queue", "in a short one", "without one", "not flat", "four samples", "three", "not measured"],
)
def test_where_the_limit_is_not_known_flat_beside_a_queue_is_at_it(running: Any, waiting: Any, flat: bool) -> None:
    assert gathered(replica(running=running, waiting=waiting)).flat is flat


def test_the_fullest_batch_is_the_share_and_nothing_is_a_share_of_nothing() -> None:
    found = gathered(replica(running=4.0, max_num_seqs=8), replica(running=6.0, max_num_seqs=24), replica(running=99.0))
    assert found.share == 0.5
    assert gathered(replica(running=0.0, max_num_seqs=8)).share == 0.0
    assert gathered(replica(running=None, max_num_seqs=8)).share is None


@pytest.mark.parametrize(
    ("waiting", "standing"),
    [(QUEUE, True), ([1.0] * 41, True), ([0.0, 3.0] * 20, False), ([3.0] * 3, False), ([3.0] * 4, True)],
)
def test_a_standing_queue_on_any_replica(waiting: list[float], standing: bool) -> None:
    assert gathered(*fleet(2), replica(waiting=waiting)).standing is standing


# Latency and span ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("itl", "ok"), [(0.080, True), (0.081, False)])
def test_latency_is_held_against_its_objective(itl: float, ok: bool) -> None:
    measured = {"itl_p95": reading("itl_p95", itl, observations=100)}
    assert gathered(*fleet(2), objectives=Objectives(itl_p95=0.08), service=measured).latency_ok is ok
    assert gathered(*fleet(2), service=measured).latency_ok
    assert gathered(objectives=Objectives(itl_p95=0.08), service=measured).latency_ok


@pytest.mark.parametrize(("over", "short"), [(540.0, False), (539.0, True)])
def test_nine_tenths_of_the_window_are_enough(over: float, short: bool) -> None:
    assert gathered(replica(over=over), replica(over=30.0)).short is short


def test_without_requests_running_there_is_no_span() -> None:
    assert gathered(replica(running=Absent("no page"))).short
