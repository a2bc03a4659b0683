"""A pod's pages and the values that custom queries gave for it, as one series of scrapes. Pure.

Both come at their own instants. Left side by side they would look like a pod scraped twice as often as it is, and
freshness is judged by that; so a value goes to the page just before it, which makes it older than it is, never younger.
"""

from bisect import bisect_right
from collections.abc import Sequence

from scalewarden.model.signal import Absent
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import Series


def joined(pages: Series, values: Sequence[Scrape], step: float) -> tuple[Scrape, ...]:
    """Oldest first. step: seconds after which a page is too old to carry a value, where none has followed it."""
    told = [] if isinstance(pages, Absent) else [page for page in pages if page.samples]
    instants = [page.at for page in told]
    carried: dict[int, tuple[Sample, ...]] = {}
    alone: list[Scrape] = []
    for value in values:
        index = bisect_right(instants, value.at) - 1
        last = index == len(told) - 1
        if index < 0 or (last and value.at - instants[index] >= step):
            alone.append(value)
        else:
            carried.setdefault(index, value.samples)
    whole = [Scrape(page.at, page.samples + carried.get(index, ())) for index, page in enumerate(told)]
    return tuple(sorted((*whole, *alone), key=lambda scrape: scrape.at))
