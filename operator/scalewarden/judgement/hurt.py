"""What a removal did to the replicas that stayed: pressure as its sources call it, since an instant."""

from itertools import pairwise
from math import fsum

from scalewarden.judgement.assess import own_tests
from scalewarden.judgement.decide import Judge
from scalewarden.model.intent import Actor
from scalewarden.model.regret import Removal
from scalewarden.model.signal import Point, Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision, Test
from scalewarden.signals.freshness import State
from scalewarden.whatif.fleet import Carried, series

SETTLING = 30.0
"""Seconds after a removal that are not held against it: requests of the victims come over (ours)."""

HURTS = frozenset(
    {
        Test.WAITING_PER_REPLICA,
        Test.WAITING_NEVER_ZERO,
        Test.INTER_TOKEN_LATENCY,
        Test.TIME_TO_FIRST_TOKEN,
        Test.END_TO_END_LATENCY,
    }
)


def hurt(judge: Judge, since: float) -> str:
    """The first sign of saturation since `since` (unix seconds), in one clause; empty where there is none."""
    line = judge.snapshot.thresholds["kvUsageDeny"]
    for carried in judge.fleet.serving:
        if _stays_full(_after(carried, SignalName.KV_USAGE, since), line):
            return f"the KV cache of {carried.pod} was over {line:.2f}"
        if _rose(_after(carried, SignalName.PREEMPTIONS, since)):
            return f"{carried.pod} preempted requests"
    for result in own_tests(judge.snapshot, judge.fleet, Actor.AUTOSCALER):
        if result.test in HURTS and result.decision is Decision.DENY:
            return f"{result.test} was over its line"
    return ""


def peak(judge: Judge, since: float) -> float | None:
    """Largest KV usage (fraction) of any serving replica since then."""
    found = [point.value for one in judge.fleet.serving for point in _after(one, SignalName.KV_USAGE, since)]
    return max(found, default=None)


def _after(carried: Carried, name: SignalName, since: float) -> tuple[Point, ...]:
    return tuple(point for point in series(carried, name) if point.at >= since + SETTLING)


def _stays_full(points: tuple[Point, ...], line: float) -> bool:
    """Two samples in a row, as KVC201 asks."""
    return any(min(one.value, other.value) >= line for one, other in pairwise(points))


def _rose(points: tuple[Point, ...]) -> bool:
    return bool(points) and points[-1].value > points[0].value


def seen_well(judge: Judge) -> bool:
    """Every serving replica is fresh."""
    return bool(judge.fleet.serving) and all(one.state is State.FRESH for one in judge.fleet.serving)


def in_flight(snapshot: Snapshot) -> float | None:
    """Running and waiting requests of all ready replicas; None unless all are known."""
    readings = [one.reading(name) for one in snapshot.ready for name in (SignalName.RUNNING, SignalName.WAITING)]
    known = [reading.value for reading in readings if reading]
    return fsum(known) if known and len(known) == len(readings) else None


def arrivals(snapshot: Snapshot) -> float | None:
    """Requests/s that ended on all replicas, which is what came while nothing piled up; None where not known."""
    found = snapshot.signal(SignalName.FINISH_RATE)
    return found.value if isinstance(found, Reading) else None


def grew(snapshot: Snapshot, removal: Removal) -> bool:
    """More requests came than before: those that ended, and those that piled up since."""
    now, flying = arrivals(snapshot), in_flight(snapshot)
    seconds = snapshot.at - removal.at
    if removal.arrivals is None or now is None or seconds <= 0:
        return False
    piled = (flying - removal.in_flight) / seconds if flying is not None and removal.in_flight is not None else 0.0
    return now + piled > removal.arrivals * (1 + snapshot.thresholds["regretGrowth"])
