"""How each kind of signal is made of a pod's pages: levels, rates, increases, quantiles and means."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals import counters, histograms, windows
from scalewarden.signals.canonical import QUANTILES, UNITS
from scalewarden.signals.counters import Increase, increase
from scalewarden.signals.engines.table import Fold, Kind, Series
from scalewarden.signals.histograms import Observed
from scalewarden.signals.pages import gauge
from scalewarden.signals.view import View, missing

RATE_SPAN = 120.0
"""Seconds of a throughput rate: at least four scrapes at 15-30 s (metric catalogue)."""

WHOLE = 1.0 + 1e-6
"""The largest fraction, with room for rounding."""

Seen = dict[tuple[str, Kind], Observed | None]
"""What the series of one pod observed, by name: several signals rest on one histogram, which is read once."""

Maker = Callable[[View, Series], Signal | None]
Observing = Callable[[View, Series, Observed], Signal]


def measure(view: View, seen: Seen) -> Signal:
    """The signal of the view's row, however old, from the first spelling that gives one."""
    for series in view.row.spellings:
        kind = view.row.kind_of(series)
        found: Signal | None
        if kind in _OBSERVING:
            one = _look_once(view, series, kind, seen)
            found = None if one is None else _TELLERS.get(view.row.signal, _told)(view, series, one)
        else:
            found = _MAKERS.get((view.row.signal, kind), _MAKER_OF_KIND[kind])(view, series)
        if found is not None:
            return found
    return missing(view)


def observed(view: View, seen: Seen) -> Observed | None:
    """What a row's histogram, or ratio of counters, saw within `latencySpan`; None without two samples of it."""
    some = ((series, view.row.kind_of(series)) for series in view.row.spellings)
    found = (_look_once(view, series, kind, seen) for series, kind in some if kind in _OBSERVING)
    return next((one for one in found if one is not None), None)


_OBSERVING = (Kind.HISTOGRAM, Kind.RATIO)


def _look_once(view: View, series: Series, kind: Kind, seen: Seen) -> Observed | None:
    # The same counter may be divided by different others, for different signals.
    key = (f"{series.name} for {view.row.signal}" if kind is Kind.RATIO else series.name, kind)
    if key not in seen:
        seen[key] = histograms.observed(view.recent, series, kind)
    return seen[key]


def _points(view: View, series: Series) -> tuple[Point, ...]:
    """The samples of a gauge that can be believed: no level is negative, and no fraction is above one.

    One sample above one says that the series is a percentage, so that its 0.8 is no 80 % either.
    """
    points = gauge(view.pages, series, view.row.fold)
    if view.unit is Unit.FRACTION and any(point.value > WHOLE for point in points):
        return ()
    return tuple(point for point in points if point.value >= 0)


def _level(view: View, series: Series) -> Signal | None:
    """A gauge: its newest sample, the window as series."""
    points = _points(view, series)
    if not points:
        return None
    reading = Reading(points[-1].value, view.unit, points[-1].at, series.name, _seconds(points), points)
    return _backed(reading, view, series) if series.observations else reading


def _backed(reading: Reading, view: View, series: Series) -> Signal:
    """A quantile or mean that somebody else computed, with what stands behind it."""
    counts = gauge(view.pages, Series(series.observations, only=series.only), Fold.SUM)
    count = counts[-1].value if counts else None
    enough = view.limits["latencyObservations"]
    if view.row.signal in QUANTILES and (count is None or count < enough):
        return _too_few(view.limits)
    return replace(reading, observations=count)


def _effective_batch(view: View, series: Series) -> Signal | None:
    """The 95th percentile over the window of the running batch of the fullest engine."""
    points = _points(view, series)
    if not points:
        return None
    value = windows.quantile([point.value for point in points], 0.95)
    return Reading(value, view.unit, points[-1].at, series.name, _seconds(points), points)


def _seconds(points: Sequence[Point]) -> float:
    return points[-1].at - points[0].at


def _increase(view: View, series: Series) -> Signal | None:
    """The increase over the window; the series counts up from zero at its start."""
    gained = counters.of_series(view.pages, series)
    if gained is None:
        return None
    return Reading(gained.total, view.unit, gained.at, gained.name, gained.seconds, gained.cumulative)


