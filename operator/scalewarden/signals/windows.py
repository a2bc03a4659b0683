"""Judging a series over time: the last D seconds ending at its newest sample, and what they prove.

What was seen within D (a maximum, a request in flight) needs all there is. What must have lasted for D is judged over
the last `shortSpan` seconds, from `shortSamples` samples on, where the data do not reach back D; below that nothing is
proven.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean

from scalewarden.model.signal import Point, Reading
from scalewarden.model.thresholds import Thresholds

_instant = attrgetter("at")


def rounded(value: float) -> float:
    """Values meet their lines with four decimals, so that 0.8 computed is 0.8 written."""
    return round(value, 4)


def samples(reading: Reading) -> tuple[Point, ...]:
    """The series behind a reading; one without is a single sample."""
    return reading.series or (Point(reading.at, reading.value),)


@dataclass(frozen=True, slots=True)
class Span:
    """The points of a series inside a duration (s). `short` where the data cover less than was asked for;
    `enough` where they may be judged at all."""

    points: tuple[Point, ...]
    wanted: float
    short: bool
    enough: bool

    @property
    def seconds(self) -> float:
        """Seconds between the oldest and the newest point."""
        return self.points[-1].at - self.points[0].at if self.points else 0.0

    @property
    def values(self) -> tuple[float, ...]:
        """The values, oldest first."""
        return tuple(point.value for point in self.points)


SLACK = 0.1
"""Share of a duration that may be missing before it is called short: samples never sit on the edges of a window."""
JITTER = 0.02
"""Share of the short span that late or early scrapes may take away."""


def span(series: Sequence[Point], seconds: float, thresholds: Thresholds) -> Span:
    """All points of the last `seconds` of a series, ending at its newest point."""
    points = since(series, series[-1].at - seconds) if series else ()
    covered = points[-1].at - points[0].at if points else 0.0
    short = covered < seconds * (1 - SLACK)
    return Span(points, seconds, short, enough=not short or _suffices(points, seconds, thresholds))


def lasting(series: Sequence[Point], seconds: float, thresholds: Thresholds) -> Span:
    """The points over which something must have lasted for `seconds`: where the data cover less, the fewest newest
    ones that make a short span."""
    whole = span(series, seconds, thresholds)
    if not whole.short or not whole.enough:
        return whole
    start = next(n for n in range(len(whole.points), -1, -1) if _suffices(whole.points[n:], seconds, thresholds))
    return Span(whole.points[start:], seconds, short=True, enough=True)


def _suffices(points: Sequence[Point], seconds: float, thresholds: Thresholds) -> bool:
    least = min(thresholds["shortSpan"], seconds) * (1 - JITTER)
    return len(points) >= max(1.0, thresholds["shortSamples"]) and points[-1].at - points[0].at >= least


def since(series: Sequence[Point], start: float) -> tuple[Point, ...]:
    """The points at or after `start` (unix seconds) of a series in its order."""
    return tuple(series[bisect_left(series, start, key=_instant) :])


def mean(points: Iterable[Point]) -> float | None:
    """Mean value, None of nothing."""
    values = [point.value for point in points]
    return fmean(values) if values else None


def maximum(points: Iterable[Point]) -> float | None:
    """Largest value, None of nothing."""
    return max((point.value for point in points), default=None)


def quantile(values: Sequence[float], q: float) -> float:
    """Linear-interpolated quantile of at least one value, as PromQL's quantile_over_time."""
    ordered = sorted(values)
    rank = q * (len(ordered) - 1)
    low, high = math.floor(rank), math.ceil(rank)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


@dataclass(frozen=True, slots=True)
class Trend:
    """Least-squares slope (units per second), its standard error, and the seconds of data behind it."""

    slope: float
    error: float
    seconds: float

    @property
    def significant(self) -> bool:
        """Rising by more than two standard errors."""
        return self.slope > 0 and self.slope > 2 * self.error

    @property
    def rise(self) -> float:
        """The fitted rise over the data."""
        return self.slope * self.seconds


def trend(points: Sequence[Point]) -> Trend | None:
    """Fit a line; None with fewer than three points or no spread in time."""
    if len(points) < 3:
        return None
    t_mean = fmean(point.at for point in points)
    v_mean = fmean(point.value for point in points)
    spread = math.fsum((point.at - t_mean) ** 2 for point in points)
    if spread == 0:
        return None
    slope = math.fsum((point.at - t_mean) * (point.value - v_mean) for point in points) / spread
    residual = math.fsum((point.value - v_mean - slope * (point.at - t_mean)) ** 2 for point in points)
    error = math.sqrt(residual / (len(points) - 2) / spread)
    return Trend(slope, error, points[-1].at - points[0].at)


def total(series: Sequence[Sequence[Point]]) -> tuple[Point, ...]:
    """The sum of several series at every instant from which all of them have a value (last value holds)."""
    if not series or any(not one for one in series):
        return ()
    start = max(one[0].at for one in series)
    instants = sorted({point.at for one in series for point in one if point.at >= start})
    cursors = [0] * len(series)
    summed = []
    for at in instants:
        for index, one in enumerate(series):
            while cursors[index] + 1 < len(one) and one[cursors[index] + 1].at <= at:
                cursors[index] += 1
        summed.append(Point(at, math.fsum(one[cursors[index]].value for index, one in enumerate(series))))
    return tuple(summed)
