"""What every replica carries, reduced to the numbers that the tests of a removal use."""

from dataclasses import dataclass, replace
from math import fsum

from scalewarden.model.signal import Point, Reading, Signal, SignalName
from scalewarden.model.snapshot import Removed, Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.verdict import Decision
from scalewarden.model.workload import EngineState, Replica
from scalewarden.signals import trends, windows
from scalewarden.signals.freshness import State, replica_state, required
from scalewarden.signals.stuck import is_stuck
from scalewarden.whatif.queue import standing
from scalewarden.whatif.sizes import EQUAL, Size, sizes


@dataclass(frozen=True, slots=True)
class Carried:
    """One replica's load; None where it was not measured.

    kv_max and kv_mean are fractions over the window, waiting the mean of the last minute (requests), batch the
    p95 of running sequences, tokens the generated tokens/s, preemptions those of the window. kv_max, batch, capacity
    (tokens) and limit (sequences) are of one engine, the fullest of a replica's data-parallel `engines`; waiting,
    running and tokens are of all of them. sizes: how it compares with the others, in each of the ways that are used.
    """

    replica: Replica
    kv_max: float | None
    kv_mean: float | None
    waiting: float | None
    running: float | None
    batch: float | None
    tokens: float | None
    preemptions: float | None
    capacity: float | None
    limit: int | None
    standing: Decision | None
    state: State
    engines: int = 1
    sizes: tuple[Size, ...] = (EQUAL,)

    @property
    def compute(self) -> float | None:
        """The part of whole GPUs that computes for it, 2.0 for two; None where it is not known."""
        shares = [gpu.share for gpu in self.replica.gpus]
        return fsum(share.sm for share in shares if share) if shares and all(shares) else None

    @property
    def slots(self) -> int | None:
        """Sequences that all its engines together may run; None where the limit is not known."""
        return self.limit * self.engines if self.limit else None

    @property
    def pod(self) -> str:
        """The pod's name."""
        return self.replica.pod


@dataclass(frozen=True, slots=True)
class Fleet:
    """The replicas that count: serving now, and gone so recently that their load must still be carried.

    stuck replicas and those asleep are in neither; left_out is how many of the worst a large fleet leaves out of the
    tests that one replica alone can fail. exports_kv is False for engines that never export KV usage: other tests
    must then carry the verdict.
    """

    serving: tuple[Carried, ...]
    gone: tuple[Carried, ...]
    stuck: tuple[Replica, ...]
    left_out: int
    rise: windows.Trend | None
    exports_kv: bool
    asleep: tuple[Replica, ...] = ()

    @property
    def in_tokens(self) -> bool:
        """True where every cache's size is known, so that unequal replicas compare in tokens."""
        return all(carried.capacity for carried in (*self.serving, *self.gone))


def fleet(snapshot: Snapshot) -> Fleet:
    """Reduce a snapshot. Replicas that are not ready carry nothing; stuck ones and sleeping ones are set aside."""
    limits = snapshot.thresholds
    stuck = tuple(replica for replica in snapshot.ready if is_stuck(replica, snapshot.at, limits))
    asleep = _asleep(snapshot)
    aside, needed = {replica.pod for replica in (*stuck, *asleep)}, required(snapshot)
    serving = tuple(_carried(replica, snapshot, needed) for replica in snapshot.ready if replica.pod not in aside)
    gone = tuple(_carried(removed.replica, snapshot, needed) for removed in recently_removed(snapshot))
    serving, gone = _compared(serving, gone)
    left_out, exports_kv = _left_out(len(serving), limits), SignalName.KV_USAGE in needed
    return Fleet(serving, gone, stuck, left_out, _rise(serving, snapshot), exports_kv, asleep)


