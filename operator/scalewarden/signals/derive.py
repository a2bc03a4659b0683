"""One pod's scrapes → its canonical signals. Whatever the source and the engine, numbers are made here and only here.

Gauges speak with their newest sample and carry the window as a series; counters are rates or increases between
scrapes; quantiles and means rest on what was observed within `latencySpan`. What cannot be said is Absent with a
cause that holds no live number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scalewarden.model.signal import Absent, Reading, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.canonical import UNITS
from scalewarden.signals.engines import SERVED_BY, TABLES, detect_on_page
from scalewarden.signals.engines.table import EngineTable
from scalewarden.signals.histograms import Observed
from scalewarden.signals.measure import Seen, measure, observed
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Scrape
from scalewarden.signals.staleness import is_stale, stale
from scalewarden.signals.view import View


@dataclass(frozen=True, slots=True)
class Derived:
    """What the scrapes of one pod say: its signals, and the observations behind those that rest on some.

    observed holds what was observed within `latencySpan`, so that several pods' observations can be put together.
    limit is the batch limit (sequences) that the page tells, None where it does not; asleep is True where the newest
    page says that the engine was put to sleep. engines is how many data-parallel engines of the pod the page shows.
    """

    signals: Mapping[SignalName, Signal]
    observed: Mapping[SignalName, Observed] = field(default_factory=dict)
    limit: int | None = None
    asleep: bool = False
    engines: int = 1


def derive(
    scrapes: Sequence[Scrape] | Absent,
    engine: Engine | EngineTable,
    now: float,
    thresholds: Thresholds,
    window: float,
    restarted_at: float | None = None,
    fallback: Engine = Engine.UNKNOWN,
) -> Derived:
    """Everything of one pod at `now` (unix seconds) over the last `window` seconds of its scrapes.

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
    views = {row.signal: View.of(pages, found, row, thresholds) for row in found.rows}
    seen: Seen = {}
    signals = {name: _signal(views.get(name), found, name, now, seen) for name in UNITS}
    behind = {name: one for name, view in views.items() if (one := observed(view, seen)) is not None}
    asleep = found.asleep(pages.scrapes[-1]) is True
    return Derived(signals, behind, _limit(pages, found), asleep, _engines(pages, found))


def replica_signals(
    scrapes: Sequence[Scrape] | Absent,
    engine: Engine | EngineTable,
    now: float,
    thresholds: Thresholds,
    window: float,
    restarted_at: float | None = None,
) -> Mapping[SignalName, Signal]:
    """The signals alone; see `derive`."""
    return derive(scrapes, engine, now, thresholds, window, restarted_at).signals


def _all_absent(cause: Absent, table: EngineTable | None) -> Derived:
    return Derived({name: cause if table is None or table.row(name) else never(table, name) for name in UNITS})


def never(table: EngineTable, name: SignalName) -> Absent:
    """Why an engine does not give a signal, now or later."""
    return Absent(table.never.get(name, f"{table.engine} does not export it"), for_good=True)


def table_of(engine: Engine | EngineTable, pages: Pages, fallback: Engine = Engine.UNKNOWN) -> EngineTable | Absent:
    """The table to read the pages with, or why there is none."""
    if isinstance(engine, EngineTable):
        return engine
    found = next((one for scrape in reversed(pages.scrapes) if (one := detect_on_page(scrape))), None)
    if engine in TABLES:
        served = found is not None and found.engine in (engine, *SERVED_BY.get(engine, ()))
        return found.table if found and served else TABLES[engine]
    if found:
        return found.table
    if fallback in TABLES:
        return TABLES[fallback]
    if not pages.scrapes:
        return Absent("no scrape of its metrics page")
    known = ", ".join(f"`{table.prefix}`" for table in TABLES.values() if table.prefix)
    return Absent(f"no engine's series on its metrics page (looked for {known})")


def _limit(pages: Pages, table: EngineTable) -> int | None:
    limit = next((one for scrape in reversed(pages.scrapes) if (one := table.limit(scrape))), None)
    return round(limit) if limit is not None and limit < _BEYOND else None


ENGINE_LABELS = ("engine", "dp_rank")
"""Labels that tell the data-parallel engines of one server apart: vLLM's and SGLang's."""


def _engines(pages: Pages, table: EngineTable) -> int:
    """How many of them report running requests on the newest page; one where they are not told apart."""
    row = table.row(SignalName.RUNNING)
    names = [series.name for series in row.spellings] if row else []
    labels = [sample.labels for name in names for sample in pages.scrapes[-1].named(name)]
    return max(1, *(len({one[label] for one in labels if label in one}) for label in ENGINE_LABELS))


_BEYOND = 1e9
"""A batch limit of so many sequences is none: engines write huge numbers where there is no limit."""


def _signal(view: View | None, table: EngineTable, name: SignalName, now: float, seen: Seen) -> Signal:
    if view is None:
        return never(table, name)
    signal = measure(view, seen)
    if isinstance(signal, Reading) and is_stale(signal.at, now, view.limits):
        return stale(view.limits)
    return signal
