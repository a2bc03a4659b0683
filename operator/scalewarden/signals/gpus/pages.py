"""Pages of dcgm-exporters as fractions by device and holder, whatever their spelling and unit."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from scalewarden.model.signal import Point, SignalName
from scalewarden.signals.gpus.dcgm import FRACTIONS, FRAMEBUFFER, Field, Framebuffer, is_blank
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Sample, Scrape

_DRIVER_OF_47 = "DCGM_FI_SYSTEM_DRIVER_VERSION"
_OVERSHOOT = 1.1  # profiling counters read slightly above 1 at times


class Device(NamedTuple):
    """A GPU, or a slice of one: `uuid` is always the whole GPU's, `instance` the slice's id."""

    uuid: str
    instance: str | None = None


class Holder(NamedTuple):
    """The pod that an exporter says holds a device; the namespace may be empty."""

    namespace: str
    pod: str


class Seen(NamedTuple):
    """One value (fraction) of a device, held by `holder`, None where the exporter names no pod."""

    at: float
    holder: Holder | None
    value: float


@dataclass(frozen=True, slots=True)
class Exported:
    """What exporters say.

    values: by device, signal and series name, newest spelling first. labels: the newest of each device. held: the
    pods that hold a device. kernel: GPUs with a kernel utilization, whatever it is worth there. unscaled: names
    whose unit the page does not tell.
    """

    values: Mapping[Device, Mapping[SignalName, Mapping[str, list[Seen]]]] = field(default_factory=dict)
    labels: Mapping[Device, Mapping[str, str]] = field(default_factory=dict)
    held: Mapping[Device, frozenset[Holder]] = field(default_factory=dict)
    kernel: frozenset[str] = frozenset()
    unscaled: frozenset[str] = frozenset()

    @property
    def sliced(self) -> frozenset[str]:
        """GPUs in MIG mode."""
        return frozenset(device.uuid for device in self.labels if device.instance is not None)


def exported(exporters: Iterable[Pages]) -> Exported:
    """Read the pages of all exporters."""
    reader = _Reader()
    for pages in exporters:
        reader.read(pages)
    held = {device: frozenset(holders) for device, holders in reader.held.items()}
    return Exported(reader.values, reader.labels, held, frozenset(reader.kernel), frozenset(reader.unscaled))


class _Reader:
    """Collects while pages are read."""

    def __init__(self) -> None:
        self.values: dict[Device, dict[SignalName, dict[str, list[Seen]]]] = {}
        self.labels: dict[Device, Mapping[str, str]] = {}
        self.held: dict[Device, set[Holder]] = {}
        self.kernel: set[str] = set()
        self.unscaled: set[str] = set()

    def read(self, pages: Pages) -> None:
        for signal, fields in FRACTIONS.items():
            for one in fields:
                self._fractions(pages, signal, one)
        for memory in FRAMEBUFFER:
            self._framebuffer(pages, memory)
        for scrape in reversed(pages.scrapes):
            self._identities(scrape)

    def _fractions(self, pages: Pages, signal: SignalName, one: Field) -> None:
        scale = _scale(pages, one)
        for scrape in pages.scrapes:
            for sample in _valued(scrape, one.name):
                device = device_of(sample)
                if signal is SignalName.KERNEL_UTILIZATION:
                    self.kernel.add(device.uuid)
                if scale is None:
                    self.unscaled.add(one.name)
                    continue
                self._add(device, signal, one.name, scrape.at, holder_of(sample), sample.value * scale)

    def _framebuffer(self, pages: Pages, one: Framebuffer) -> None:
        for scrape in pages.scrapes:
            free, reserved = (_by_device(scrape, name) for name in (one.free, one.reserved))
            for sample in _valued(scrape, one.used):
                device = device_of(sample)
                total = sample.value + free.get(device, math.nan) + reserved.get(device, 0.0)
                if total > 0:
                    self._add(device, SignalName.FB_USED, one.used, scrape.at, holder_of(sample), sample.value / total)

    def _add(
        self, device: Device, signal: SignalName, name: str, at: float, holder: Holder | None, value: float
    ) -> None:
        if 0 <= value <= _OVERSHOOT:
            names = self.values.setdefault(device, {}).setdefault(signal, {})
            names.setdefault(name, []).append(Seen(at, holder, min(1.0, value)))

    def _identities(self, scrape: Scrape) -> None:
        """Labels are those of the newest page; a pod keeps its devices, so any page may say what it holds."""
        for sample in scrape.samples:
            device, holder = device_of(sample), holder_of(sample)
            self.labels.setdefault(device, sample.labels)
            if holder is not None:
                self.held.setdefault(device, set()).add(holder)


def _valued(scrape: Scrape, name: str) -> Iterator[Sample]:
    return (sample for sample in scrape.named(name) if not is_blank(sample.value))


def _by_device(scrape: Scrape, name: str) -> dict[Device, float]:
    """The largest value by device: shared GPUs have a row a process beside the device's own."""
    found: dict[Device, float] = {}
    for sample in _valued(scrape, name):
        device = device_of(sample)
        found[device] = max(found.get(device, sample.value), sample.value)
    return found


def _scale(pages: Pages, one: Field) -> float | None:
    """What makes a fraction of the field's values. A name that was percent in one release and a ratio in the next is
    percent if any value is above 1, a ratio if the page carries the newer release's driver label, else unknown."""
    if not one.ambiguous:
        return one.scale
    samples = [sample for scrape in pages.scrapes for sample in _valued(scrape, one.name)]
    if any(sample.value > _OVERSHOOT for sample in samples):
        return 0.01
    return 1.0 if any(_DRIVER_OF_47 in sample.labels for sample in samples) else None


def device_of(sample: Sample) -> Device:
    """Which device a sample is of."""
    return Device(sample.labels.get("UUID", ""), sample.labels.get("GPU_I_ID") or None)


def holder_of(sample: Sample) -> Holder | None:
    """The workload's pod: under `exported_pod` where Prometheus kept `pod` for the exporter's own."""
    labels = sample.labels
    for prefix in ("exported_", ""):
        if labels.get(f"{prefix}pod"):
            return Holder(labels.get(f"{prefix}namespace", ""), labels[f"{prefix}pod"])
    return None


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


def same(exported_as: Holder, holder: Holder) -> bool:
    """True where an exporter's labels mean this pod; some leave the namespace out."""
    return exported_as.pod == holder.pod and exported_as.namespace in ("", holder.namespace)
