"""What a replica showed since samples were last taken; nothing stale, unknown or still warming is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum, isfinite

from scalewarden.model.baseline import Learned
from scalewarden.model.signal import Point, Reading, Signal, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import EngineState, Replica
from scalewarden.signals import windows
from scalewarden.signals.engines import LATE
from scalewarden.signals.freshness import State, never, replica_state, state
from scalewarden.signals.stuck import is_stuck

FASTEST = 1e6
"""Tokens/s of one replica beyond which a number is none: 20 times the fastest GPU that was published (54,000)."""
LARGEST_BATCH = 65_536.0
"""Running requests of one replica beyond which a number is none."""
LONGEST_ITL = 60.0
"""Seconds between two tokens beyond which a number is none."""

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """One replica over the last `learnEvery` seconds.

    rate: generated tokens/s, None where not measured as they come. running: mean batch; busy: it was never empty.
    waited: requests waited throughout. in_time: ITL met its objective, or none is declared. pairs: (running, ITL in
    s) since samples were last taken. request: mean input and output tokens, each None where not known.
    """

    rate: float | None
    running: float
    busy: bool
    waited: bool
    in_time: bool
    pairs: tuple[Pair, ...]
    request: tuple[float | None, float | None]


def looks(learned: Learned, snapshot: Snapshot) -> list[Look]:
    """At every replica that shows what it can do: fresh, serving for a while, not stuck, not starved of memory."""
    found = (_look(replica, learned, snapshot) for replica in snapshot.ready if _settled(replica, learned, snapshot))
    return [look for look in found if look is not None]


def _settled(replica: Replica, learned: Learned, snapshot: Snapshot) -> bool:
    """A replica of unknown age (in a recording) counts as old, except while older ones do not count."""
    at, limits, since = snapshot.at, snapshot.thresholds, replica.ready_since
    if replica.engine_state in (EngineState.ASLEEP, EngineState.STALLED) or is_stuck(replica, at, limits):
        return False
    if replica_state(replica, snapshot) is not State.FRESH or (since is not None and at - since < limits["dwell"]):
        return False
    if replica.restarted_at is not None and replica.restarted_at > at - snapshot.window:
        return False
    changed = learned.changed_at
    recently = changed is not None and at - changed < limits["learnRollout"]
    return not recently or (since is not None and changed is not None and since >= changed)


def _look(replica: Replica, learned: Learned, snapshot: Snapshot) -> Look | None:
    """None where the data do not cover the span, or the cache was full, or nobody knows."""
    running, waiting = (_recent(replica.signal(one), snapshot) for one in (SignalName.RUNNING, SignalName.WAITING))
    if not running or not waiting or not _has_memory(replica, snapshot):
        return None
    sizes = [point.value for point in running]
    return Look(
        rate=_rate(replica.signal(SignalName.GEN_TPS), snapshot),
        running=fsum(sizes) / len(sizes),
        busy=min(sizes) >= 1,
        waited=min(point.value for point in waiting) > 0,
        in_time=within(replica.signal(SignalName.ITL_P95), snapshot.objectives.itl_p95, snapshot),
        pairs=tuple(_pairs(replica, learned.updated, snapshot)),
        request=(_value(replica, SignalName.INPUT_TOKENS), _value(replica, SignalName.OUTPUT_TOKENS)),
    )


def _recent(signal: Signal, snapshot: Snapshot) -> tuple[Point, ...]:
    """The samples of the last `learnEvery` seconds; empty where they do not reach back so far, or are old."""
    if not isinstance(signal, Reading) or state(signal, snapshot) is not State.FRESH:
        return ()
    found = windows.span(windows.samples(signal), every(snapshot), snapshot.thresholds)
    return () if found.short else found.points


def every(snapshot: Snapshot) -> float:
    """Seconds of a sample and between two."""
    return max(1.0, snapshot.thresholds["learnEvery"])


def _has_memory(replica: Replica, snapshot: Snapshot) -> bool:
    """No preemption and KV usage below `learnKvBelow` throughout; an engine that never tells one is not asked."""
    usage, preempted = replica.signal(SignalName.KV_USAGE), replica.signal(SignalName.PREEMPTIONS)
    levels, counted = _recent(usage, snapshot), _recent(preempted, snapshot)
    full = max(point.value for point in levels) >= snapshot.thresholds["learnKvBelow"] if levels else not never(usage)
    evicted = counted[-1].value > counted[0].value if counted else not never(preempted)
    return not full and not evicted


def _rate(signal: Signal, snapshot: Snapshot) -> float | None:
    """Mean tokens/s over the span. Tokens that are only counted when a request ends say nothing of two minutes."""
    points = _recent(signal, snapshot)
    if len(points) < 2 or (isinstance(signal, Reading) and signal.source in LATE):
        return None
    gained = fsum(point.value * (point.at - before.at) for before, point in pairwise(points))
    rate = gained / (points[-1].at - points[0].at)
    return rate if 0 < rate <= FASTEST else None


def within(signal: Signal, objective: float | None, snapshot: Snapshot) -> bool:
    """True where no objective (s) is declared, or enough fresh observations show that it is met."""
    if objective is None:
        return True
    if not isinstance(signal, Reading) or state(signal, snapshot) is not State.FRESH:
        return False
    return (signal.observations or 0.0) >= snapshot.thresholds["latencyObservations"] and signal.value <= objective


def _pairs(replica: Replica, updated: float | None, snapshot: Snapshot) -> list[Pair]:
    itl = replica.reading(SignalName.ITL_MEAN)
    running = dict(_samples(replica.reading(SignalName.RUNNING)))
    since = snapshot.at - snapshot.window if updated is None else max(updated, snapshot.at - snapshot.window)
    return [
        (running[at], value)
        for at, value in (itl.series if itl and state(itl, snapshot) is State.FRESH else ())
        if since < at <= snapshot.at and at in running and _plausible(running[at], value)
    ]


def _plausible(running: float, itl: float) -> bool:
    return 1 <= running <= LARGEST_BATCH and isfinite(itl) and 0 < itl <= LONGEST_ITL


def _samples(reading: Reading | None) -> Sequence[Point]:
    return windows.samples(reading) if reading else ()


def _value(replica: Replica, name: SignalName) -> float | None:
    found = replica.reading(name)
    return found.value if found and isfinite(found.value) and found.value > 0 else None
