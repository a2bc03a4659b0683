"""How each kind of signal is made of a pod's pages: levels, rates, increases, quantiles and means."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals import histograms, windows
from scalewarden.signals.canonical import QUANTILES, UNITS
from scalewarden.signals.counters import Increase, increase
from scalewarden.signals.engines.table import Kind, Series, counter_names
from scalewarden.signals.histograms import Observed
from scalewarden.signals.pages import Pages, gauge
from scalewarden.signals.view import View, missing

RATE_SPAN = 120.0
"""Seconds of a throughput rate: at least four scrapes at 15-30 s (metric catalogue)."""


def measure(view: View) -> Signal:
    """The signal of the view's row, however old."""
    return _MAKERS.get(view.row.signal, _MAKER_OF_KIND[view.row.kind])(view)


def _points(view: View) -> tuple[Series, tuple[Point, ...]] | None:
    for series in view.row.spellings:
        points = gauge(view.pages, series.name, series.only, view.row.fold)
        believable = tuple(point for point in points if _believable(point.value, view.unit))
        if believable:
            return series, believable
    return None


def _believable(value: float, unit: Unit) -> bool:
    """No level is negative, and no fraction is a percentage: a number outside its unit is no number."""
    return 0 <= value <= (1.0 + 1e-6 if unit is Unit.FRACTION else math.inf)


def _level(view: View) -> Signal:
    """A gauge: its newest sample, the window as series."""
    found = _points(view)
    if found is None:
        return missing(view)
    series, points = found
    return Reading(points[-1].value, view.unit, points[-1].at, series.name, _seconds(points), points)


def _effective_batch(view: View) -> Signal:
    """The 95th percentile over the window of the running batch of the fullest engine."""
    found = _points(view)
    if found is None:
        return missing(view)
    series, points = found
    value = windows.quantile([point.value for point in points], 0.95)
    return Reading(value, view.unit, points[-1].at, series.name, _seconds(points), points)


def _seconds(points: Sequence[Point]) -> float:
    return points[-1].at - points[0].at


def _counted(view: View) -> Increase | None:
    """The increase of a counter row, less its `minus`; None where no spelling has two samples."""
    for series in view.row.spellings:
        gained = increase(view.pages, counter_names(series.name), series.only)
        if gained is not None:
            return _less(view.pages, series, gained)
    return None


def _less(pages: Pages, series: Series, gained: Increase) -> Increase:
    names = [name for one in series.minus for name in counter_names(one)]
    taken = increase(pages, names) if names else None
    return gained.less(taken) if taken else gained


def _preemptions(view: View) -> Signal:
    """The increase over the window; the series counts up from zero at its start."""
    gained = _counted(view)
    if gained is None:
        return missing(view)
    return Reading(gained.total, view.unit, gained.at, gained.name, gained.seconds, gained.cumulative)


def _rate(span: Callable[[Thresholds], float]) -> Callable[[View], Signal]:
    """A rate over the last `span` seconds; the series holds the rates between scrapes of the whole window."""

    def made(view: View) -> Signal:
        gained = _counted(view)
        if gained is None:
            return missing(view)
        recent = gained.last(span(view.limits))
        return Reading(recent.rate, view.unit, recent.at, recent.name, recent.seconds, gained.rates)

    return made


def looked_up(view: View) -> tuple[Increase, Increase] | None:
    """(hits, queries) in tokens within `latencySpan`; None where they are not counted."""
    pages = view.pages.last(view.limits["latencySpan"])
    for series in view.row.spellings:
        hits = increase(pages, counter_names(series.name))
        queries = increase(pages, [name for one in series.over for name in counter_names(one)])
        if hits is not None and queries is not None:
            return hits, queries
    return None


def _prefix_hit(view: View) -> Signal:
    """Share of looked-up prompt tokens that were cached; nothing looked up is no data."""
    found = looked_up(view)
    if found is None:
        return missing(view)
    hits, queries = found
    return hit_share(hits.total, queries.total, queries)


def hit_share(hits: float, queries: float, newest: Increase) -> Signal:
    """hits ÷ queries (tokens), as old as `newest`; Absent of 0/0, which is no data."""
    if queries <= 0:
        return Absent("nothing was looked up in the prefix cache: caching is off, or no prompt came")
    share = min(1.0, hits / queries)
    return Reading(share, Unit.FRACTION, newest.at, newest.name, newest.seconds, observations=queries)


def seen(view: View) -> Observed | None:
    """What a histogram row observed within `latencySpan`; None where no spelling has two samples."""
    pages = view.pages.last(view.limits["latencySpan"])
    found = (histograms.observed(pages, series.name) for series in view.row.spellings)
    return next((one for one in found if one is not None), None)


def _observed(view: View) -> Signal:
    """A quantile or mean of what was observed within `latencySpan`."""
    one = seen(view)
    return missing(view) if one is None else summary(view.row.signal, one, view.limits)


def summary(signal: SignalName, one: Observed, limits: Thresholds) -> Signal:
    """The signal's quantile (from `latencyObservations` on) or mean (of any) of some observations."""
    span = f"{limits['latencySpan'] / 60:.0f} min"
    enough, quantile = limits["latencyObservations"], QUANTILES.get(signal)
    if quantile is not None and one.count < enough:
        return Absent(f"not enough traffic: fewer than {enough:.0f} observations in {span}")
    value = one.mean if quantile is None else histograms.quantile(one, quantile)
    if value is None:
        return Absent(f"not enough traffic: no observation in {span}" if not one.count else "its buckets do not agree")
    return Reading(value, UNITS[signal], one.at, one.name, one.seconds, observations=one.count)


def _mean_between_scrapes(view: View) -> Signal:
    """The mean within `latencySpan`; the series holds the mean of each interval of the window that saw any."""
    signal = _observed(view)
    if not isinstance(signal, Reading):
        return signal
    sums, counts = (increase(view.pages, (f"{signal.source}{suffix}",)) for suffix in ("_sum", "_count"))
    points = tuple(_means(sums, counts)) if sums and counts else ()
    return replace(signal, series=points)


def _means(sums: Increase, counts: Increase) -> Iterator[Point]:
    gains = {(step.start, step.at): step.gain for step in sums.steps}
    for step in counts.steps:
        if step.gain > 0 and (step.start, step.at) in gains:
            yield Point(step.at, gains[step.start, step.at] / step.gain)


def _capacity(view: View) -> Signal:
    """KV tokens of one engine, from the newest page that says."""
    for scrape in reversed(view.pages.scrapes):
        size = view.table.capacity(scrape)
        if size is not None:
            return Reading(size, view.unit, scrape.at, view.row.spellings[0].name)
    return missing(view)


_MAKER_OF_KIND: Mapping[Kind, Callable[[View], Signal]] = {
    Kind.GAUGE: _level,
    Kind.COUNTER: _rate(lambda _: RATE_SPAN),
    Kind.HISTOGRAM: _observed,
    Kind.INFO: _capacity,
}
_MAKERS: Mapping[SignalName, Callable[[View], Signal]] = {
    SignalName.EFF_BATCH: _effective_batch,
    SignalName.PREEMPTIONS: _preemptions,
    SignalName.FINISH_RATE: _rate(lambda limits: limits["latencySpan"]),
    SignalName.PREFIX_HIT: _prefix_hit,
    SignalName.ITL_MEAN: _mean_between_scrapes,
}
