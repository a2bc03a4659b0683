"""Between what a prediction lies: worked by hand, and never short of the prediction itself."""

from dataclasses import replace

import pytest
from hypothesis import given

from scalewarden.judgement.decide import Judge
from scalewarden.model.baseline import Learned
from scalewarden.model.fingerprint import Fingerprint
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Prediction, Range
from scalewarden.whatif.uncertainty import around
from tests.builders import AT, fleet, ramp, replica, snapshot
from tests.strategies import snapshots


def predicted(snap: Snapshot, to: int) -> Prediction:
    return Judge(snap, (), Policy()).prediction(to, Actor.AUTOSCALER)


def test_peaks_that_never_coincided_open_the_range() -> None:
    one, other = [0.6, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.5]
    found = predicted(snapshot([replica(kv=one), replica(kv=other)]), 1)
    assert found.kv_cache_usage == 1.1  # the maxima together
    assert found.uncertainty.kv_cache_usage == Range(0.8, 1.1)  # 0.6 + 0.2 at the worst instant


def test_peaks_that_coincide_leave_none() -> None:
    assert predicted(snapshot(fleet(4, kv=0.5)), 3).uncertainty.kv_cache_usage == Range(0.6667, 0.6667)


def test_growth_has_its_noise() -> None:
    jagged = tuple(Point(p.at, p.value + (0.02 if n % 2 else -0.02)) for n, p in enumerate(ramp(0.2, 0.4)))
    found = predicted(snapshot([replica(kv=jagged), replica(kv=jagged), replica(kv=jagged)]), 2)
    assert found.uncertainty.kv_cache_usage is not None and found.kv_cache_usage is not None
    low, high = found.uncertainty.kv_cache_usage
    assert low < found.kv_cache_usage < high


def test_the_queue_of_the_last_minute_has_its_extremes() -> None:
    found = predicted(snapshot([replica(waiting=[0, 0, 4, 0, 8, 0]), replica()]), 1)
    assert found.uncertainty.waiting_per_replica == Range(0.0, 8.0)


def test_batches_from_their_mean_to_their_largest() -> None:
    some = replica(running=[10, 10, 10, 30], eff_batch=27, max_num_seqs=64)
    found = predicted(snapshot([some, replica(running=4, eff_batch=4, max_num_seqs=64)]), 1)
    assert found.concurrency == 0.8438  # 27/64 · 2
    assert found.uncertainty.concurrency == Range(0.4688, 0.9375)  # 15/64 · 2 and 30/64 · 2


def test_learned_speed_has_a_middle() -> None:
    samples = tuple(Point(AT - 60 * n, 1000.0 if n % 2 else 800.0) for n in range(20))
    learned = Learned(Fingerprint(), AT - 86400, saturated=samples)
    service = snapshot(fleet(3, gen_tps=300), sustainable_tps=1000, sustainable_learned=True, learned=learned)
    found = predicted(service, 2)
    assert found.throughput == 0.45 and found.uncertainty.throughput == Range(0.45, 0.5)
    declared = replace(service, sustainable_learned=False)
    assert predicted(declared, 2).uncertainty.throughput == Range(0.45, 0.45)


@pytest.mark.parametrize(("value", "deviation"), [(None, 1.0), (1.0, None)])
def test_nothing_is_made_up(value: float | None, deviation: float | None) -> None:
    assert around(value, deviation) is None


def test_no_number_is_below_zero() -> None:
    assert around(0.1, 0.2) == Range(0.0, 0.5)


def test_an_inter_token_latency_is_predicted_where_a_line_fits() -> None:
    batches = [4.0 + n for n in range(12)]
    # 10 ms and 1 ms a running request, exactly
    some = replica(running=batches, itl_mean=[0.010 + 0.001 * b for b in batches], eff_batch=15)
    found = predicted(snapshot([some, some], service={"itl_p95": 0.025}), 1)
    assert found.inter_token_latency == pytest.approx(0.040)
    assert found.uncertainty.inter_token_latency == Range(0.04, 0.04)
    assert predicted(snapshot([some, some]), 1).inter_token_latency is None


def test_the_queue_of_the_gateway_is_in_the_range() -> None:
    found = predicted(snapshot(fleet(2), service={"gateway_waiting": [0, 0, 0, 8]}), 1)
    assert found.waiting_per_replica == 2.0  # the mean of the last minute, not the newest sample
    assert found.uncertainty.waiting_per_replica == Range(0.0, 8.0)


def test_a_verdict_says_between_what_its_number_lies() -> None:
    one, other = [0.6, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.5]
    verdict = Judge(snapshot([replica(kv=one), replica(kv=other)]), (), Policy()).decide(Intent(2, 1))
    assert "would peak at 1.10 (safe up to 0.70), between 0.80 and 1.10" in verdict.message
    alike = Judge(snapshot(fleet(4, kv=0.5)), (), Policy()).decide(Intent(4, 3))
    assert "between" not in alike.message


@given(snapshots())
def test_the_prediction_lies_within_its_range(snap: Snapshot) -> None:
    for to in range(1, snap.replicas_desired):
        found = predicted(snap, to)
        ranges = found.uncertainty
        for value, between in (
            (found.kv_cache_usage, ranges.kv_cache_usage),
            (found.waiting_per_replica, ranges.waiting_per_replica),
            (found.concurrency, ranges.concurrency),
            (found.throughput, ranges.throughput),
            (found.inter_token_latency, ranges.inter_token_latency),
            (found.time_to_first_token, ranges.time_to_first_token),
        ):
            assert between is None or (value is not None and between.low <= value <= between.high)
