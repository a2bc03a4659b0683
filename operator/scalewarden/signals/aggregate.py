"""Pods → service: sums of rates, and quantiles over the summed buckets of all pods, never a mean of quantiles."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from statistics import fmean
from typing import TypeVar

from scalewarden.model.signal import Absent, Reading, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals import windows
from scalewarden.signals.canonical import QUANTILES, UNITS
from scalewarden.signals.derive import table_of
from scalewarden.signals.engines.table import EngineTable
from scalewarden.signals.histograms import merged
from scalewarden.signals.measure import seen, summary
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Scrape
from scalewarden.signals.staleness import is_stale
from scalewarden.signals.view import View

T = TypeVar("T")

SUMMED = (
    SignalName.WAITING,
    SignalName.WAITING_CAPACITY,
    SignalName.RUNNING,
    SignalName.GEN_TPS,
    SignalName.PREFILL_TPS,
    SignalName.FINISH_RATE,
    SignalName.PREEMPTIONS,
)
OBSERVED = (
    *QUANTILES,
    SignalName.QUEUE_MEAN,
    SignalName.INPUT_TOKENS,
    SignalName.OUTPUT_TOKENS,
    SignalName.PREFIX_HIT,
    SignalName.BAD_RATIO,
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One serving pod: its scrapes, the newest start of its container, and the signals made of them."""

    scrapes: Sequence[Scrape] | Absent
    restarted_at: float | None = None
    signals: Mapping[SignalName, Signal] = field(default_factory=dict)


def service_signals(
    pods: Sequence[Measured],
    engine: Engine | EngineTable,
    now: float,
    thresholds: Thresholds,
    window: float,
    fallback: Engine = Engine.UNKNOWN,
) -> dict[SignalName, Signal]:
    """Service-wide signals at `now` (unix seconds).

    A sum is Absent while any pod lacks its part. Latencies and request sizes rest on the pods that are seen.
    """
    service = _Service(pods, tuple(_readable(pods, engine, now, thresholds, window, fallback)), thresholds)
    signals: dict[SignalName, Signal] = {name: _sum(name, [pod.signals.get(name) for pod in pods]) for name in SUMMED}
    return signals | {name: _observed(name, service) for name in OBSERVED}


def _sum(name: SignalName, parts: Sequence[Signal | None]) -> Signal:
    readings = [part for part in parts if isinstance(part, Reading)]
    if not readings:
        return next((part for part in parts if isinstance(part, Absent)), Absent("no replica is ready"))
    if len(readings) < len(parts):
        return Absent("not measured on every ready replica")
    return Reading(
        value=fsum(reading.value for reading in readings),
        unit=UNITS[name],
        at=min(reading.at for reading in readings),
        source=readings[0].source,
        window=min(reading.window for reading in readings),
        series=windows.total([reading.series for reading in readings]),
    )


@dataclass(frozen=True, slots=True)
class _Service:
    """The pods, those of them whose scrapes still count (with the table to read them), and the lines in force."""

    pods: Sequence[Measured]
    readable: Sequence[tuple[Pages, EngineTable]]
    limits: Thresholds

    def each(self, name: SignalName, read: Callable[[View], T | None]) -> list[T]:
        """What every readable pod says on a row."""
        rows = ((pages, table, table.row(name)) for pages, table in self.readable)
        said = (read(View(pages, table, row, self.limits)) for pages, table, row in rows if row is not None)
        return [one for one in said if one is not None]

    def cause(self, name: SignalName) -> Absent:
        """Why no pod gave it: the first pod's own words."""
        causes = (signal for pod in self.pods if isinstance(signal := pod.signals.get(name), Absent))
        return next(causes, Absent("no replica is ready"))


def _readable(
    pods: Sequence[Measured],
    engine: Engine | EngineTable,
    now: float,
    limits: Thresholds,
    window: float,
    fallback: Engine,
) -> Iterator[tuple[Pages, EngineTable]]:
    for pod in pods:
        if isinstance(pod.scrapes, Absent):
            continue
        pages = Pages.of(pod.scrapes, now, window, pod.restarted_at)
        table = table_of(engine, pages, fallback)
        if not isinstance(table, Absent) and pages.scrapes and not is_stale(pages.scrapes[-1].at, now, limits):
            yield pages.read_by(table), table


def _observed(name: SignalName, service: _Service) -> Signal:
    """Over all pods' observations; of pods that only tell a quantile or mean, the worst quantile and the mean."""
    together = merged(service.each(name, seen))
    if together is not None:
        return summary(name, together, service.limits)
    told = [signal for pod in service.pods if isinstance(signal := pod.signals.get(name), Reading)]
    if not told:
        return service.cause(name)
    worst = max(told, key=lambda one: one.value)
    mean = replace(worst, value=fmean(one.value for one in told))
    return replace(worst if name in QUANTILES else mean, at=min(one.at for one in told), series=())
