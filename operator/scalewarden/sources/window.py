"""The last minutes of one target's scrapes, kept small.

Bounds, for each target: `span` seconds of scrapes, the histogram buckets among them (two thirds of an engine's
series) for `bucket_span` seconds, which is as far back as quantiles look, and about `max_bytes` of memory: the oldest
scrapes go first, the newest always stays. A series that did not move shares one `Sample` with the scrape before, and
all points of a series share their labels. A vLLM page scraped every 5 s for 11 min takes about 1 MB.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable
from dataclasses import dataclass

from scalewarden.signals.sample import Sample, Scrape

_SLOT_BYTES = 24  # a sample's place in the scrape and in its index
_NAME_BYTES = 130  # a name's entry in the index
_SAMPLE_BYTES = 88  # a Sample and its float
_SERIES_BYTES = 400  # a label mapping with a few labels, without their text


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a target is kept: seconds of scrapes, seconds of histogram buckets, bytes."""

    span: float = 660.0
    bucket_span: float = 360.0
    max_bytes: int = 8 * 2**20


@dataclass(frozen=True, slots=True)
class _Entry:
    """One scrape as kept, how many samples it was delivered with, and an estimate of its bytes."""

    scrape: Scrape
    delivered: int
    cost: int
    bare: bool = False

    @property
    def at(self) -> float:
        return self.scrape.at

    def without_buckets(self) -> "_Entry":
        kept = tuple(sample for sample in self.scrape.samples if not sample.name.endswith("_bucket"))
        cost = self.cost * len(kept) // max(1, len(self.scrape.samples))
        return _Entry(Scrape(self.at, kept), self.delivered, cost, bare=True)


class Window:
    """Scrapes of one target in order of time, within bounds. Knows no clock."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:
        self._bounds = bounds
        self._entries: list[_Entry] = []
        self._series: dict[Hashable, Sample] = {}

    @property
    def scrapes(self) -> tuple[Scrape, ...]:
        """The scrapes, oldest first."""
        return tuple(entry.scrape for entry in self._entries)

    @property
    def newest(self) -> float | None:
        """Unix seconds of the newest scrape, None of an empty window."""
        return self._entries[-1].at if self._entries else None

    @property
    def bytes(self) -> int:
        """Estimated memory of the samples, in bytes."""
        return sum(entry.cost for entry in self._entries)

    def add(self, scrape: Scrape) -> None:
        """Put a scrape in its place; one of the same instant gives way only to a fuller one."""
        index = bisect_left(self._entries, scrape.at, key=lambda entry: entry.at)
        known = index < len(self._entries) and self._entries[index].at == scrape.at
        if known and self._entries[index].delivered >= len(scrape.samples):
            return
        self._entries[index : index + known] = [self._interned(scrape)]
        self._drop_old_buckets()
        self._drop_oldest_over_budget()

    def merge(self, part: Scrape) -> None:
        """Put in place a part of a page; series already there from the same instant stay."""
        index = bisect_left(self._entries, part.at, key=lambda entry: entry.at)
        if index == len(self._entries) or self._entries[index].at != part.at:
            return self.add(part)
        there = self._entries[index].scrape.samples
        known = {_identity(sample) for sample in there}
        self.add(Scrape(part.at, there + tuple(one for one in part.samples if _identity(one) not in known)))

    def trim(self, now: float) -> None:
        """Forget what is as old as the span, or older: as a range in PromQL, open on the left."""
        keep_from = bisect_right(self._entries, now - self._bounds.span, key=lambda entry: entry.at)
        del self._entries[:keep_from]

    def _interned(self, scrape: Scrape) -> _Entry:
        """Share what the page before already holds; the table of series never outgrows one page."""
        table: dict[Hashable, Sample] = {}
        samples, cost = [], _NAME_BYTES * len({sample.name for sample in scrape.samples})
        for sample in scrape.samples:
            key = _identity(sample)
            known = self._series.get(key)
            cost += _SLOT_BYTES
            if known is None:
                known = sample
                cost += _SAMPLE_BYTES + _SERIES_BYTES + sum(len(k) + len(v) for k, v in sample.labels.items())
            elif known.value != sample.value:
                known = Sample(known.name, known.labels, sample.value)
                cost += _SAMPLE_BYTES
            table[key] = known
            samples.append(known)
        self._series = table
        return _Entry(Scrape(scrape.at, tuple(samples)), len(samples), cost)

    def _drop_old_buckets(self) -> None:
        since = self._entries[-1].at - self._bounds.bucket_span
        for index in range(bisect_left(self._entries, since, key=lambda entry: entry.at)):
            if not self._entries[index].bare:
                self._entries[index] = self._entries[index].without_buckets()

    def _drop_oldest_over_budget(self) -> None:
        total, drop = self.bytes, 0
        while total > self._bounds.max_bytes and drop < len(self._entries) - 1:
            total -= self._entries[drop].cost
            drop += 1
        del self._entries[:drop]


def _identity(sample: Sample) -> Hashable:
    return sample.name, frozenset(sample.labels.items())
