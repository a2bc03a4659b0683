"""What one signal of one pod is made from, and why it may be absent."""

from dataclasses import dataclass

from scalewarden.model.signal import Absent, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.canonical import UNITS
from scalewarden.signals.engines.table import EngineTable, Kind, Row, Series, carries, counter_names
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Scrape


@dataclass(frozen=True, slots=True)
class View:
    """What one signal is made from: the pod's pages (those within `latencySpan` apart), its engine's table and row,
    and the lines in force."""

    pages: Pages
    recent: Pages
    table: EngineTable
    row: Row
    limits: Thresholds

    @classmethod
    def of(cls, pages: Pages, table: EngineTable, row: Row, limits: Thresholds) -> "View":
        """A row's view of a pod's pages."""
        read = pages.read_by(table)
        return cls(read, read.last(limits["latencySpan"]), table, row, limits)

    @property
    def unit(self) -> Unit:
        """The unit of the row's signal."""
        return UNITS[self.row.signal]


def missing(view: View) -> Absent:
    """Why none of a row's spellings gave a number."""
    known = view.table.prefix or " and ".join(view.table.marks)
    if known and not any(view.table.on(scrape) for scrape in view.pages.scrapes):
        return Absent(f"no `{known}` series on its metrics page: {view.table.silent}")
    names = [_main(series, view.row) for series in view.row.spellings]
    pages = sum(any(_has(scrape, series, view.row) for series in view.row.spellings) for scrape in view.pages.scrapes)
    if pages == 0:
        because = f" ({view.row.when_absent})" if view.row.when_absent else ""
        spelled = " or ".join(dict.fromkeys(names))
        return Absent(f"not on its metrics page: {spelled}{because}", for_good=view.row.gone)
    there = [one for one in view.row.spellings if any(_has(scrape, one, view.row) for scrape in view.pages.scrapes)]
    if pages == 1 and not any(view.row.kind_of(one) in (Kind.GAUGE, Kind.INFO) for one in there):
        return Absent("only one scrape: a rate needs two")
    return Absent(f"no usable value of {' or '.join(dict.fromkeys(names))}: NaN, or outside its unit")


def _has(scrape: Scrape, series: Series, row: Row) -> bool:
    """True where a page has one of a spelling's series, with its labels."""
    found = (sample for name in counter_names(_main(series, row)) for sample in scrape.named(name))
    return any(carries(sample.labels, series.only) for sample in found)


def _main(series: Series, row: Row) -> str:
    return f"{series.name}_count" if row.kind_of(series) is Kind.HISTOGRAM else series.name
