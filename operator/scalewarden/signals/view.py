"""What one signal of one pod is made from, and why it may be absent."""

from dataclasses import dataclass

from scalewarden.model.signal import Absent, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.canonical import UNITS
from scalewarden.signals.engines.table import EngineTable, Kind, Row, counter_names
from scalewarden.signals.pages import Pages


@dataclass(frozen=True, slots=True)
class View:
    """What one signal is made from: the pod's pages, its engine's table and row, and the lines in force."""

    pages: Pages
    table: EngineTable
    row: Row
    limits: Thresholds

    @property
    def unit(self) -> Unit:
        """The unit of the row's signal."""
        return UNITS[self.row.signal]


def missing(view: View) -> Absent:
    """Why none of a row's spellings gave a number."""
    if not any(name.startswith(view.table.prefix) for scrape in view.pages.scrapes for name in scrape.names):
        return Absent(f"no `{view.table.prefix}` series on its metrics page: {view.table.silent}")
    names = [f"{s.name}_count" if view.row.kind is Kind.HISTOGRAM else s.name for s in view.row.spellings]
    spellings = [spelling for name in names for spelling in counter_names(name)]
    pages = sum(any(scrape.named(spelling) for spelling in spellings) for scrape in view.pages.scrapes)
    if pages == 0:
        because = f" ({view.row.when_absent})" if view.row.when_absent else ""
        return Absent(f"not on its metrics page: {' or '.join(names)}{because}")
    if pages == 1 and view.row.kind in (Kind.COUNTER, Kind.HISTOGRAM):
        return Absent("only one scrape: a rate needs two")
    return Absent(f"no usable value of {' or '.join(names)}: NaN, or outside its unit")
