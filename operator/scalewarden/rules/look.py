"""Looking at one signal of one replica: what was seen, and what stands in the way of saying "no".

A condition that holds needs only what was seen, be it stale or short. One that does not hold needs fresh samples
over enough data; where they are missing there is a gap, and it is named.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scalewarden.model.finding import Evidence
from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Replica
from scalewarden.signals import freshness, windows
from scalewarden.signals.stuck import is_stuck
from scalewarden.signals.windows import Span

NOTHING = Span((), 0.0, short=True, enough=False)


def share(count: int, total: int, what: str = "replica") -> str:
    """`3 of 4 replicas`."""
    return f"{count} of {total} {what}{'' if total == 1 else 's'}"


def requests(count: float) -> str:
    """`1 request`, `12 requests`."""
    return f"{count:.0f} request{'' if count == 1 else 's'}"


def shown(value: float, line: float) -> str:
    """A fraction with two decimals, with four where two would make it look like a line that it does not touch."""
    return f"{value:.4f}" if value != line and f"{value:.2f}" == f"{line:.2f}" else f"{value:.2f}"


def live(snapshot: Snapshot) -> tuple[Replica, ...]:
    """The ready replicas without those that are stuck: a sick replica feeds no rule but its own."""
    return tuple(one for one in snapshot.ready if not is_stuck(one, snapshot.at, snapshot.thresholds))


@dataclass(frozen=True, slots=True)
class Look:
    """One signal as it may be judged.

    where names the pod or GPU. reading is None where the signal is absent or as good as absent. span holds the
    samples of the duration asked for. gap says why the signal cannot clear a condition, empty where it can; fresh is
    all that a single counter-example asks for.
    """

    where: str
    name: SignalName
    reading: Reading | None
    span: Span
    fresh: bool
    gap: str

    @property
    def values(self) -> tuple[float, ...]:
        """The samples inside the duration, oldest first, ready to meet a line."""
        return tuple(windows.rounded(value) for value in self.span.values)

    @property
    def mean(self) -> float | None:
        """Mean over the duration; None of nothing."""
        mean = windows.mean(self.span.points)
        return None if mean is None else windows.rounded(mean)

    @property
    def value(self) -> float | None:
        """The reading's own number: a count, a rate, a quantile, or the newest sample of a gauge."""
        return windows.rounded(self.reading.value) if self.reading else None

    def evidence(self, value: float, threshold: float | None = None) -> tuple[Evidence, ...]:
        """The number as evidence; nothing where nothing was read."""
        read = self.reading
        return (Evidence(self.name.value, value, read.unit, threshold, read.source, self.where),) if read else ()


def series(snapshot: Snapshot, where: str, name: SignalName, signal: Signal, seconds: float) -> Look:
    """All samples of the last `seconds`, for what was seen at any of them."""
    return _look(snapshot, where, name, signal, seconds, windows.span)


def lasting(snapshot: Snapshot, where: str, name: SignalName, signal: Signal, seconds: float) -> Look:
    """The samples that show what lasted for `seconds`, over a shorter span where the data are young."""
    return _look(snapshot, where, name, signal, seconds, windows.lasting)


def _look(
    snapshot: Snapshot,
    where: str,
    name: SignalName,
    signal: Signal,
    seconds: float,
    cut: Callable[[Sequence[Point], float, Thresholds], Span],
) -> Look:
    reading, age = freshness.usable(signal, snapshot), _age_gap(snapshot, signal)
    if reading is None:
        return Look(where, name, None, NOTHING, False, age)
    span = cut(windows.samples(reading), seconds, snapshot.thresholds)
    short = "" if span.enough else f"only {span.seconds:.0f} s of data"
    return Look(where, name, reading, span, not age, age or short)


def number(snapshot: Snapshot, where: str, name: SignalName, signal: Signal) -> Look:
    """A signal whose value already covers a window: a count, a rate or a quantile."""
    reading, age = freshness.usable(signal, snapshot), _age_gap(snapshot, signal)
    if reading is None:
        return Look(where, name, None, NOTHING, False, age)
    enough = reading.window >= snapshot.thresholds["shortSpan"]
    short = "" if enough else f"only {reading.window:.0f} s of data"
    return Look(where, name, reading, NOTHING, not age, age or short)


def _age_gap(snapshot: Snapshot, signal: Signal) -> str:
    if isinstance(signal, Absent):
        return signal.cause
    if freshness.state(signal, snapshot) is freshness.State.FRESH:
        return ""
    return f"its newest sample is {freshness.age(signal, snapshot.at):.0f} s old"


def shortness(looks: Iterable[Look]) -> str:
    """`, judged over 50 s of 600 s` where samples cover less than was asked for, naming the shortest; else nothing."""
    short = [look.span for look in looks if look.reading and look.span.short]
    if not short:
        return ""
    least = min(short, key=lambda span: span.seconds)
    return f", judged over {least.seconds:.0f} s of {least.wanted:.0f} s"


def covered(looks: Iterable[Look], seconds: float) -> str:
    """The same for numbers that cover a window of their own; a tenth may be missing, as samples miss its edges."""
    least = min((look.reading.window for look in looks if look.reading), default=seconds)
    return f", judged over {least:.0f} s of {seconds:.0f} s" if least < 0.9 * seconds else ""


def obstacle(snapshot: Snapshot, looks: Sequence[Look], total: int) -> str:
    """What forbids to say "no", in one sentence: `kv_usage is not known on 2 of 4 replicas (llama-0: …)`; or empty."""
    blocked = [look for look in looks if look.gap]
    if blocked:
        first, places = blocked[0], {look.where for look in blocked}
        return f"{first.name.value} is not known on {share(len(places), total)} ({first.where}: {first.gap})"
    if looks:
        return ""
    return "every ready replica is stuck" if snapshot.ready else "no replica is ready"


def together(looks: Iterable[Look]) -> tuple[Point, ...]:
    """The sum over all looks that read something, from where all of them have a value."""
    return windows.total([seen.span.points for seen in looks if seen.reading])
