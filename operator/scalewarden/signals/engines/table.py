"""How an engine's table is written: one row a canonical signal, its series from the newest spelling to the oldest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.sample import BEYOND, Scrape

Only = Mapping[str, str | tuple[str, ...]]


class Kind(StrEnum):
    """What a series is on the wire. RATIO: the increases of two counters, divided."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    RATIO = "ratio"
    INFO = "info"


class Fold(StrEnum):
    """How the data-parallel engines of one pod become one number."""

    SUM = "sum"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Series:
    """One spelling: its name on the wire (a histogram's without `_bucket`), and how its numbers become the signal.

    only: labels that it must carry, with the value or the values; an empty value means that the label is missing.
    kind, where it differs from the row's. scale turns its unit into the signal's. plus: gauges that are added where
    they are there. minus: a counter whose increase is taken off. over: what it is divided by, a gauge's level or, for
    a ratio, a counter's increase; of several spellings the first that is there. most: gauges beside it, of all of
    which the largest counts; rounding: by how much such a one must be larger, where it is rounded. observations: the
    gauge that says how many observations stand behind this one. copies: labels of this series that tell apart reports
    of one number, beside the table's. late: it moves only when a request ends, so that it stands still during a long
    answer. dropped: the release from which it is no longer written. about: what a reader should know of it, in a few
    words.
    """

    name: str
    versions: str = ""
    only: Only = field(default_factory=dict)
    kind: Kind | None = None
    scale: float = 1.0
    plus: tuple["Series", ...] = ()
    minus: tuple["Series", ...] = ()
    over: tuple["Series", ...] = ()
    most: tuple["Series", ...] = ()
    rounding: float = 0.0
    observations: str = ""
    copies: frozenset[str] = frozenset()
    late: bool = False
    dropped: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Least:
    """A number that gauges of a page multiply to, of each its least value above zero; None without one of them."""

    factors: tuple[Series, ...]

    def __call__(self, scrape: Scrape) -> float | None:
        """The product on one page."""
        product = 1.0
        for one in self.factors:
            found = [sample.value for sample in scrape.named(one.name) if carries(sample.labels, one.only)]
            least = min((value for value in found if 0 < value < BEYOND), default=None)
            if least is None:
                return None
            product *= least
        return product

    @property
    def names(self) -> tuple[str, ...]:
        """The series names that it reads."""
        return tuple(one.name for one in self.factors)


@dataclass(frozen=True, slots=True)
class Row:
    """One canonical signal of an engine; the first spelling that has samples is read.

    when_absent says why none may have any; switch is what a person does to get it, an imperative, where it is other
    than what brings the whole page. gone: newer releases never export it, so a page without it lacks it for good.
    """

    signal: SignalName
    kind: Kind
    fold: Fold
    spellings: tuple[Series, ...]
    when_absent: str = ""
    switch: str = ""
    gone: bool = False

    def kind_of(self, series: Series) -> Kind:
        """The kind of one of its spellings."""
        return series.kind or self.kind


def latencies(
    *,
    ttft: Sequence[Series] = (),
    itl: Sequence[Series] = (),
    e2e: Sequence[Series] = (),
    when_absent: str = "",
    switch: str = "",
) -> tuple[Row, ...]:
    """The rows that rest on an engine's three latency histograms: what it has of p95, p99 and mean of each."""
    told = (
        (SignalName.TTFT_P95, ttft),
        (SignalName.TTFT_P99, ttft),
        (SignalName.ITL_P95, itl),
        (SignalName.ITL_P99, itl),
        (SignalName.ITL_MEAN, itl),
        (SignalName.E2E_P95, e2e),
        (SignalName.E2E_P99, e2e),
    )
    return tuple(Row(name, Kind.HISTOGRAM, Fold.SUM, tuple(some), when_absent, switch) for name, some in told if some)


def carries(labels: Mapping[str, str], only: Only) -> bool:
    """True where each label has its value, or one of its values; an empty one stands for a missing label."""
    for label, wanted in only.items():
        value = labels.get(label, "")
        if value not in wanted if isinstance(wanted, tuple) else value != wanted:
            return False
    return True


def nothing(scrape: Scrape) -> None:
    """A fact that an engine's page never tells."""


@dataclass(frozen=True, slots=True)
class EngineTable:
    """Everything that is known of one engine's page.

    prefix begins all its series; marks are series that give a page away where no prefix does, all of them together.
    silent says why a page may hold none of them, switch how to get them. images and commands are words of a pod
    template that give the engine away. never: signals that it does not export, with the reason. copies are labels
    that tell apart several reports of one number, of which the largest counts. born_late: a counter is missing from
    the page until it first counts. extra: series that only the functions below read.

    version(scrape) names the generation of a page; capacity(scrape) reads the KV tokens of one engine, limit(scrape)
    its batch limit in sequences, asleep(scrape) whether it was put to sleep; None where the page does not say.
    """

    engine: Engine
    prefix: str
    silent: str
    switch: str
    images: tuple[str, ...]
    commands: tuple[str, ...]
    rows: tuple[Row, ...]
    marks: tuple[str, ...] = ()
    never: Mapping[SignalName, str] = field(default_factory=dict)
    copies: frozenset[str] = frozenset({"pid"})
    born_late: bool = False
    extra: tuple[str, ...] = ()
    version: Callable[[Scrape], str] = lambda _: ""
    capacity: Callable[[Scrape], float | None] = nothing
    limit: Callable[[Scrape], float | None] = nothing
    asleep: Callable[[Scrape], bool | None] = nothing

    def row(self, signal: SignalName) -> Row | None:
        """The row of a signal, None where the engine never exports it."""
        return next((row for row in self.rows if row.signal is signal), None)

    def on(self, scrape: Scrape) -> str | None:
        """A series that gives its page away; None where it is another's."""
        if self.marks:
            return self.marks[0] if all(scrape.named(name) for name in self.marks) else None
        if not self.prefix:
            return None
        return min((name for name in scrape.names if name.startswith(self.prefix)), default=None)

    @property
    def names(self) -> frozenset[str]:
        """All series names that the table reads, as they may stand on the wire."""
        read = (
            name for row in self.rows for series in row.spellings for name in wire_names(row.kind_of(series), series)
        )
        return frozenset(read) | frozenset(self.extra)


def wire_names(kind: Kind, series: Series) -> tuple[str, ...]:
    """The names under which one spelling, and what it is combined with, may stand on a page."""
    if kind is Kind.HISTOGRAM:
        return tuple(f"{series.name}{suffix}" for suffix in ("_bucket", "_sum", "_count"))
    if kind in (Kind.COUNTER, Kind.RATIO):
        return tuple(name for one in (series, *series.minus, *series.over) for name in counter_names(one.name))
    beside = (series.observations,) if series.observations else ()
    return tuple(one.name for one in (series, *series.plus, *series.over, *series.most)) + beside


def counter_names(name: str) -> Sequence[str]:
    """Both spellings of a counter: clients append `_total`, some parsers drop it and others add it."""
    if name.endswith("_total"):
        return (name, name.removesuffix("_total"))
    return (name, f"{name}_total")
