"""Spans: what was seen within a duration, and what may be said to have lasted for it."""

import pytest

from scalewarden.model.signal import Point
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals import windows

LINES = Thresholds()


def every(seconds: float, count: int, value: float = 1.0) -> tuple[Point, ...]:
    return tuple(Point(1000.0 + seconds * n, value) for n in range(count))


def test_nothing_proves_nothing() -> None:
    for cut in (windows.span, windows.lasting):
        empty = cut((), 120.0, LINES)
        assert (empty.points, empty.enough, empty.short, empty.seconds) == ((), False, True, 0.0)


def test_a_full_window_is_neither_short_nor_cut_to_less() -> None:
    series = every(15, 41)
    whole = windows.lasting(series, 120.0, LINES)
    assert (len(whole.points), whole.short, whole.enough) == (9, False, True)


def test_a_maximum_uses_all_there_is_and_a_duration_the_newest_45_seconds() -> None:
    series = every(5, 15)  # 70 s
    assert len(windows.span(series, 120.0, LINES).points) == 15
    lasted = windows.lasting(series, 120.0, LINES)
    assert (lasted.seconds, lasted.short, lasted.enough) == (45.0, True, True)


@pytest.mark.parametrize(
    ("series", "enough"),
    [(every(15, 4), True), (every(14.98, 4), True), (every(14.6, 4), False), (every(22.5, 3), False)],
)
def test_45_seconds_and_4_samples_are_the_least(series: tuple[Point, ...], enough: bool) -> None:
    assert windows.lasting(series, 120.0, LINES).enough is enough


def test_slow_scrapes_reach_back_until_there_are_four() -> None:
    assert windows.lasting(every(30, 4), 120.0, LINES).seconds == 90.0


def test_trend_needs_three_points_and_a_spread_in_time() -> None:
    assert windows.trend(every(5, 2)) is None
    assert windows.trend([Point(1.0, 2.0)] * 3) is None
    found = windows.trend([Point(float(n), 2.0 * n) for n in range(10)])
    assert found is not None
    assert (found.slope, found.rise, found.significant) == (pytest.approx(2.0), pytest.approx(18.0), True)


def test_a_sum_holds_the_last_value_of_each_from_where_all_have_one() -> None:
    one, other = (Point(0, 1.0), Point(10, 2.0)), (Point(5, 10.0), Point(15, 20.0))
    assert windows.total([one, other]) == (Point(5, 11.0), Point(10, 12.0), Point(15, 22.0))
    assert windows.total([one, ()]) == ()
    assert windows.total([]) == ()


def test_quantiles_interpolate() -> None:
    assert windows.quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert windows.quantile([7.0], 0.95) == 7.0


def test_means_and_maxima_of_nothing_are_none() -> None:
    assert windows.mean(()) is None
    assert windows.maximum(()) is None
