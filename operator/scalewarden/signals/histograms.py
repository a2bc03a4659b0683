"""Histograms as what was observed within a span: always increases of buckets, never their lifetime."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

from scalewarden.signals.counters import by_labels, first_of, increase, of_series, unborn
from scalewarden.signals.engines.table import Kind, Only, Series
from scalewarden.signals.pages import Labels, Pages, values
from scalewarden.signals.sample import Scrape


@dataclass(frozen=True, slots=True)
class Observed:
    """Observations within a span: count, sum, and how many fell at or below each bound (`buckets`, cumulative).

    at: unix seconds of the newest sample; seconds of data; name without `_bucket`.
    """

    name: str
    count: float
    sum: float
    buckets: Mapping[float, float]
    at: float
    seconds: float

    @property
    def mean(self) -> float | None:
        """Mean observation, None of none."""
        return self.sum / self.count if self.count > 0 else None


def observed(pages: Pages, series: Series, kind: Kind = Kind.HISTOGRAM) -> Observed | None:
    """What one histogram, or a ratio of two counters, of a pod saw over its pages, in the signal's unit.

    None with fewer than two samples of it.
    """
    if kind is Kind.RATIO:
        return _divided(pages, series)
    name, only = series.name, series.only
    telling = _telling(pages, f"{name}_count", only)
    count, total = (increase(telling, (f"{name}{suffix}",), only) for suffix in ("_count", "_sum"))
    if count is None or total is None:
        return None
    buckets = {bound * series.scale: gained for bound, gained in _buckets(telling, name, only).items()}
    return Observed(name, count.total, total.total * series.scale, buckets, count.at, count.seconds)


def _divided(pages: Pages, series: Series) -> Observed | None:
    """Two counters as sum and count, without buckets: a mean or a share, and no quantile."""
    total, count = of_series(pages, series), first_of(pages, series.over)
    if total is None or count is None:
        return None
    return Observed(total.name, count.total, total.total, {}, count.at, count.seconds)


def _buckets(telling: Pages, name: str, only: Only) -> dict[float, float]:
    gained: dict[float, list[float]] = {}
    for _, _, gains in by_labels(telling, f"{name}_bucket", only):
        for labels, gain in gains.items():
            gained.setdefault(_bound(dict(labels)), []).append(gain)
    return {bound: fsum(gained[bound]) for bound in sorted(gained) if not math.isnan(bound)}


def _telling(pages: Pages, name: str, only: Only) -> Pages:
    """The first and last page and those around a reset or a new series: between them all others add nothing."""
    counts = [
        (scrape, found) for scrape in pages.scrapes if (found := _count_on(pages, scrape, name, only)) is not None
    ]
    telling = {0, len(counts) - 1}
    for index, ((earlier, before), (later, after)) in enumerate(pairwise(counts)):
        if pages.restarted_between(earlier.at, later.at) or _breaks(before, after):
            telling |= {index, index + 1}
    return pages.only(scrape for index, (scrape, _) in enumerate(counts) if index in telling)


def _count_on(pages: Pages, scrape: Scrape, name: str, only: Only) -> dict[Labels, float] | None:
    """The counts on a page; none yet where the engine is there and the histogram was not born."""
    found = values(scrape, name, only, frozenset())
    return {} if found is None and unborn(pages, scrape, name, only) else found


def _breaks(before: Mapping[Labels, float], after: Mapping[Labels, float]) -> bool:
    return after.keys() != before.keys() or any(value < before[labels] for labels, value in after.items())


def _bound(labels: Mapping[str, str]) -> float:
    try:
        return float(labels["le"])
    except (KeyError, ValueError):
        return math.nan


def merged(parts: Iterable[Observed]) -> Observed | None:
    """Several pods' observations as one; buckets at the bounds that all of them have. None of nothing."""
    some = tuple(parts)
    if not some:
        return None
    bounds = set(some[0].buckets).intersection(*(part.buckets for part in some))
    return Observed(
        name=some[0].name,
        count=fsum(part.count for part in some),
        sum=fsum(part.sum for part in some),
        buckets={bound: fsum(part.buckets[bound] for part in some) for bound in sorted(bounds)},
        at=max(part.at for part in some),
        seconds=max(part.seconds for part in some),
    )


def quantile(seen: Observed, q: float) -> float | None:
    """The q-quantile, linear inside its bucket as in PromQL; the last finite bound where it lies beyond it.

    None without observations or without buckets to tell.
    """
    finite = [bound for bound in seen.buckets if bound != math.inf]
    everything = max(seen.buckets.values(), default=0.0)
    if not finite or everything <= 0:
        return None
    rank = q * everything
    lower, below = 0.0, 0.0
    for bound in finite:
        within = max(below, seen.buckets[bound])
        if within >= rank and within > below:
            return lower + (bound - lower) * (rank - below) / (within - below)
        lower, below = bound, within
    return finite[-1]
