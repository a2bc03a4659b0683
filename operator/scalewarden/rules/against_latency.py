"""Utilization beside inter-token latency: the pairs that say whether one tells anything about the other."""

from bisect import bisect_right
from typing import NamedTuple

from scalewarden.model.signal import Point, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import look, meters
from scalewarden.signals import freshness, windows


class Pair(NamedTuple):
    """At one instant (unix seconds): utilization (fraction) and mean inter-token latency (s)."""

    at: float
    utilization: float
    latency: float


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