def _rate(span: Callable[[Thresholds], float]) -> Maker:
    """A rate over the last `span` seconds; the series holds the rates between scrapes of the whole window."""

    def made(view: View, series: Series) -> Signal | None:
        gained = counters.of_series(view.pages, series)
        if gained is None:
            return None
        recent = gained.last(span(view.limits))
        return Reading(recent.rate, view.unit, recent.at, recent.name, recent.seconds, gained.rates)

    return made


def _told(view: View, _: Series, one: Observed) -> Signal:
    """A quantile or mean of what was observed within `latencySpan`."""
    return summary(view.row.signal, one, view.limits)


def summary(signal: SignalName, one: Observed, limits: Thresholds) -> Signal:
    """The signal's quantile (from `latencyObservations` on) or mean (of any) of some observations."""
    span = f"{limits['latencySpan'] / 60:.0f} min"
    enough, quantile = limits["latencyObservations"], QUANTILES.get(signal)
    if quantile is not None and one.count < enough:
        return _too_few(limits)
    value = one.mean if quantile is None else histograms.quantile(one, quantile)
    if value is None:
        return Absent(_nothing(signal, span) if not one.count else "its buckets do not agree")
    value = min(1.0, value) if UNITS[signal] is Unit.FRACTION else value
    return Reading(value, UNITS[signal], one.at, one.name, one.seconds, observations=one.count)


def _too_few(limits: Thresholds) -> Absent:
    span = f"{limits['latencySpan'] / 60:.0f} min"
    return Absent(f"not enough traffic: fewer than {limits['latencyObservations']:.0f} observations in {span}")


def _nothing(signal: SignalName, span: str) -> str:
    """Why 0/0 is no number."""
    if signal is SignalName.PREFIX_HIT:
        return "nothing was looked up in the prefix cache: caching is off, or no prompt came"
    return f"not enough traffic: no observation in {span}"


def _mean_between_scrapes(view: View, series: Series, one: Observed) -> Signal:
    """The mean within `latencySpan`; the series holds the mean of each interval of the window that saw any."""
    signal = _told(view, series, one)
    if not isinstance(signal, Reading):
        return signal
    sums, counts = _parts(view, series)
    points = tuple(_means(sums, counts)) if sums and counts else ()
    return replace(signal, series=points)


def _parts(view: View, series: Series) -> tuple[Increase | None, Increase | None]:
    if view.row.kind_of(series) is Kind.RATIO:
        return counters.of_series(view.pages, series), counters.first_of(view.pages, series.over)
    sums, counts = (increase(view.pages, (f"{series.name}{suffix}",), series.only) for suffix in ("_sum", "_count"))
    return (sums.scaled(series.scale) if sums else None), counts


def _means(sums: Increase, counts: Increase) -> Iterator[Point]:
    gains = {(step.start, step.at): step.gain for step in sums.steps}
    for step in counts.steps:
        if step.gain > 0 and (step.start, step.at) in gains:
            yield Point(step.at, gains[step.start, step.at] / step.gain)


def _capacity(view: View, series: Series) -> Signal | None:
    """KV tokens of one engine, from the newest page that says."""
    for scrape in reversed(view.pages.scrapes):
        size = view.table.capacity(scrape)
        if size is not None:
            return Reading(size, view.unit, scrape.at, series.name)
    return None


_MAKER_OF_KIND: Mapping[Kind, Maker] = {
    Kind.GAUGE: _level,
    Kind.COUNTER: _rate(lambda _: RATE_SPAN),
    Kind.INFO: _capacity,
}
_MAKERS: Mapping[tuple[SignalName, Kind], Maker] = {
    (SignalName.EFF_BATCH, Kind.GAUGE): _effective_batch,
    (SignalName.PREEMPTIONS, Kind.COUNTER): _increase,
    (SignalName.FINISH_RATE, Kind.COUNTER): _rate(lambda limits: limits["latencySpan"]),
}
_TELLERS: Mapping[SignalName, Observing] = {SignalName.ITL_MEAN: _mean_between_scrapes}
