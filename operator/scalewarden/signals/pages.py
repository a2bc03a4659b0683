"""The scrapes of one pod that count at an instant, and the folding of a page's series into one number."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scalewarden.model.signal import Point
from scalewarden.signals.engines.table import Fold
from scalewarden.signals.sample import Sample, Scrape

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Pages:
    """Scrapes of one pod, oldest first, one an instant; restarted_at is when its counters last began at zero."""

    scrapes: tuple[Scrape, ...]
    restarted_at: float | None = None

    @classmethod
    def of(cls, scrapes: Iterable[Scrape], now: float, window: float, restarted_at: float | None = None) -> "Pages":
        """The scrapes up to `now` within `window` seconds of the newest; order and repeats do not matter."""
        known = {scrape.at: scrape for scrape in scrapes if scrape.at <= now}
        newest = max(known, default=now)
        return cls(tuple(known[at] for at in sorted(known) if at >= newest - window), restarted_at)

    def last(self, seconds: float) -> "Pages":
        """Those within `seconds` of the newest."""
        newest = self.scrapes[-1].at if self.scrapes else 0.0
        return Pages(tuple(scrape for scrape in self.scrapes if scrape.at >= newest - seconds), self.restarted_at)

    def restarted_between(self, earlier: float, later: float) -> bool:
        """True where the container was restarted after `earlier` and not after `later` (unix seconds)."""
        return self.restarted_at is not None and earlier < self.restarted_at <= later


def values(scrape: Scrape, name: str, only: Mapping[str, str]) -> dict[Labels, float] | None:
    """Value by label set, `pid` aside (several processes that report one gauge: the largest).

    None where the page has no such series, or one of them is NaN or infinite: what is left would be no sum.
    """
    found: dict[Labels, float] = {}
    for sample in scrape.named(name):
        if any(sample.labels.get(label) != wanted for label, wanted in only.items()):
            continue
        if not math.isfinite(sample.value):
            return None
        key = _identity(sample)
        found[key] = max(found.get(key, sample.value), sample.value)
    return found or None


def _identity(sample: Sample) -> Labels:
    return frozenset(item for item in sample.labels.items() if item[0] != "pid")


def gauge(pages: Pages, name: str, only: Mapping[str, str], fold: Fold) -> tuple[Point, ...]:
    """One point a page that has the series, oldest first."""
    folded = ((scrape.at, values(scrape, name, only)) for scrape in pages.scrapes)
    return tuple(Point(at, _fold(found.values(), fold)) for at, found in folded if found is not None)


def _fold(numbers: Iterable[float], fold: Fold) -> float:
    return max(numbers) if fold is Fold.MAX else math.fsum(numbers)


def first_named(pages: Pages, names: Sequence[str]) -> str | None:
    """The first of several spellings that any page has; None where none is there."""
    return next((name for name in names if any(scrape.named(name) for scrape in pages.scrapes)), None)
