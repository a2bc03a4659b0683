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
from scalewarden.signals.engines import SERVED_BY, TABLES, detect_on_page
from scalewarden.signals.engines.table import EngineTable
from scalewarden.signals.measure import measure
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Scrape
from scalewarden.signals.staleness import is_stale, stale
from scalewarden.signals.view import View


def replica_signals(
    scrapes: Sequence[Scrape] | Absent,
    engine: Engine | EngineTable,
    now: float,
    thresholds: Thresholds,
    window: float,
    restarted_at: float | None = None,
    fallback: Engine = Engine.UNKNOWN,
) -> dict[SignalName, Signal]:
    """All signals of one pod at `now` (unix seconds) over the last `window` seconds of its scrapes.

    engine may be AUTO or UNKNOWN: the page then says, and `fallback` counts where it does not; or a table of its own.
    restarted_at is the newest start of its container. A pod that gave no scrape has every signal Absent with the
    source's cause; what its engine never exports is absent for good all the same.
    """
    if isinstance(scrapes, Absent):
        table = engine if isinstance(engine, EngineTable) else TABLES.get(engine) or TABLES.get(fallback)
        return _all_absent(scrapes, table)
    pages = Pages.of(scrapes, now, window, restarted_at)
    found = table_of(engine, pages, fallback)
    if isinstance(found, Absent):
        return _all_absent(found, None)
    if not pages.scrapes:
        return _all_absent(Absent("no scrape of its metrics page"), found)
    if is_stale(pages.scrapes[-1].at, now, thresholds):
        return _all_absent(stale(thresholds), found)
    read = pages.read_by(found)
    return {signal: _signal(read, found, signal, now, thresholds) for signal in UNITS}


def _all_absent(cause: Absent, table: EngineTable | None) -> dict[SignalName, Signal]:
    return {name: cause if table is None or table.row(name) else never(table, name) for name in UNITS}


def never(table: EngineTable, name: SignalName) -> Absent:
    """Why an engine does not give a signal, now or later."""
    return Absent(table.never.get(name, f"{table.engine} does not export it"), for_good=True)


def table_of(engine: Engine | EngineTable, pages: Pages, fallback: Engine = Engine.UNKNOWN) -> EngineTable | Absent:
    """The table to read the pages with, or why there is none."""
    if isinstance(engine, EngineTable):
        return engine
    found = next((one for scrape in reversed(pages.scrapes) if (one := detect_on_page(scrape))), None)
    if engine in TABLES:
        served = found is not None and found.engine in SERVED_BY.get(engine, ())
        return TABLES[found.engine if found and served else engine]
    if found:
        return TABLES[found.engine]
    if fallback in TABLES:
        return TABLES[fallback]
    if not pages.scrapes:
        return Absent("no scrape of its metrics page")
    known = ", ".join(f"`{table.prefix}`" for table in TABLES.values() if table.prefix)
    return Absent(f"no engine's series on its metrics page (looked for {known})")


def batch_limit(scrapes: Sequence[Scrape] | Absent, engine: Engine | EngineTable, now: float) -> int | None:
    """The batch limit (sequences) that the newest page up to `now` with one tells; None where none does."""
    if isinstance(scrapes, Absent):
        return None
    pages = Pages(tuple(scrape for scrape in scrapes if scrape.at <= now))
    table = table_of(engine, pages)
    if isinstance(table, Absent):
        return None
    limit = next((one for scrape in reversed(pages.scrapes) if (one := table.limit(scrape))), None)
    return round(limit) if limit is not None and limit < _BEYOND else None


def asleep(scrapes: Sequence[Scrape] | Absent, engine: Engine | EngineTable, now: float) -> bool:
    """True where the newest page up to `now` says that the engine was put to sleep."""
    pages = Pages(() if isinstance(scrapes, Absent) else tuple(scrape for scrape in scrapes if scrape.at <= now))
    table = table_of(engine, pages)
    return not isinstance(table, Absent) and bool(pages.scrapes) and table.asleep(pages.scrapes[-1]) is True


_BEYOND = 1e9
"""A batch limit of so many sequences is none: engines write huge numbers where there is no limit."""


def _signal(pages: Pages, table: EngineTable, name: SignalName, now: float, limits: Thresholds) -> Signal:
    row = table.row(name)
    if row is None:
        return never(table, name)
    signal = measure(View(pages, table, row, limits))
    if isinstance(signal, Reading) and is_stale(signal.at, now, limits):
        return stale(limits)
    return signal