def _compared(serving: tuple[Carried, ...], gone: tuple[Carried, ...]) -> tuple[tuple[Carried, ...], ...]:
    everyone = (*serving, *gone)
    found = sizes([one.capacity for one in everyone], [_memory(one.replica) for one in everyone])
    sized = tuple(replace(one, sizes=ways) for one, ways in zip(everyone, found, strict=True))
    return sized[: len(serving)], sized[len(serving) :]


def _memory(replica: Replica) -> float | None:
    """The part of whole GPUs whose memory it has; None where it is not known."""
    shares = [gpu.share for gpu in replica.gpus]
    return fsum(share.memory for share in shares if share) if shares and all(shares) else None


def _asleep(snapshot: Snapshot) -> tuple[Replica, ...]:
    """Replicas whose engine sleeps look idle and are no spare capacity; where all sleep, there is nothing to spare."""
    found = tuple(replica for replica in snapshot.ready if replica.engine_state is EngineState.ASLEEP)
    return found if len(found) < len(snapshot.ready) else ()


def _rise(serving: tuple[Carried, ...], snapshot: Snapshot) -> windows.Trend | None:
    """The trend of the summed KV load where it counts: over enough data and beyond its own noise."""
    sized = all(carried.capacity for carried in serving)
    parts = [_load_series(carried, snapshot, sized) for carried in serving]
    return trends.rising(windows.total([part for part in parts if part]), snapshot.thresholds)


def _load_series(carried: Carried, snapshot: Snapshot, in_tokens: bool) -> tuple[Point, ...]:
    scale = carried.capacity if in_tokens and carried.capacity else 1.0
    points = windows.span(series(carried, SignalName.KV_USAGE), snapshot.window, snapshot.thresholds).points
    return tuple(Point(point.at, point.value * scale) for point in points)


def _left_out(count: int, limits: Thresholds) -> int:
    size = max(1, int(limits["largeFleet"]))
    return count // size if count >= size else 0


def recently_removed(snapshot: Snapshot) -> tuple[Removed, ...]:
    """The replicas that left so recently that the survivors may not show their load yet."""
    if snapshot.history is None:
        return ()
    horizon = snapshot.at - snapshot.thresholds["afterFall"]
    return tuple(removed for removed in snapshot.history.removed if removed.at > horizon)


def _carried(replica: Replica, snapshot: Snapshot, needed: tuple[SignalName, ...]) -> Carried:
    kv = _series(replica, SignalName.KV_USAGE)
    in_window = windows.span(kv, snapshot.window, snapshot.thresholds).points
    return Carried(
        replica=replica,
        kv_max=windows.maximum(in_window),
        kv_mean=windows.mean(in_window),
        waiting=waiting_mean(replica.signal(SignalName.WAITING), snapshot.thresholds),
        running=_value(replica, SignalName.RUNNING),
        batch=_value(replica, SignalName.EFF_BATCH),
        tokens=_value(replica, SignalName.GEN_TPS),
        preemptions=_value(replica, SignalName.PREEMPTIONS),
        capacity=_value(replica, SignalName.KV_TOKENS),
        limit=replica.max_num_seqs or snapshot.workload.max_num_seqs,
        standing=standing(_series(replica, SignalName.WAITING), snapshot.thresholds),
        state=replica_state(replica, snapshot, needed),
        engines=replica.engines,
    )


def _value(replica: Replica, name: SignalName) -> float | None:
    reading = replica.reading(name)
    return reading.value if reading else None


def _series(replica: Replica, name: SignalName) -> tuple[Point, ...]:
    reading = replica.reading(name)
    return windows.samples(reading) if reading else ()


def waiting_mean(signal: Signal, limits: Thresholds) -> float | None:
    """Requests that wait, the mean of the last minute; None where that was not measured."""
    points = windows.samples(signal) if isinstance(signal, Reading) else ()
    return windows.mean(windows.span(points, limits["waitingMeanSpan"], limits).points)


def series(carried: Carried, name: SignalName) -> tuple[Point, ...]:
    """The samples of one signal of a replica, oldest first; empty where it was not measured."""
    return _series(carried.replica, name)
