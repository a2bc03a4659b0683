"""A standing queue: requests that waited on one replica at every sample of the last minutes."""

from collections.abc import Sequence

from scalewarden.model.signal import Point
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.verdict import Decision
from scalewarden.signals import windows


def standing(points: Sequence[Point], limits: Thresholds) -> Decision | None:
    """Allow where the queue was ever empty, Deny where it stood high or grew, Hold between; None without data.

    One empty sample proves that the queue is not standing, however short the data; a queue seen on too little
    data holds.
    """
    if not points:
        return None
    span = windows.lasting(points, limits["waitingNeverZero"], limits)
    if min(span.values) <= 0:
        return Decision.ALLOW
    if not span.enough:
        return Decision.HOLD
    found = windows.trend(span.points)
    rising = found is not None and found.significant and found.rise >= limits["waitingRising"]
    mean = windows.mean(span.points) or 0.0
    return Decision.DENY if rising or mean >= limits["waitingNeverZeroMean"] else Decision.HOLD
