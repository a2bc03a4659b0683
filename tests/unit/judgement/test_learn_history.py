"""A baseline from the series that a Prometheus kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from scalewarden.judgement.learn_history import History, learn_history
from scalewarden.model.baseline import MOST_SAMPLES, Learned
from scalewarden.model.policy import Objectives
from scalewarden.model.signal import Absent, Point, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.whatif.learned import itl_line, sustainable_tps
from tests import builders as build

STEP = 60.0
HOUR = 61
"""Points of an hour."""


def over(values: float | Sequence[float], count: int = HOUR, until: float = build.AT) -> list[Point]:
    """One point a minute, the last one at `until`."""
    told = [values] * count if isinstance(values, (int, float)) else list(values)
    return [Point(until - (len(told) - 1 - index) * STEP, float(value)) for index, value in enumerate(told)]


def pod(**more: Any) -> History:
    values: dict[str, Any] = {
        "gen_tps": 500.0, "running": 16.0, "waiting": 3.0, "kv_usage": 0.5, "preemptions": 0.0, "itl_mean": 0.03,
        **more,
    }  # fmt: skip
    return {SignalName(name): over(value) for name, value in values.items() if value is not None}


def learned(pods: Mapping[str, History], service: Snapshot | None = None, before: Learned | None = None) -> Learned:
    return learn_history(before, service or build.snapshot([]), pods, STEP)


def test_an_hour_of_two_pods_is_enough() -> None:
    found = learned({"a": pod(), "b": pod(gen_tps=600.0)})
    # The first five minutes are left out, then one look every two minutes at each pod.
    assert len(found.saturated) == MOST_SAMPLES < 2 * 28
    assert sustainable_tps(found, build.AT, Thresholds()) == 600.0
    assert found.updated == build.AT
    assert [(one.running, one.tps) for one in found.batches] == [(16, 550.0)]


def test_the_itl_line_comes_from_the_means() -> None:
    batches = [4.0, 12.0] * 31
    found = learned({"a": pod(running=batches[:HOUR], itl_mean=[0.02 + 0.001 * one for one in batches[:HOUR]])})
    line = itl_line(found, build.AT, Thresholds())
    assert line is not None and line.slope == pytest.approx(0.001, rel=1e-3)


NOTHING: dict[str, dict[str, Any]] = {
    "no queue signal": {"waiting": None},
    "no KV usage": {"kv_usage": None},
    "no preemptions": {"preemptions": None},
    "a preemption every other minute": {"preemptions": [0.0, 1.0] * 30 + [0.0]},
    "a full cache": {"kv_usage": 0.95},
    "a queue that empties": {"waiting": [0.0, 5.0] * 30 + [0.0]},
    "no numbers": {"gen_tps": float("nan")},
}


@pytest.mark.parametrize("what", NOTHING.values(), ids=NOTHING.keys())
def test_history_that_gives_no_saturated_sample(what: dict[str, Any]) -> None:
    assert learned({"a": pod(**what)}).saturated == ()


def test_without_history_nothing_is_known() -> None:
    found = learned({})
    assert (found.saturated, found.updated) == ((), None)


def test_what_the_engine_never_exports_is_not_asked_for() -> None:
    never = Absent("not exported", for_good=True)
    service = build.snapshot([build.replica(kv=never, preemptions=never)])
    assert len(learned({"a": pod(kv_usage=None, preemptions=None)}, service).saturated) == 28


def test_after_a_gap_a_pod_warms_up_again() -> None:
    whole = pod()
    broken = {
        name: [one for index, one in enumerate(points) if not 30 <= index <= 33] for name, points in whole.items()
    }
    samples = [point.at for point in learned({"a": broken}).saturated]
    silent = [at for at in samples if whole[SignalName.RUNNING][32].at <= at < whole[SignalName.RUNNING][34].at + 300]
    assert samples and silent == []


def test_nothing_is_learned_twice() -> None:
    found = learned({"a": pod()})
    assert learned({"a": pod()}, before=found) == found


def test_a_declared_itl_needs_its_quantile() -> None:
    service = build.snapshot([], objectives=Objectives(itl_p95=0.08))
    assert learned({"a": pod()}, service).saturated == ()
    assert len(learned({"a": pod(itl_p95=0.05)}, service).saturated) == 28
    assert learned({"a": pod(itl_p95=0.09)}, service).saturated == ()


def test_calm_history_gives_the_floor() -> None:
    found = learned({"a": pod(waiting=0.0, gen_tps=700.0)})
    assert {point.value for point in found.calm} == {700.0}


def test_a_pod_says_nothing_of_the_time_before_it_was_there() -> None:
    late = {name: points[-20:] for name, points in pod(gen_tps=900.0).items()}
    found = learned({"a": pod(), "b": late})
    assert {point.value for point in found.saturated if point.at < build.AT - 20 * STEP} == {500.0}
    assert 900.0 in {point.value for point in found.saturated}
