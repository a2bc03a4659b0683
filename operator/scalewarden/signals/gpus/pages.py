"""Pages of GPU exporters as values by device, signal and holder, whatever their spelling and unit."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from scalewarden.model.signal import Point, SignalName, Unit
from scalewarden.signals.gpus import EXPORTERS
from scalewarden.signals.gpus.labels import Device, Holder, first_of, same
from scalewarden.signals.gpus.table import ExporterKind, ExporterTable, Row
from scalewarden.signals.gpus.values import OVERSHOOT, Key, Keys, Part
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Sample

__all__ = ["UNITS", "Device", "Exported", "Holder", "Seen", "Spelling", "exported", "points", "same"]

UNITS: Mapping[SignalName, Unit] = {
    row.signal: Unit.BYTES_PER_SECOND if row.signal in (SignalName.NVLINK_BPS, SignalName.PCIE_BPS) else Unit.FRACTION
    for table in EXPORTERS
    for row in table.rows
}
"""The signals that an exporter can give of a device, with their unit."""

_CEILING: Mapping[SignalName, float] = {SignalName.NVLINK_BPS: 1e13, SignalName.PCIE_BPS: 3e11}
"""More bytes/s than any link carries both ways (NVLink 5: 1.8e12; PCIe 6 x16: 2.6e11): such a value is no rate."""


class Spelling(NamedTuple):
    """One spelling of a signal: `rank` orders them, the one to be believed first; `source` are its series."""

    rank: int
    source: str


class Seen(NamedTuple):
    """One value of a device, in its signal's unit, held by `holder`, None where the exporter names no pod."""

    at: float
    holder: Holder | None
    value: float


@dataclass(frozen=True, slots=True)
class Exported:
    """What exporters say.

    values: by device, signal and spelling. models and profiles: the newest of each device. kinds: which exporters tell
    of a device. held: the pods that hold a device. kernel: GPUs with a kernel utilization, whatever it is worth there.
    unscaled: series whose unit the page does not tell.
    """

    values: Mapping[Device, Mapping[SignalName, Mapping[Spelling, list[Seen]]]] = field(default_factory=dict)
    kinds: Mapping[Device, frozenset[ExporterKind]] = field(default_factory=dict)
    models: Mapping[Device, str] = field(default_factory=dict)
    profiles: Mapping[Device, str] = field(default_factory=dict)
    held: Mapping[Device, frozenset[Holder]] = field(default_factory=dict)
    kernel: frozenset[str] = frozenset()
    unscaled: frozenset[str] = frozenset()

    @property
    def sliced(self) -> frozenset[str]:
        """GPUs that are cut."""
        return frozenset(device.uuid for device in self.kinds if device.instance is not None)

    def tables(self, device: Device) -> tuple[ExporterTable, ...]:
        """The exporters that tell of a device, the one to be believed first."""
        kinds = self.kinds.get(device, frozenset())
        return tuple(table for table in EXPORTERS if table.kind in kinds)


def exported(exporters: Iterable[Pages], own: Iterable[tuple[Holder, Pages]] = ()) -> Exported:
    """Read the pages of all exporters. own: pages that a pod serves itself, with the pod: what names no pod there is
    about that pod."""
    reader = _Reader()
    for pages in exporters:
        reader.read(pages, None)
    for holder, pages in own:
        reader.read(pages, holder)
    return reader.exported()


class _Reader:
    """Collects while pages are read."""

    def __init__(self) -> None:
        self.values: dict[Device, dict[SignalName, dict[Spelling, list[Seen]]]] = {}
        self.kinds: dict[Device, set[ExporterKind]] = {}
        self.models: dict[Device, tuple[float, str]] = {}
        self.profiles: dict[Device, tuple[float, str]] = {}
        self.held: dict[Device, set[Holder]] = {}
        self.kernel: set[str] = set()
        self.unscaled: set[str] = set()

    def exported(self) -> Exported:
        return Exported(
            self.values,
            {device: frozenset(kinds) for device, kinds in self.kinds.items()},
            {device: model for device, (_, model) in self.models.items()},
            {device: profile for device, (_, profile) in self.profiles.items()},
            {device: frozenset(holders) for device, holders in self.held.items()},
            frozenset(self.kernel),
            frozenset(self.unscaled),
        )

    def read(self, pages: Pages, owner: Holder | None) -> None:
        rank = 0
        for table in EXPORTERS:
            there = any(not table.names.isdisjoint(scrape.names) for scrape in pages.scrapes)
            keys = Keys(table, owner)
            for row in table.rows:
                for one in row.fields:
                    rank += 1
                    if there:
                        self._values(row, rank, Part(pages, table, one, keys))
            if there:
                self._identities(pages, keys)

    def _values(self, row: Row, rank: int, part: Part) -> None:
        if not part.here:
            return
        if row.signal is SignalName.KERNEL_UTILIZATION and part.table.mig:
            self.kernel |= {key.device.uuid for _, key, _ in part.values(1.0)}
        scale = part.scale()
        if scale is None:
            self.unscaled.add(part.field.names[0])
            return
        spelling = Spelling(rank, part.source)
        for at, (device, holder), value in part.values(scale):
            if 0 <= value <= _CEILING.get(row.signal, OVERSHOOT):
                shown = min(1.0, value) if UNITS[row.signal] is Unit.FRACTION else value
                names = self.values.setdefault(device, {}).setdefault(row.signal, {})
                names.setdefault(spelling, []).append(Seen(at, holder, shown))

    def _identities(self, pages: Pages, keys: Keys) -> None:
        """A pod keeps its devices, so any page may say what it holds; labels are those of the newest page."""
        seen: set[int] = set()
        for scrape in reversed(pages.scrapes):
            for name in keys.table.names.intersection(scrape.names):
                for sample in scrape.named(name):
                    if id(sample.labels) not in seen and (key := keys.of(sample)):
                        self._identity(key, sample, scrape.at, keys.table)
                    seen.add(id(sample.labels))

    def _identity(self, key: Key, sample: Sample, at: float, table: ExporterTable) -> None:
        device, holder = key
        self.kinds.setdefault(device, set()).add(table.kind)
        if holder is not None:
            self.held.setdefault(device, set()).add(holder)
        for labels, known in ((table.who.model, self.models), (table.who.profile, self.profiles)):
            text = first_of(sample.labels, labels)
            if text:
                known[device] = max(known.get(device, (at, text)), (at, text))


def points(seen: Iterable[Seen], holder: Holder | None) -> tuple[Point, ...]:
    """One point an instant, oldest first, the largest where there are several: a shared GPU has a row a process.

    With a holder, only its own values and, from its first one on, those that name no pod; all of them for None.
    """
    some = tuple(seen)
    start = min((one.at for one in some if _of(one, holder)), default=-math.inf)
    found: dict[float, float] = {}
    for one in some:
        if holder is None or _of(one, holder) or (one.holder is None and one.at >= start):
            found[one.at] = max(found.get(one.at, one.value), one.value)
    return tuple(Point(at, found[at]) for at in sorted(found))


def _of(one: Seen, holder: Holder | None) -> bool:
    return holder is not None and one.holder is not None and same(one.holder, holder)
