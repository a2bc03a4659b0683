"""Between what each predicted number lies, from what was measured; it informs and never moves a verdict.

The predicted number is the worst case, so it mostly stands at the upper end: peaks that never coincided are added up as
if they did. The lower end says what the same removal would have come to at the instants that were seen.
"""

from bisect import bisect_right
from collections.abc import Iterator
from math import fsum
from statistics import fmean, median

from scalewarden.model.signal import Point, Reading, SignalName
from scalewarden.model.verdict import Range
from scalewarden.signals import windows
from scalewarden.whatif import predict
from scalewarden.whatif.case import Case
from scalewarden.whatif.fleet import Carried, series
from scalewarden.whatif.learned import recent


def kv_cache_usage(case: Case) -> Range | None:
    """From the worst instant that was seen, with two standard errors less of growth, to the prediction with as much
    more."""
    predicted = predict.kv_cache_usage(case)
    if predicted is None:
        return None
    noise = _growth_noise(case)
    low = max(_bounds(case)) + predict.queue_share(case) + max(0.0, predict.rise_share(case) - noise)
    return _range(min(low, predicted), predicted + noise)


def _bounds(case: Case) -> Iterator[float]:
    """The worst survivor at every instant from which all replicas that were seen have a value."""
    windowed = {id(one): _window(case, one) for one in case.everyone}
    known = [points for points in windowed.values() if points]
    start = max(points[0].at for points in known)
    for at in sorted({point.at for points in known for point in points if point.at >= start}):
        yield predict.fullest(case, lambda one, at=at: _as_of(windowed[id(one)], at))  # type: ignore[misc]


def _window(case: Case, one: Carried) -> tuple[Point, ...]:
    return windows.span(series(one, SignalName.KV_USAGE), case.snapshot.window, case.limits).points


def _as_of(points: tuple[Point, ...], at: float) -> float | None:
    """The last value holds; a replica that was not seen carries nothing, as in the prediction."""
    index = bisect_right(points, at, key=lambda point: point.at) - 1
    return points[max(0, index)].value if points else None


def _growth_noise(case: Case) -> float:
    """Two standard errors of the growth until a replacement would be ready, as KV usage of one survivor."""
    found = case.fleet.rise
    if found is None:
        return 0.0
    capacity = predict.smallest_capacity(case) if case.fleet.in_tokens else None
    return 2 * found.error * predict.cold_start(case) / (case.s * (capacity or 1.0))


def waiting_per_replica(case: Case) -> Range | None:
    """The smallest and the largest queue of the span that the mean is taken over, and beside an overflowing KV cache
    the requests that would not fit."""
    predicted, span = predict.waiting_per_replica(case), case.limits["waitingMeanSpan"]
    gateway = case.snapshot.signal(SignalName.GATEWAY_WAITING)
    parts = [series(one, SignalName.WAITING) for one in case.everyone]
    parts.append(windows.samples(gateway) if isinstance(gateway, Reading) else ())
    sums = windows.total([windows.span(points, span, case.limits).points for points in parts if points])
    if predicted is None or not sums:
        return None
    shares = [point.value / case.s for point in sums]
    return _range(min(*shares, predicted), max(*shares, predicted) + _overflow(case))


def _overflow(case: Case) -> float:
    """Running requests of one survivor that would have to wait where its KV cache is asked for more than there is."""
    found = kv_cache_usage(case)
    running = [one.running for one in case.everyone if one.running is not None]
    if found is None or found.low <= 1.0 or len(running) < case.n:
        return 0.0
    return fsum(running) / case.s * (1 - 1 / found.low)


def concurrency(case: Case) -> Range | None:
    """From the mean to the largest batch that was seen, of the replica nearest to its limit."""
    predicted = predict.concurrency(case)
    if predicted is None:
        return None
    found = [pair for one in case.fleet.serving if (pair := _batches(case, one))]
    if not found:
        return None
    scale = case.n / case.s
    return _range(
        min(predicted, max(low for low, _ in found) * scale), max(predicted, max(high for _, high in found) * scale)
    )


def _batches(case: Case, one: Carried) -> tuple[float, float] | None:
    """Mean and largest share of its batch limit that a replica ran at."""
    points = windows.span(series(one, SignalName.RUNNING), case.snapshot.window, case.limits).points
    if not points or not one.slots:
        return None
    waiting = one.waiting or 0.0
    batches = [(point.value + waiting) / one.slots for point in points]
    return fmean(batches), max(batches)


def throughput(case: Case) -> Range | None:
    """From an even spread over the survivors to the worst one beside a replica that sustains only what the middle of
    the learned samples says; a declared rate has no spread."""
    predicted, sustainable = predict.throughput(case), case.snapshot.sustainable_tps
    tokens = [one.tokens for one in case.everyone if one.tokens is not None]
    if predicted is None or not sustainable or not tokens or predict.waiting_total(case) != 0:
        return None
    even = fsum(tokens) / case.s / sustainable
    return _range(min(even, predicted), predicted * sustainable / min(sustainable, _middle(case) or sustainable))


def _middle(case: Case) -> float | None:
    learned = case.snapshot.learned if case.snapshot.sustainable_learned else None
    samples = recent(learned.saturated, case.snapshot.at, case.limits) if learned else []
    return median(samples) if samples else None


def around(value: float | None, deviation: float | None) -> Range | None:
    """Two standard deviations to both sides, not below zero."""
    if value is None or deviation is None:
        return None
    return _range(max(0.0, value - 2 * deviation), value + 2 * deviation)


def _range(low: float, high: float) -> Range:
    return Range(windows.rounded(low), windows.rounded(high))
