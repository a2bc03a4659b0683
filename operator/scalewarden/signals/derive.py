"""One pod's scrapes → its canonical signals. Whatever the source and the engine, numbers are made here and only here.

Gauges speak with their newest sample and carry the window as a series; counters are rates or increases between
scrapes; quantiles and means rest on what was observed within `latencySpan`. What cannot be said is Absent with a
cause that holds no live number.
"""

from collections.abc import Sequence

from scalewarden.model.signal import Absent, Reading, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.canonical import UNITS
from scalewarden.signals.engines import TABLES, detect_on_page
from scalewarden.signals.engines.table import EngineTable
from scalewarden.signals.measure import measure
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Scrape
from scalewarden.signals.staleness import is_stale, stale
from scalewarden.signals.view import View


def replica_signals(
    scrapes: Sequence[Scrape] | Absent,
    engine: Engine,
    now: float,
    thresholds: Thresholds,
    window: float,
    restarted_at: float | None = None,
) -> dict[SignalName, Signal]:
    """All signals of one pod at `now` (unix seconds) over the last `window` seconds of its scrapes.

    engine may be AUTO or UNKNOWN: the page then says. restarted_at is the newest start of its container. A pod that
    gave no scrape has every signal Absent with the source's cause.
    """
    if isinstance(scrapes, Absent):
        return dict.fromkeys(UNITS, scrapes)
    pages = Pages.of(scrapes, now, window, restarted_at)
    table = table_of(engine, pages)
    if isinstance(table, Absent):
        return dict.fromkeys(UNITS, table)
    if is_stale(pages.scrapes[-1].at, now, thresholds):
        return dict.fromkeys(UNITS, stale(thresholds))
    return {signal: _signal(pages, table, signal, now, thresholds) for signal in UNITS}


def table_of(engine: Engine, pages: Pages) -> EngineTable | Absent:
    """The table to read the pages with, or why there is none."""
    if not pages.scrapes:
        return Absent("no scrape of its metrics page")
    if engine in TABLES:
        return TABLES[engine]
    found = next((one for scrape in reversed(pages.scrapes) if (one := detect_on_page(scrape))), None)
    if found:
        return TABLES[found.engine]
    known = ", ".join(f"`{table.prefix}`" for table in TABLES.values())
    return Absent(f"no engine's series on its metrics page (looked for {known})")


def _signal(pages: Pages, table: EngineTable, name: SignalName, now: float, limits: Thresholds) -> Signal:
    row = table.row(name)
    if row is None:
        return Absent(f"{table.engine} does not export it", for_good=True)
    signal = measure(View(pages, table, row, limits))
    if isinstance(signal, Reading) and is_stale(signal.at, now, limits):
        return stale(limits)
    return signal
