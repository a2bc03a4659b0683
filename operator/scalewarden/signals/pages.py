"""The scrapes of one pod that count at an instant, and the folding of a page's series into one number."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from scalewarden.model.signal import Point
from scalewarden.signals.engines.table import EngineTable, Fold, Only, Series, carries
from scalewarden.signals.sample import BEYOND, Scrape

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Pages:
    """Scrapes of one pod, oldest first, one an instant; restarted_at is when its counters last began at zero.

    copies are labels that tell apart several reports of one number. born_late is the prefix of counters that are
    missing from a page until they first count, empty where there are none such.
    """

    scrapes: tuple[Scrape, ...]
    restarted_at: float | None = None
    copies: frozenset[str] = frozenset({"pid"})
    born_late: str = ""

    @classmethod
    def of(cls, scrapes: Iterable[Scrape], now: float, window: float, restarted_at: float | None = None) -> "Pages":
        """The scrapes up to `now` within `window` seconds of the newest; order and repeats do not matter."""
        known = {scrape.at: scrape for scrape in scrapes if scrape.at <= now}
        newest = max(known, default=now)
        return cls(tuple(known[at] for at in sorted(known) if at >= newest - window), restarted_at)

    def last(self, seconds: float) -> "Pages":
        """Those within `seconds` of the newest."""
        newest = self.scrapes[-1].at if self.scrapes else 0.0
        return self.only(scrape for scrape in self.scrapes if scrape.at >= newest - seconds)

    def only(self, some: Iterable[Scrape]) -> "Pages":
        """The same pod with some of its scrapes."""
        return replace(self, scrapes=tuple(some))

    def read_by(self, table: EngineTable) -> "Pages":
        """The same pages, read as the engine writes them."""
        return replace(self, copies=table.copies, born_late=table.prefix if table.born_late else "")

    def folding(self, copies: frozenset[str]) -> "Pages":
        """The same pages with more labels that tell copies apart."""
        return replace(self, copies=self.copies | copies) if copies else self

    def restarted_between(self, earlier: float, later: float) -> bool:
        """True where the container was restarted after `earlier` and not after `later` (unix seconds)."""
        return self.restarted_at is not None and earlier < self.restarted_at <= later


def values(scrape: Scrape, name: str, only: Only, copies: frozenset[str]) -> dict[Labels, float] | None:
    """Value by label set, the labels of `copies` aside (several reports of one number: the largest).

    None where the page has no such series, or one of them is NaN or beyond measure: what is left would be no sum.
    """
    found: dict[Labels, float] = {}
    for labels, key, value in scrape.keyed(name, copies):
        if only and not carries(labels, only):
            continue
        if not -BEYOND < value < BEYOND:
            return None
        found[key] = max(found.get(key, value), value)
    return found or None


def gauge(pages: Pages, series: Series, fold: Fold) -> tuple[Point, ...]:
    """One point a page that has the series, oldest first."""
    folded = ((scrape.at, _level(scrape, series, fold, pages.copies)) for scrape in pages.scrapes)
    return tuple(Point(at, value) for at, value in folded if value is not None)


def _level(scrape: Scrape, series: Series, fold: Fold, copies: frozenset[str]) -> float | None:
    own = values(scrape, series.name, series.only, copies | series.copies)
    if own is not None and series.over:
        own = _shares(scrape, own, series, copies)
    if own is None:
        return None
    level = _fold(own.values(), fold)
    besides = [(one, _beside(scrape, one, Fold.MAX, copies)) for one in series.most]
    added = [_beside(scrape, one, Fold.SUM, copies) for one in series.plus]
    if any(value is not None and math.isnan(value) for value in (*added, *(value for _, value in besides))):
        return None
    for one, value in besides:
        level = value if value is not None and value > level + one.rounding else level
    return (level + math.fsum(value for value in added if value is not None)) * series.scale


def _beside(scrape: Scrape, one: Series, fold: Fold, copies: frozenset[str]) -> float | None:
    """What is combined with a series: None where it is not on the page, NaN where it is and is no number."""
    if not any(carries(sample.labels, one.only) for sample in scrape.named(one.name)):
        return None
    found = values(scrape, one.name, one.only, copies | one.copies)
    return math.nan if found is None else _fold(found.values(), fold)


def _shares(
    scrape: Scrape, own: Mapping[Labels, float], series: Series, copies: frozenset[str]
) -> dict[Labels, float] | None:
    """Each engine's part of its own whole; None unless all of them have one."""
    for one in series.over:
        found = values(scrape, one.name, one.only, copies | one.copies)
        if found is not None:
            wholes = {_apart(labels, one.only): value for labels, value in found.items()}
            pairs = [(labels, value, wholes.get(_apart(labels, series.only), 0.0)) for labels, value in own.items()]
            return {labels: value / whole for labels, value, whole in pairs} if all(w > 0 for *_, w in pairs) else None
    return None


def _apart(labels: Labels, only: Only) -> Labels:
    """Labels without those by which a series was picked out."""
    return frozenset(item for item in labels if item[0] not in only)


def _fold(numbers: Iterable[float], fold: Fold) -> float:
    some = tuple(numbers)
    return max(some) if fold is Fold.MAX else math.fsum(some)


def first_named(pages: Pages, names: Sequence[str]) -> str | None:
    """The first of several spellings that any page has; None where none is there."""
    return next((name for name in names if any(scrape.named(name) for scrape in pages.scrapes)), None)
