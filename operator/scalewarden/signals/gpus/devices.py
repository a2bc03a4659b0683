"""The GPUs and slices that a pod holds, with their signals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.topology import WHOLE
from scalewarden.model.workload import Gpu
from scalewarden.signals.gpus import EXPORTERS
from scalewarden.signals.gpus.link import link
from scalewarden.signals.gpus.mig import share_of
from scalewarden.signals.gpus.pages import UNITS, Device, Exported, Holder, Seen, Spelling, points, same
from scalewarden.signals.gpus.pods import NO_EXPORTER, busy, pod_signals
from scalewarden.signals.gpus.table import UNDER_MIG, ExporterTable, Row
from scalewarden.signals.staleness import is_stale, stale

__all__ = ["NO_EXPORTER", "UNDER_MIG", "Reader", "busy", "pod_signals"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads devices out of what exporters say, at `now` (unix seconds)."""

    said: Exported
    now: float
    limits: Thresholds

    def gpus(
        self, holder: Holder, listed: Sequence[Gpu] = (), *, mig: bool = False, profile: str | None = None
    ) -> tuple[Gpu, ...]:
        """The devices of one pod: those listed for it, else those that exporters say it holds.

        mig: its pod asks for MIG slices, whatever the exporter's labels say; of `profile`, where no label says which.
        """
        mig = mig or profile is not None
        if listed:
            return tuple(self._gpu(gpu, None, mig, profile) for gpu in listed)
        held = sorted(
            (device for device, holders in self.said.held.items() if any(same(one, holder) for one in holders)),
            key=lambda device: (device.uuid, device.instance or ""),
        )
        return tuple(self._gpu(Gpu(device.uuid, gpu_instance=device.instance), holder, mig, profile) for device in held)

    def no_gpu(self) -> Absent:
        """Why a pod has none: exporters that name no pod at all say what would help."""
        kinds = frozenset[str]().union(*self.said.kinds.values())
        nameless = next((table for table in EXPORTERS if table.kind in kinds), None)
        if self.said.held or nameless is None:
            return NO_EXPORTER
        return Absent(f"{nameless.title} names no pod: {nameless.nameless}")

    def _device(self, gpu: Gpu) -> Device:
        """The device as exporters are read; who lists one may leave `GPU-` off as nvidia_gpu_exporter does."""
        device = Device(gpu.uuid, gpu.gpu_instance)
        full = Device(f"GPU-{gpu.uuid}", gpu.gpu_instance)
        return full if device not in self.said.kinds and full in self.said.kinds else device

    def _gpu(self, gpu: Gpu, holder: Holder | None, mig: bool, asked: str | None) -> Gpu:
        device = self._device(gpu)
        tables = self.said.tables(device)
        profile = gpu.mig_profile or self.said.profiles.get(device) or asked
        sliced = mig or device.instance is not None or profile is not None or device.uuid in self.said.sliced
        signals = {name: self._signal(device, holder, name, tables, sliced) for name in UNITS}
        signals[SignalName.LINK_BPS] = link(signals)
        model = gpu.model or self.said.models.get(device)
        return replace(
            gpu,
            mig_profile=profile,
            model=model,
            signals=signals,
            reports_kernel_utilization=device.uuid in self.said.kernel,
            share=share_of(model, profile) if sliced else WHOLE,
        )

    def _signal(
        self, device: Device, holder: Holder | None, name: SignalName, tables: Sequence[ExporterTable], sliced: bool
    ) -> Signal:
        rows = [(table, row) for table in tables if (row := table.row(name))]
        if sliced and name is SignalName.KERNEL_UTILIZATION:
            return next((table.sliced for table, _ in rows), UNDER_MIG)
        if sliced and rows and all(row.whole for _, row in rows):
            return rows[0][0].sliced
        spellings = self.said.values.get(device, {}).get(name, {})
        for spelling in sorted(spellings):
            found = points(spellings[spelling], holder)
            if found:
                return self._reading(name, spelling.source, found)
        return self._missing(name, tables, [row for _, row in rows], spellings)

    def _reading(self, name: SignalName, source: str, found: tuple[Point, ...]) -> Signal:
        newest = found[-1]
        if is_stale(newest.at, self.now, self.limits):
            return stale(self.limits)
        value = newest.value if name is SignalName.FB_USED else fmean(point.value for point in found)
        return Reading(value, UNITS[name], newest.at, source, newest.at - found[0].at, found)

    def _missing(
        self,
        name: SignalName,
        tables: Sequence[ExporterTable],
        rows: Sequence[Row],
        spellings: Mapping[Spelling, list[Seen]],
    ) -> Absent:
        if not tables:
            return Absent("no GPU exporter reports this device")
        if not rows:
            return Absent(f"{tables[0].title} never exports it", for_good=True)
        names = (name for row in rows for one in row.fields for name in one.names)
        unscaled = next((name for name in names if name in self.said.unscaled), None)
        if unscaled and not spellings:
            return Absent(f"{unscaled} is percent in DCGM 4.6 and a ratio in 4.7, and the page does not say which")
        return Absent(f"{tables[0].title} does not report it, or no usable value: {rows[0].switch}")
