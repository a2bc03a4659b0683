"""How an engine's table is written: one row a canonical signal, its series from the newest spelling to the oldest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.sample import Scrape


class Kind(StrEnum):
    """What a series is on the wire."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"


class Fold(StrEnum):
    """How the data-parallel engines of one pod become one number."""

    SUM = "sum"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Series:
    """One spelling: its name on the wire (a histogram's without `_bucket`), the labels it must carry, its versions.

    minus and over are counters, in their spellings, whose increase is taken off or divided by.
    """

    name: str
    versions: str = ""
    only: Mapping[str, str] = field(default_factory=dict)
    minus: tuple[str, ...] = ()
    over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One canonical signal of an engine; the first spelling that has samples is read. when_absent says why none may."""

    signal: SignalName
    kind: Kind
    fold: Fold
    spellings: tuple[Series, ...]
    when_absent: str = ""


@dataclass(frozen=True, slots=True)
class EngineTable:
    """Everything that is known of one engine's page.

    prefix begins all its series; silent says why a page may hold none of them. images and commands are words of a
    pod template that give the engine away. version(scrape) names the generation of a page; capacity(scrape) reads
    the KV tokens of one engine, None where the page does not say.
    """

    engine: Engine
    prefix: str
    silent: str
    images: tuple[str, ...]
    commands: tuple[str, ...]
    rows: tuple[Row, ...]
    version: Callable[[Scrape], str]
    capacity: Callable[[Scrape], float | None]

    def row(self, signal: SignalName) -> Row | None:
        """The row of a signal, None where the engine never exports it."""
        return next((row for row in self.rows if row.signal is signal), None)

    @property
    def names(self) -> frozenset[str]:
        """All series names that the table reads, as they may stand on the wire."""
        return frozenset(name for row in self.rows for series in row.spellings for name in wire_names(row.kind, series))


def wire_names(kind: Kind, series: Series) -> tuple[str, ...]:
    """The names under which one spelling may stand on a page."""
    if kind is Kind.HISTOGRAM:
        return tuple(f"{series.name}{suffix}" for suffix in ("_bucket", "_sum", "_count"))
    if kind is Kind.COUNTER:
        return tuple(name for one in (series.name, *series.minus, *series.over) for name in counter_names(one))
    return (series.name,)


def counter_names(name: str) -> Sequence[str]:
    """Both spellings of a counter: clients append `_total`, some parsers and exporters drop it."""
    return (name, name.removesuffix("_total")) if name.endswith("_total") else (name,)
