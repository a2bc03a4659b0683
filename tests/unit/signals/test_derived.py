"""Signals made of signals: a peak, a share of the batch limit, the distance to a promise."""

from scalewarden.model.policy import Objectives
from scalewarden.model.signal import Absent, Point, Reading, SignalName, Unit
from scalewarden.signals.derived import BEYOND_LIMIT, NO_LIMIT, NO_OBJECTIVE, of_replica, of_service

KV = Reading(0.4, Unit.FRACTION, 60.0, "kv", 60.0, (Point(0.0, 0.3), Point(30.0, 0.9), Point(60.0, 0.4)))
BATCH = Reading(48.0, Unit.SEQUENCES, 60.0, "running")
GONE = Absent("the connection was refused")


def test_the_peak_is_the_highest_sample_as_old_as_the_newest():
    peak = of_replica({SignalName.KV_USAGE: KV, SignalName.EFF_BATCH: BATCH}, 64)[SignalName.KV_PEAK]
    assert isinstance(peak, Reading)
    assert (peak.value, peak.at, peak.unit) == (0.9, 60.0, Unit.FRACTION)


def test_the_fill_is_a_share_of_a_known_limit():
    signals = {SignalName.KV_USAGE: KV, SignalName.EFF_BATCH: BATCH}
    fill = of_replica(signals, 64)[SignalName.BATCH_FILL]
    assert isinstance(fill, Reading)
    assert fill.value == 0.75
    assert of_replica(signals, None)[SignalName.BATCH_FILL] == NO_LIMIT
    assert of_replica(signals, 32)[SignalName.BATCH_FILL] == BEYOND_LIMIT


def test_what_was_not_measured_keeps_its_cause():
    found = of_replica({SignalName.KV_USAGE: GONE, SignalName.EFF_BATCH: GONE}, 64)
    assert set(found.values()) == {GONE}


def test_the_gap_is_that_of_the_promise_that_is_nearest_to_breaking():
    latencies = {
        SignalName.TTFT_P95: Reading(1.0, Unit.SECONDS, 60.0, "t"),
        SignalName.ITL_P95: Reading(0.12, Unit.SECONDS, 60.0, "i"),
    }
    gap = of_service(latencies, Objectives(ttft_p95=2.0, itl_p95=0.08, e2e_p99=30.0))[SignalName.SLO_GAP]
    assert isinstance(gap, Reading)
    assert (round(gap.value, 6), gap.unit, gap.source) == (1.5, Unit.RATIO, "itl_p95 ÷ objective")
    assert of_service(latencies, Objectives())[SignalName.SLO_GAP] == NO_OBJECTIVE
