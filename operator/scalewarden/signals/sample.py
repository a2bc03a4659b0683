"""What a source hands over: one page of samples at one instant, names and values as the exporter wrote them."""

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

BEYOND = 1e100
"""No exporter measures or counts so far: from here on a number is none, and no sum of smaller ones overflows."""


class Sample(NamedTuple):
    """One series' value; name as on the wire (`vllm:prefix_cache_hits_total`), labels without `__name__`."""

    name: str
    labels: Mapping[str, str]
    value: float


Keyed = tuple[int, Mapping[str, str], frozenset[tuple[str, str]]]


class Layout:
    """Which series a page has, in its order: what all pages of a pod have in common, so it is kept once for them."""

    __slots__ = ("__weakref__", "_keyed", "_without", "index", "labels", "names")

    def __init__(self, names: Sequence[str], labels: Sequence[Mapping[str, str]]) -> None:
        self.names = tuple(names)
        self.labels = tuple(labels)
        index: dict[str, list[int]] = {}
        for place, name in enumerate(self.names):
            index.setdefault(name, []).append(place)
        self.index: Mapping[str, tuple[int, ...]] = {name: tuple(places) for name, places in index.items()}
        self._keyed: dict[tuple[str, frozenset[str]], tuple[Keyed, ...]] = {}
        self._without: dict[str, tuple[Layout, tuple[int, ...]]] = {}

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and self.names == other.names and self.labels == other.labels

    __hash__ = None  # type: ignore[assignment]

    def keyed(self, name: str, aside: frozenset[str]) -> "tuple[Keyed, ...]":
        """(place, labels, labels less those of `aside` as a key) of each series of a name; made once."""
        found = self._keyed.get((name, aside))
        if found is None:
            labels = ((place, self.labels[place]) for place in self.index.get(name, ()))
            found = tuple(
                (place, one, frozenset(item for item in one.items() if item[0] not in aside)) for place, one in labels
            )
            self._keyed[name, aside] = found
        return found

    def without(self, suffix: str) -> "tuple[Layout, tuple[int, ...]]":
        """The layout less all names that end in suffix, and the places of what is left; made once."""
        if suffix not in self._without:
            places = tuple(place for place, name in enumerate(self.names) if not name.endswith(suffix))
            left = Layout([self.names[place] for place in places], [self.labels[place] for place in places])
            self._without[suffix] = left, places
        return self._without[suffix]


class Scrape:
    """One /metrics page (or the part of it that is read) at `at`, unix seconds. Never changes.

    Eight bytes a sample, beside the layout that pages of the same series share: a page stays in memory for minutes,
    and most of its samples are never looked at.
    """

    __slots__ = ("_values", "at", "layout")

    def __init__(self, at: float, samples: Iterable[Sample]) -> None:
        given = tuple(samples)
        self.at = at
        self.layout = Layout([sample.name for sample in given], [sample.labels for sample in given])
        self._values = array("d", [sample.value for sample in given])

    @classmethod
    def _of(cls, at: float, layout: Layout, values: "array[float]") -> "Scrape":
        made = cls.__new__(cls)
        made.at, made.layout, made._values = at, layout, values
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scrape):
            return NotImplemented
        return self.at == other.at and self.layout == other.layout and self._values == other._values

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Scrape(at={self.at!r}, samples={self.samples!r})"

    def __len__(self) -> int:
        return len(self._values)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All samples, in the page's order."""
        return tuple(map(Sample, self.layout.names, self.layout.labels, self._values))

    @property
    def names(self) -> Collection[str]:
        """The series names on the page."""
        return self.layout.index.keys()

    def named(self, name: str) -> tuple[Sample, ...]:
        """The samples of one name, in the page's order; empty where the page has none."""
        places = self.layout.index.get(name)
        if places is None:
            return ()
        labels, values = self.layout.labels, self._values
        return tuple([Sample(name, labels[place], values[place]) for place in places])

    def keyed(
        self, name: str, aside: frozenset[str]
    ) -> "list[tuple[Mapping[str, str], frozenset[tuple[str, str]], float]]":
        """(labels, labels less those of `aside` as a key, value) of the samples of one name, for readers that match
        the series of one page with those of another."""
        values = self._values
        return [(labels, key, values[place]) for place, labels, key in self.layout.keyed(name, aside)]

    def laid_out(self, layout: Layout, places: Sequence[int] | None = None) -> "Scrape":
        """This page in another layout: the sample at `places[i]` becomes the i-th; as they are without places."""
        values = self._values if places is None else array("d", [self._values[place] for place in places])
        return Scrape._of(self.at, layout, values)

    def without(self, suffix: str) -> "Scrape":
        """This page less all series whose name ends in suffix."""
        return self.laid_out(*self.layout.without(suffix))
