"""Trends as the rules and the what-if count them: over enough data and beyond their own noise."""

from collections.abc import Sequence
from statistics import fmean

from scalewarden.model.signal import Point
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals import windows
from scalewarden.signals.windows import Trend


def rising(points: Sequence[Point], limits: Thresholds) -> Trend | None:
    """The trend where it rises by more than two standard errors over `risingSpan` or more; else None."""
    found = long_enough(points, limits)
    return found if found and found.significant else None


def long_enough(points: Sequence[Point], limits: Thresholds) -> Trend | None:
    """The trend, rising or not, where the data span `risingSpan`."""
    found = windows.trend(points)
    return found if found and found.seconds >= limits["risingSpan"] else None


def fitted_end(points: Sequence[Point], found: Trend) -> float:
    """Where the fitted line stands at the newest point: less noisy than that point."""
    at = fmean(point.at for point in points)
    return fmean(point.value for point in points) + found.slope * (points[-1].at - at)
