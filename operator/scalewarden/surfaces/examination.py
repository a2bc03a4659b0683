"""Every canonical signal of a service: where it comes from, or why it is absent and what to switch on. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scalewarden.model.signal import Absent, Reading, Signal, SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import NEVER_READ
from scalewarden.signals.freshness import State, age, required, state
from scalewarden.signals.remedies import remedy

REPLICA, SERVICE = "replica", "service"


@dataclass(frozen=True, slots=True)
class Found:
    """A signal that was measured: on how many of the ready replicas, and its least and greatest value there.

    For a service-wide signal replicas is 0. seconds is the age of the oldest sample. stale: too old to be believed.
    """

    name: SignalName
    scope: str
    replicas: int
    least: float
    greatest: float
    unit: Unit
    seconds: float
    source: str
    stale: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """A signal that is absent: on how many of the ready replicas (0 if service-wide), why, and what brings it."""

    name: SignalName
    scope: str
    replicas: int
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Examination:
    """What `doctor` says of a service's signals. required: those that no removal is allowed without."""

    key: str
    at: float
    engine: str
    target: str
    desired: int
    ready: int
    required: tuple[SignalName, ...]
    found: tuple[Found, ...]
    missing: tuple[Missing, ...]

    @property
    def lacking(self) -> tuple[SignalName, ...]:
        """Signals that are absent somewhere, required ones first."""
        return tuple(dict.fromkeys(one.name for one in self.missing))

    @property
    def deciding(self) -> tuple[SignalName, ...]:
        """Required signals that a ready replica lacks or has but stale."""
        bad = {one.name for one in self.missing if one.scope == REPLICA} | {one.name for one in self.found if one.stale}
        return tuple(name for name in self.required if name in bad)


def examine(snapshot: Snapshot) -> Examination:
    """Everything about the signals of a snapshot, required ones first."""
    needed = required(snapshot)
    order = [*needed, *(name for name in SignalName if name not in needed)]
    said = [one for name in order for one in _of(name, snapshot)]
    return Examination(
        key=snapshot.key,
        at=snapshot.at,
        engine=str(snapshot.engine),
        target=f"{snapshot.target.kind}/{snapshot.target.name}",
        desired=snapshot.replicas_desired,
        ready=len(snapshot.ready),
        required=needed,
        found=tuple(one for one in said if isinstance(one, Found)),
        missing=tuple(one for one in said if isinstance(one, Missing)),
    )


def _of(name: SignalName, snapshot: Snapshot) -> Iterator[Found | Missing]:
    """A replica's signal by replica, and the service's own where it is another thing; one of neither, once."""
    on_replicas = [replica.signals[name] for replica in snapshot.ready if name in replica.signals]
    if on_replicas:
        yield from _grouped(name, REPLICA, on_replicas, snapshot)
    if name in snapshot.signals and not _repeats(snapshot.signals[name], on_replicas):
        yield from _grouped(name, SERVICE, [snapshot.signals[name]], snapshot)
    if not on_replicas and name not in snapshot.signals:
        yield from _grouped(name, SERVICE, [NEVER_READ], snapshot)


def _repeats(signal: Signal, on_replicas: Sequence[Signal]) -> bool:
    """True where the service lacks what a replica lacks: it has been said."""
    return isinstance(signal, Absent) and any(isinstance(one, Absent) for one in on_replicas)


def _grouped(name: SignalName, scope: str, signals: Sequence[Signal], snapshot: Snapshot) -> Iterator[Found | Missing]:
    by_source: dict[str, list[Reading]] = {}
    by_cause: dict[str, list[Absent]] = {}
    for signal in signals:
        if isinstance(signal, Reading):
            by_source.setdefault(_plain(signal.source), []).append(signal)
        else:
            by_cause.setdefault(signal.cause, []).append(signal)
    for readings in by_source.values():
        yield _found(name, scope, readings, snapshot)
    for cause, absents in by_cause.items():
        count = len(absents) if scope == REPLICA else 0
        advice = remedy(snapshot.engine, name, absents[0])
        yield Missing(name, scope, count, cause, advice)


def _plain(source: str) -> str:
    """A source without what it adds in brackets, which may be another number."""
    return source.partition(" (")[0]


def _found(name: SignalName, scope: str, readings: Sequence[Reading], snapshot: Snapshot) -> Found:
    values = [reading.value for reading in readings]
    return Found(
        name=name,
        scope=scope,
        replicas=len(readings) if scope == REPLICA else 0,
        least=min(values),
        greatest=max(values),
        unit=readings[0].unit,
        seconds=max(age(reading, snapshot.at) for reading in readings),
        source=_plain(readings[0].source),
        stale=any(state(reading, snapshot) is not State.FRESH for reading in readings),
    )


def summary(examination: Examination) -> str:
    """One line: how many signals are missing, and whether one of them decides."""
    names = {one.name for one in examination.found} | {one.name for one in examination.missing}
    lacking = examination.lacking
    if examination.ready == 0:
        return "No replica is ready, so no signal can be read."
    if not lacking and not examination.deciding:
        return f"All {len(names)} signals are there."
    decides = "nothing that decides"
    if examination.deciding:
        decides = f"no removal is allowed without {_listed(examination.deciding)}"
    return f"{len(lacking)} of {len(names)} signals are missing; {decides}."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def blocks(missing: Iterable[Missing]) -> list[tuple[Missing, tuple[SignalName, ...]]]:
    """Signals that are missing for the same reason on as many replicas, together; last what nobody reads."""
    together: dict[tuple[str, int, str, str], list[Missing]] = {}
    for one in missing:
        together.setdefault((one.scope, one.replicas, one.cause, one.remedy), []).append(one)
    listed = [(same[0], tuple(one.name for one in same)) for same in together.values()]
    return sorted(listed, key=lambda block: block[0].cause == NEVER_READ.cause)
