"""The last minutes of one target's scrapes, kept small.

Bounds, for each target: `span` seconds of scrapes, the histogram buckets among them (two thirds of an engine's
series) for `bucket_span` seconds, which is as far back as quantiles look, and about `max_bytes` of memory: the oldest
scrapes go first, the newest always stays. Pages with the same series, in whatever order, share one layout, so a page
costs eight bytes a sample; series that come and go share their labels. Measured for vLLM's page, of which 142 series
are read, over 11 min: 50 kB a pod at a scrape every 15 s, 140 kB at 5 s (docs/concepts/performance.md).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from scalewarden.signals.sample import Layout, Scrape

_SCRAPE_BYTES = 200  # a Scrape, its entry, and its array without the values
_VALUE_BYTES = 8
_PLACE_BYTES = 32  # a series' place in a layout and its index
_NAME_BYTES = 130  # a name's entry in the index
_SERIES_BYTES = 600  # a label mapping with a few labels and what tells it from others, without their text
_BUCKET = "_bucket"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a target is kept: seconds of scrapes, seconds of histogram buckets, bytes."""

    span: float = 660.0
    bucket_span: float = 360.0
    max_bytes: int = 8 * 2**20


@dataclass(frozen=True, slots=True)
class _Entry:
    """One scrape as kept, how many samples it was delivered with, and an estimate of its bytes, with its layout's
    where it is the first with it."""

    scrape: Scrape
    delivered: int
    cost: int
    bare: bool = False

    @property
    def at(self) -> float:
        return self.scrape.at

    def without_buckets(self) -> "_Entry":
        left = self.scrape.without(_BUCKET)
        cost = self.cost - (len(self.scrape) - len(left)) * _VALUE_BYTES
        return _Entry(left, self.delivered, cost, bare=True)


class Window:
    """Scrapes of one target in order of time, within bounds. Knows no clock."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:
        self._bounds = bounds
        self._entries: list[_Entry] = []
        self._layout: Layout | None = None

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
        if known and self._entries[index].delivered >= len(scrape):
            return
        self._entries[index : index + known] = [self._shared(scrape)]
        self._drop_old_buckets()
        self._drop_oldest_over_budget()

    def merge(self, part: Scrape) -> None:
        """Put in place a part of a page; series already there from the same instant stay."""
        index = bisect_left(self._entries, part.at, key=lambda entry: entry.at)
        if index == len(self._entries) or self._entries[index].at != part.at:
            return self.add(part)
        there = self._entries[index].scrape
        known, samples = _places(there.layout), part.samples
        new = [samples[place] for key, place in _places(part.layout).items() if key not in known]
        self.add(Scrape(part.at, (*there.samples, *new)))

    def trim(self, now: float) -> None:
        """Forget what is as old as the span, or older: as a range in PromQL, open on the left."""
        keep_from = bisect_right(self._entries, now - self._bounds.span, key=lambda entry: entry.at)
        del self._entries[:keep_from]

    def _shared(self, scrape: Scrape) -> _Entry:
        """The scrape in the layout of the page before, where that has the same series, else in one of its own."""
        cost = _SCRAPE_BYTES + len(scrape) * _VALUE_BYTES
        before = self._layout
        if before is not None and scrape.layout == before:
            return _Entry(scrape.laid_out(before), len(scrape), cost)
        self._layout = _one_for_all(scrape.layout)
        if before is None:
            return _Entry(scrape.laid_out(self._layout), len(scrape), cost + _cost(self._layout))
        old, new = _places(before), _places(scrape.layout)
        if old.keys() == new.keys() and len(old) == len(before) == len(scrape):
            self._layout = before
            return _Entry(scrape.laid_out(before, [new[key] for key in old]), len(scrape), cost)
        labels = [before.labels[old[key]] if key in old else scrape.layout.labels[place] for key, place in new.items()]
        if len(new) == len(scrape):
            self._layout = _one_for_all(Layout(scrape.layout.names, labels))
        return _Entry(scrape.laid_out(self._layout), len(scrape), cost + _cost(self._layout))

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


_LAYOUTS: WeakValueDictionary[Hashable, Layout] = WeakValueDictionary()


def _one_for_all(layout: Layout) -> Layout:
    """The layout that pages with the very same names and labels share, of whatever target.

    Labels are told apart by identity, which is sound: a layout that is found here still holds them.
    """
    return _LAYOUTS.setdefault((layout.names, tuple(map(id, layout.labels))), layout)


def _cost(layout: Layout) -> int:
    """About how many bytes a layout takes; its places twice, as one without buckets may come beside it."""
    text = sum(len(name) + len(value) for labels in layout.labels for name, value in labels.items())
    return (2 * _PLACE_BYTES + _SERIES_BYTES) * len(layout) + 2 * _NAME_BYTES * len(layout.index) + text


def _places(layout: Layout) -> dict[Hashable, int]:
    keys = ((name, frozenset(labels.items())) for name, labels in zip(layout.names, layout.labels, strict=True))
    return {key: place for place, key in enumerate(keys)}
