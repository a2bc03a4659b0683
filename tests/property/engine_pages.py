"""Pages of any engine, made from its table: every spelling is written, everything is above zero and moves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from hypothesis import strategies as st

from scalewarden.model.signal import Unit
from scalewarden.model.workload import Engine
from scalewarden.signals.canonical import UNITS
from scalewarden.signals.engines import TABLES
from scalewarden.signals.engines.table import EngineTable, Kind, Only, Row, Series
from scalewarden.signals.sample import Sample, Scrape

AT = 1_766_370_000.0
EVERY = 15.0
BUCKETS = (("0.05", 0.25), ("0.5", 0.5), ("5.0", 1.0), ("+Inf", 1.0))
WITH_PAGES = tuple(table for table in TABLES.values() if table.rows)
GAIN, PART = 100.0, 10.0
"""What a counter gains from page to page, and what a part of it does."""

Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Wire:
    """One series: its level, or where it counts from and what it gains from page to page."""

    value: float
    gain: float = 0.0

    @property
    def counts(self) -> bool:
        return self.gain > 0


@dataclass(slots=True)
class Page:
    """What every engine of a pod writes, by name and labels; `kv` is the level of fractions."""

    table: EngineTable
    kv: float
    series: dict[Key, Wire] = field(default_factory=dict)

    def write(self) -> "Page":
        for row in sorted(self.table.rows, key=lambda row: row.kind is not Kind.RATIO):
            for one in row.spellings:
                self._spelling(row, one)
        for mark in (*self.table.marks, *self.table.extra):
            self._put(mark, {}, Wire(1.0))
        return self

    def _spelling(self, row: Row, one: Series) -> None:
        kind = row.kind_of(one)
        if kind is Kind.HISTOGRAM:
            self._histogram(one)
        elif kind in (Kind.GAUGE, Kind.INFO):
            fraction = UNITS[row.signal] is Unit.FRACTION
            self._put(one.name, one.only, Wire(self.kv * (100 if one.over else 1) if fraction else 3.0))
            for beside in (*one.plus, *one.most, *one.over):
                level = 100.0 if beside in one.over else self.kv if fraction else 1.0
                self._put(beside.name, beside.only, Wire(level))
        else:
            part = bool(one.over) and UNITS[row.signal] is Unit.FRACTION
            for taken in one.minus:
                self._put(taken.name, taken.only, Wire(1000.0, PART))
            self._put(one.name, one.only, Wire(1000.0, PART if part else GAIN))
            for whole in one.over:
                self._put(whole.name, whole.only, Wire(1000.0, GAIN))

    def _histogram(self, one: Series) -> None:
        for bound, share in BUCKETS:
            self._put(f"{one.name}_bucket", {**one.only, "le": bound}, Wire(1000.0 * share, GAIN * share))
        self._put(f"{one.name}_sum", one.only, Wire(300.0, 30.0))
        self._put(f"{one.name}_count", one.only, Wire(1000.0, GAIN))

    def _put(self, name: str, only: Only, wire: Wire) -> None:
        labels = {label: value[0] if isinstance(value, tuple) else value for label, value in only.items()}
        self.series.setdefault((name, tuple(sorted((k, v) for k, v in labels.items() if v))), wire)


@dataclass(frozen=True, slots=True)
class Pod:
    """Data-parallel engines that write alike; engine n has `1 + n` times the load of the first, and its own KV."""

    table: EngineTable
    kvs: tuple[float, ...]
    pages: int

    def scrapes(self, factor: float = 1.0, levels: float = 1.0) -> list[Scrape]:
        """Oldest first, the newest at AT; counters times `factor`, fractions times `levels`."""
        return [self._scrape(index, factor, levels) for index in range(self.pages)]

    def _scrape(self, index: int, factor: float, levels: float) -> Scrape:
        samples = tuple(self._samples(index, factor, levels))
        return Scrape(AT - EVERY * (self.pages - 1 - index), samples)

    def _samples(self, index: int, factor: float, levels: float) -> Iterator[Sample]:
        for engine, kv in enumerate(self.kvs):
            for (name, labels), wire in _written(self.table.engine).items():
                value = wire.value + wire.gain * index
                if wire.counts:
                    value *= factor * (1 + engine)
                elif wire.value in (_HALF, 100 * _HALF):
                    value *= levels * kv / _HALF
                elif "_bucket" not in name:
                    value *= 1 + engine
                yield Sample(name, {**dict(labels), "dp": str(engine)}, value)


_HALF = 0.512
"""The level of fractions before each engine's own is put in: a number that nothing else has."""


@cache
def _written(engine: Engine) -> Mapping[Key, Wire]:
    return Page(TABLES[engine], _HALF).write().series


tables = st.sampled_from(WITH_PAGES)


@st.composite
def pods(draw: st.DrawFn, least: int = 1) -> Pod:
    """A pod of any engine with 1 to 3 data-parallel engines and `least` to 4 pages."""
    kvs = draw(st.lists(st.floats(0.02, 1), min_size=1, max_size=3))
    return Pod(draw(tables), tuple(kvs), draw(st.integers(least, 4)))


def copied(scrape: Scrape, labels: Mapping[str, str]) -> Scrape:
    """Every series twice: as it is, and again by another reporter of the same numbers."""
    again = (Sample(one.name, {**one.labels, **labels}, one.value) for one in scrape.samples)
    return Scrape(scrape.at, (*scrape.samples, *again))
