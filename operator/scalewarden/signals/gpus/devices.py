"""The GPUs and slices that a pod holds, with their signals, and what they say about the pod as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Gpu
from scalewarden.signals import windows
from scalewarden.signals.gpus.dcgm import FRACTIONS
from scalewarden.signals.gpus.pages import Device, Exported, Holder, Seen, points, same
from scalewarden.signals.staleness import is_stale, stale

UNDER_MIG = Absent("not measured under MIG")
NO_EXPORTER = Absent("no GPU exporter reports a GPU of this replica")
SIGNALS = (*FRACTIONS, SignalName.FB_USED)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads devices out of what exporters say, at `now` (unix seconds)."""

    said: Exported
    now: float
    limits: Thresholds

    def gpus(self, holder: Holder, listed: Sequence[Gpu] = (), *, mig: bool = False) -> tuple[Gpu, ...]:
        """The devices of one pod: those listed for it, else those that exporters say it holds.

        mig: its pod asks for MIG slices, whatever the exporter's labels say.
        """
        if listed:
            return tuple(self._gpu(gpu, None, mig) for gpu in listed)
        held = sorted(
            (device for device, holders in self.said.held.items() if any(same(one, holder) for one in holders)),
            key=lambda device: (device.uuid, device.instance or ""),
        )
        return tuple(self._gpu(Gpu(device.uuid, gpu_instance=device.instance), holder, mig) for device in held)

    def _gpu(self, gpu: Gpu, holder: Holder | None, mig: bool) -> Gpu:
        device = Device(gpu.uuid, gpu.gpu_instance)
        labels = self.said.labels.get(device, {})
        profile = gpu.mig_profile or labels.get("GPU_I_PROFILE") or None
        sliced = mig or device.instance is not None or profile is not None or device.uuid in self.said.sliced
        signals = {name: self._signal(device, holder, name) for name in SIGNALS}
        if sliced:
            signals[SignalName.KERNEL_UTILIZATION] = UNDER_MIG
        return replace(
            gpu,
            mig_profile=profile,
            model=gpu.model or labels.get("modelName"),
            signals=signals,
            reports_kernel_utilization=device.uuid in self.said.kernel,
        )

    def _signal(self, device: Device, holder: Holder | None, name: SignalName) -> Signal:
        spellings = self.said.values.get(device, {}).get(name, {})
        for series, seen in spellings.items():
            found = points(seen, holder)
            if found:
                return self._reading(name, series, found)
        return self._missing(device, name, spellings)

    def _reading(self, name: SignalName, series: str, found: tuple[Point, ...]) -> Signal:
        newest = found[-1]
        if is_stale(newest.at, self.now, self.limits):
            return stale(self.limits)
        value = newest.value if name is SignalName.FB_USED else fmean(point.value for point in found)
        return Reading(value, Unit.FRACTION, newest.at, series, newest.at - found[0].at, found)

    def _missing(self, device: Device, name: SignalName, spellings: Mapping[str, list[Seen]]) -> Absent:
        if device not in self.said.labels:
            return Absent("no GPU exporter reports this device")
        unscaled = [one.name for one in FRACTIONS.get(name, ()) if one.name in self.said.unscaled]
        if unscaled:
            return Absent(f"{unscaled[0]} is percent in DCGM 4.6 and a ratio in 4.7, and the page does not say which")
        return Absent("the GPU exporter does not report it, or only blank values")


def pod_signals(gpus: Sequence[Gpu], none: Absent = NO_EXPORTER) -> dict[SignalName, Signal]:
    """Means over a pod's GPUs, and GPU_BUSY: engine-active, else kernel utilization; `none` is why there is no GPU."""
    if not gpus:
        return dict.fromkeys((*SIGNALS, SignalName.GPU_BUSY), none)
    signals = {name: _mean([gpu.signal(name) for gpu in gpus]) for name in SIGNALS}
    signals[SignalName.GPU_BUSY] = _mean([busy(gpu) for gpu in gpus])
    return signals


def busy(gpu: Gpu) -> Signal:
    """The share of time that a device had work: engine-active, else kernel utilization, which MIG never measures."""
    active = gpu.signal(SignalName.ENGINE_ACTIVE)
    return active if isinstance(active, Reading) else gpu.signal(SignalName.KERNEL_UTILIZATION)


def _mean(parts: Sequence[Signal]) -> Signal:
    """The mean over devices, as old as the oldest; Absent while any device lacks it, for then it is no mean."""
    readings = [part for part in parts if isinstance(part, Reading)]
    if len(readings) < len(parts):
        return next(part for part in parts if isinstance(part, Absent))
    count = len(readings)
    series = tuple(Point(at, value / count) for at, value in windows.total([one.series for one in readings]))
    return Reading(
        value=fmean(one.value for one in readings),
        unit=Unit.FRACTION,
        at=min(one.at for one in readings),
        source=readings[0].source,
        window=min(one.window for one in readings),
        series=series,
    )
