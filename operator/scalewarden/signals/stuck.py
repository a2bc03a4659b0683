"""A stuck replica holds requests and makes no progress: it is sick, and its load says nothing about capacity."""

from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Replica
from scalewarden.signals import windows
from scalewarden.signals.engines import LATE
from scalewarden.signals.freshness import age


def is_stuck(replica: Replica, at: float, thresholds: Thresholds) -> bool | None:
    """Requests waited throughout the last `waitingNeverZero` seconds while no token and no completion came.

    None where the signals cannot say: one of them is absent or too old, too little data, or a request may be
    running whose tokens the engine counts only at its end.
    """
    waiting = replica.reading(SignalName.WAITING)
    if waiting is None or age(waiting, at) >= thresholds["absentSeconds"]:
        return None
    queue = windows.lasting(windows.samples(waiting), thresholds["waitingNeverZero"], thresholds)
    if any(value <= 0 for value in queue.values):
        return False
    moving = [_moving(replica.reading(name), thresholds) for name in (SignalName.GEN_TPS, SignalName.FINISH_RATE)]
    if any(moving):
        return False
    if not queue.enough or None in moving or _may_be_answering(replica):
        return None
    return True


def _moving(rate: Reading | None, thresholds: Thresholds) -> bool | None:
    """True where the rate was above zero within the span, False where it was zero throughout, None if unproven."""
    if rate is None:
        return None
    if not rate.series:
        return rate.value > 0 if rate.value > 0 or rate.window >= thresholds["shortSpan"] else None
    span = windows.lasting(rate.series, thresholds["waitingNeverZero"], thresholds)
    if any(value > 0 for value in span.values):
        return True
    return False if span.enough else None


def _may_be_answering(replica: Replica) -> bool:
    tokens, running = replica.reading(SignalName.GEN_TPS), replica.reading(SignalName.RUNNING)
    late = tokens is not None and tokens.source in LATE
    return late and (running is None or running.value > 0)
