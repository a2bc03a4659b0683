"""What a source hands over: one page of samples at one instant, names and values as the exporter wrote them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

BEYOND = 1e100
"""No exporter measures or counts so far: from here on a number is none, and no sum of smaller ones overflows."""


class Sample(NamedTuple):
    """One series' value; name as on the wire (`vllm:prefix_cache_hits_total`), labels without `__name__`."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Scrape:
    """One /metrics page (or the part of it that is read) at `at`, unix seconds.

    The page is indexed by name once, when it is made: it stays in the window for many evaluations.
    """

    at: float
    samples: tuple[Sample, ...]
    _index: Mapping[str, tuple[Sample, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index: dict[str, list[Sample]] = {}
        for sample in self.samples:
            index.setdefault(sample.name, []).append(sample)
        object.__setattr__(self, "_index", {name: tuple(found) for name, found in index.items()})

    @property
    def names(self) -> Collection[str]:
        """The series names on the page."""
        return self._index.keys()

    def named(self, name: str) -> tuple[Sample, ...]:
        """The samples of one name, in the page's order; empty where the page has none."""
        return self._index.get(name, ())
