"""One spelling of one signal, read off an exporter's pages: values by device and holder, in the signal's unit."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from scalewarden.signals.gpus.labels import Device, Holder, device_of, holder_of
from scalewarden.signals.gpus.table import ExporterTable, Field
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import BEYOND, Sample, Scrape

OVERSHOOT = 1.1
"""Profiling counters read slightly above 1 at times."""
_DRIVER_OF_47 = "DCGM_FI_SYSTEM_DRIVER_VERSION"
_RISING = 4
"""From this many different values on, a gauge that never fell is taken for a running total."""


class Key(NamedTuple):
    """A device as held by one pod; None where the series names none."""

    device: Device
    holder: Holder | None


class Value(NamedTuple):
    """One value at `at` (unix seconds)."""

    at: float
    key: Key
    value: float


Found = Mapping[Key, float]


class Keys:
    """Whom the series of one exporter's pages are about. owner holds what names no pod: the page is its own.

    A series carries the same labels on every page, so each set of them is looked at once; the pages keep them alive.
    """

    def __init__(self, table: ExporterTable, owner: Holder | None = None) -> None:
        self.table = table
        self._owner = owner
        self._known: dict[int, Key | None] = {}

    def of(self, sample: Sample) -> Key | None:
        """Device and holder; None where no label names a device."""
        same = id(sample.labels)
        if same not in self._known:
            device = device_of(sample.labels, self.table.who)
            holder = holder_of(sample.labels, self.table.who) or self._owner
            self._known[same] = Key(device, holder) if device else None
        return self._known[same]


@dataclass(frozen=True, slots=True)
class Part:
    """An exporter's pages as one spelling is read from them."""

    pages: Pages
    table: ExporterTable
    field: Field
    keys: Keys

    @property
    def here(self) -> bool:
        """True where any page has a series of the spelling."""
        return any(self._rows(scrape, self.field.names[0]) for scrape in self.pages.scrapes)

    @property
    def source(self) -> str:
        """The series that are read, as the pages spell them."""
        return " + ".join(next((s for s in self.table.spellings(n) if self._on(s)), n) for n in self.field.names)

    def scale(self) -> float | None:
        """What turns its values into the signal's unit, None where the page does not tell. A name that was percent in
        one release and a ratio in the next is percent if any value is above 1, a ratio if the page carries the newer
        release's driver label."""
        if not self.field.ambiguous:
            return self.field.scale
        samples = [one for scrape in self.pages.scrapes for one in self._rows(scrape, self.field.names[0])]
        if any(sample.value > OVERSHOOT for sample in samples):
            return 0.01
        return 1.0 if any(_DRIVER_OF_47 in sample.labels for sample in samples) else None

    def values(self, scale: float) -> Iterator[Value]:
        """Its values, oldest first."""
        read = self._rates() if self.field.counter else self._levels()
        found = [Value(at, key, value * scale) for at, key, value in read]
        totals = _only_rising(found) if self.field.total else frozenset()
        return (one for one in found if one.key not in totals)

    def _levels(self) -> Iterator[Value]:
        for scrape in self.pages.scrapes:
            whole = self._whole(scrape) if self.field.over else {}
            for key, value in _sum([self._largest(scrape, name) for name in self.field.names]).items():
                share = whole.get(key.device, 0.0) if self.field.over else 1.0
                if share > 0:
                    yield Value(scrape.at, key, value / share)

    def _whole(self, scrape: Scrape) -> Mapping[Device, float]:
        """What each device's value is a share of. A shared GPU has a row a process beside the device's own, so the
        largest row is the device's."""
        needed = [_by_device(self._largest(scrape, name)) for name in self.field.over]
        spare = [_by_device(self._largest(scrape, name)) for name in self.field.spare]
        devices = needed[0].keys() & set.intersection(*(set(one) for one in needed))
        return {d: math.fsum(one[d] for one in needed) + math.fsum(one.get(d, 0.0) for one in spare) for d in devices}

    def _largest(self, scrape: Scrape, name: str) -> Found:
        found: dict[Key, float] = {}
        for sample in self._rows(scrape, name):
            key = self.keys.of(sample)
            if key is not None:
                found[key] = max(found.get(key, sample.value), sample.value)
        return found

    def _rates(self) -> Iterator[Value]:
        """Increases a second of running totals; nothing across a reset, or where a label set came or went."""
        for before, after in pairwise(self.pages.scrapes):
            parts = [self._risen(before, after, name) for name in self.field.names]
            for key, increase in _sum(parts).items():
                yield Value(after.at, key, increase / (after.at - before.at))

    def _risen(self, before: Scrape, after: Scrape, name: str) -> Found:
        old, new = self._sets(before, name), self._sets(after, name)
        whole = {k: v for k, v in new.items() if old.get(k, {}).keys() == v.keys()}
        return {
            key: math.fsum(value - old[key][labels] for labels, value in sets.items())
            for key, sets in whole.items()
            if all(value >= old[key][labels] for labels, value in sets.items())
        }

    def _sets(self, scrape: Scrape, name: str) -> dict[Key, dict[frozenset[tuple[str, str]], float]]:
        found: dict[Key, dict[frozenset[tuple[str, str]], float]] = {}
        for sample in self._rows(scrape, name):
            key = self.keys.of(sample)
            if key is not None:
                found.setdefault(key, {})[frozenset(sample.labels.items())] = sample.value
        return found

    def _rows(self, scrape: Scrape, name: str) -> list[Sample]:
        rows = (sample for spelled in self.table.spellings(name) for sample in scrape.named(spelled))
        return [sample for sample in rows if not self.table.blank(sample.value) and abs(sample.value) < BEYOND]

    def _on(self, spelled: str) -> bool:
        return any(scrape.named(spelled) for scrape in self.pages.scrapes)


def _sum(parts: list[Found]) -> Found:
    """The parts added up, where all of them are there: sent without received is no traffic."""
    keys = set.intersection(*(set(part) for part in parts))
    return {key: math.fsum(part[key] for part in parts) for key in parts[0] if key in keys}


def _by_device(found: Found) -> dict[Device, float]:
    largest: dict[Device, float] = {}
    for key, value in found.items():
        largest[key.device] = max(largest.get(key.device, value), value)
    return largest


def _only_rising(found: list[Value]) -> frozenset[Key]:
    """Whose values never fell, and rose often enough to be no accident."""
    series: dict[Key, list[float]] = {}
    for one in found:
        series.setdefault(one.key, []).append(one.value)
    return frozenset(
        key
        for key, values in series.items()
        if len(set(values)) >= _RISING and all(later >= earlier for earlier, later in pairwise(values))
    )
