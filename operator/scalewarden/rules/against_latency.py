"""Utilization beside inter-token latency: the pairs that say whether one tells anything about the other."""

from bisect import bisect_right
from statistics import fmean

from scalewarden.model.signal import Point, SignalName
from scalewarden.model.snapshot import Pair, Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import look, meters
from scalewarden.signals import freshness, windows


def utilization(replica: Replica, snapshot: Snapshot, seconds: float) -> tuple[Point, ...]:
    """The mean over the replica's meters at each instant of the last `seconds`; empty while one of them has none."""
    found = [_series(meter, snapshot, seconds) for meter in meters.meters(replica, snapshot)]
    return tuple(Point(at, value / len(found)) for at, value in windows.total(found))


def _series(meter: meters.Meter, snapshot: Snapshot, seconds: float) -> tuple[Point, ...]:
    looks = (look.series(snapshot, meter.where, name, meter.signal(name), seconds) for name in meters.UTILIZATION)
    return next((seen.span.points for seen in looks if seen.reading), ())


def pairs(replica: Replica, snapshot: Snapshot, seconds: float) -> tuple[Pair, ...]:
    """Each mean of inter-token latency with the utilization that held then, none older than counts as fresh."""
    held = utilization(replica, snapshot, seconds)
    name, oldest = SignalName.ITL_MEAN, freshness.fresh_for(snapshot.scrape_interval, snapshot.thresholds)
    latency = look.series(snapshot, replica.pod, name, replica.signal(name), seconds).span.points
    instants = [point.at for point in held]
    found = []
    for at, value in latency:
        index = bisect_right(instants, at) - 1
        if index >= 0 and at - instants[index] <= oldest:
            found.append(Pair(at, held[index].value, value))
    return tuple(found)


EVERY = 60.0
"""Seconds between two pairs that are remembered."""


def remembered(snapshot: Snapshot) -> tuple[Pair, ...]:
    """The pairs of earlier evaluations with one of the last minute, none older than `correlationSpan`: windows of
    metrics are shorter than a correlation asks for."""
    known, span = snapshot.history.pairs if snapshot.history else (), snapshot.thresholds["correlationSpan"]
    kept = tuple(pair for pair in known if snapshot.at - pair.at <= span)
    if kept and snapshot.at - kept[-1].at < EVERY:
        return kept
    recent = [pair for replica in look.live(snapshot) for pair in pairs(replica, snapshot, EVERY)]
    fresh = [pair for pair in recent if snapshot.at - pair.at < EVERY]
    if not fresh:
        return kept
    mean = Pair(snapshot.at, fmean(pair.utilization for pair in fresh), fmean(pair.latency for pair in fresh))
    return (*kept, mean)
