"""How old a signal may be: fresh, stale, or so old that it counts as absent.

Fresh is an age up to max(`freshSeconds`, `freshIntervals` × scrape interval), but never beyond `freshMaximum`;
from `absentSeconds` on a reading says nothing about now. Ages are held against the snapshot's own clock.
"""

from enum import StrEnum

from scalewarden.model.signal import Absent, Reading, Signal, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Replica

STALE_CAUSE = "stale: "
"""How the cause of a signal begins that was measured once and is now too old to count."""

REQUIRED = (SignalName.KV_USAGE, SignalName.WAITING, SignalName.RUNNING)


class State(StrEnum):
    """How far a signal may be believed."""

    FRESH = "fresh"
    STALE = "stale"
    ABSENT = "absent"


def age(reading: Reading, at: float) -> float:
    """Seconds since the newest sample; zero for a sample from the future, which is clock skew."""
    return max(0.0, at - reading.at)


def fresh_for(scrape_interval: float, thresholds: Thresholds) -> float:
    """The age (s) up to which a sample is fresh."""
    tolerated = max(thresholds["freshSeconds"], thresholds["freshIntervals"] * scrape_interval)
    return min(tolerated, thresholds["freshMaximum"])


def is_fresh(reading: Reading, at: float, scrape_interval: float, thresholds: Thresholds) -> bool:
    """True while the newest sample is young enough to speak for `at` (unix seconds)."""
    return age(reading, at) <= fresh_for(scrape_interval, thresholds)


def state(signal: Signal, snapshot: Snapshot) -> State:
    """Fresh, stale or absent at the snapshot's instant."""
    if not isinstance(signal, Reading) or age(signal, snapshot.at) >= snapshot.thresholds["absentSeconds"]:
        return State.ABSENT
    fresh = is_fresh(signal, snapshot.at, snapshot.scrape_interval, snapshot.thresholds)
    return State.FRESH if fresh else State.STALE


def gone_stale(signal: Signal, snapshot: Snapshot) -> bool:
    """True where a signal was measured and is now `absentSeconds` old or more, whether or not its value was kept."""
    if isinstance(signal, Absent):
        return signal.cause.startswith(STALE_CAUSE)
    return age(signal, snapshot.at) >= snapshot.thresholds["absentSeconds"]


def usable(signal: Signal, snapshot: Snapshot) -> Reading | None:
    """The reading, fresh or stale; None where it is absent or as good as absent."""
    return signal if isinstance(signal, Reading) and state(signal, snapshot) is not State.ABSENT else None


def never(signal: Signal) -> bool:
    """True where the engine or device never exports it."""
    return isinstance(signal, Absent) and signal.for_good


def required(snapshot: Snapshot) -> tuple[SignalName, ...]:
    """The signals no removal is allowed without; KV usage is not among them where no replica's engine exports it."""
    kv = [replica.signal(SignalName.KV_USAGE) for replica in snapshot.ready]
    by_nature = bool(kv) and all(never(signal) for signal in kv)
    return REQUIRED[1:] if by_nature else REQUIRED


def replica_state(replica: Replica, snapshot: Snapshot, names: tuple[SignalName, ...] | None = None) -> State:
    """The worst state among the replica's required signals; `names` where the caller already knows them."""
    needed = required(snapshot) if names is None else names
    states = {state(replica.signal(name), snapshot) for name in needed}
    return next(worst for worst in (State.ABSENT, State.STALE, State.FRESH) if worst in states)


def coverage(snapshot: Snapshot) -> float | None:
    """Share of ready replicas whose required signals are all fresh; None with no ready replica."""
    ready = snapshot.ready
    return sum(replica_state(one, snapshot) is State.FRESH for one in ready) / len(ready) if ready else None
