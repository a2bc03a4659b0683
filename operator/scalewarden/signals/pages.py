"""The scrapes of one pod that count at an instant, and the folding of a page's series into one number."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from scalewarden.model.signal import Point
from scalewarden.signals.engines.table import EngineTable, Fold, Only, Series
from scalewarden.signals.sample import Scrape

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

    None where the page has no such series, or one of them is NaN or infinite: what is left would be no sum.
    """
    found: dict[Labels, float] = {}
    for labels, key, value in scrape.keyed(name, copies):
        if only and not _carries(labels, only):
            continue
        if not math.isfinite(value):
            return None
        found[key] = max(found.get(key, value), value)
    return found or None


def _carries(labels: Mapping[str, str], only: Only) -> bool:
    """True where each label has its value, or one of its values; an empty one stands for a missing label."""
    for label, wanted in only.items():
        value = labels.get(label, "")
        if value not in wanted if isinstance(wanted, tuple) else value != wanted:
            return False
    return True


def gauge(pages: Pages, series: Series, fold: Fold) -> tuple[Point, ...]:
    """One point a page that has the series, oldest first."""
    folded = ((scrape.at, _level(scrape, series, fold, pages.copies)) for scrape in pages.scrapes)
    return tuple(Point(at, value) for at, value in folded if value is not None)


def _level(scrape: Scrape, series: Series, fold: Fold, copies: frozenset[str]) -> float | None:
    def folded(one: Series, how: Fold) -> float | None:
        found = values(scrape, one.name, one.only, copies | series.copies)
        return None if found is None else _fold(found.values(), how)

    own = folded(series, fold)
    if own is None:
        return None
    level = max([own, *(beside for one in series.most if (beside := folded(one, Fold.MAX)) is not None)])
    level += math.fsum(more for one in series.plus if (more := folded(one, Fold.SUM)) is not None)
    if not series.over:
        return level * series.scale
    whole = next((found for one in series.over if (found := folded(one, fold)) is not None), 0.0)
    return level / whole * series.scale if whole > 0 else None


def _fold(numbers: Iterable[float], fold: Fold) -> float:
    some = tuple(numbers)
    return max(some) if fold is Fold.MAX else math.fsum(some)


def first_named(pages: Pages, names: Sequence[str]) -> str | None:
    """The first of several spellings that any page has; None where none is there."""
    return next((name for name in names if any(scrape.named(name) for scrape in pages.scrapes)), None)
