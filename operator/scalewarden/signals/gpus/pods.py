"""What the GPUs of a pod say about the pod as a whole: means of shares, sums of bytes."""

from collections.abc import Sequence
from math import fsum

from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName, Unit
from scalewarden.model.workload import Gpu
from scalewarden.signals import windows
from scalewarden.signals.gpus.link import link
from scalewarden.signals.gpus.pages import UNITS

NO_EXPORTER = Absent("no GPU exporter reports a GPU of this replica")


def pod_signals(gpus: Sequence[Gpu], none: Absent = NO_EXPORTER) -> dict[SignalName, Signal]:
    """Means over a pod's GPUs, sums of bytes/s, LINK_BPS, and GPU_BUSY: engine-active, else kernel utilization. `none`
    is why there is no GPU."""
    if not gpus:
        return dict.fromkeys((*UNITS, SignalName.LINK_BPS, SignalName.GPU_BUSY), none)
    signals = {name: _together([gpu.signal(name) for gpu in gpus]) for name in UNITS}
    signals[SignalName.LINK_BPS] = link(signals)
    signals[SignalName.GPU_BUSY] = _together([busy(gpu) for gpu in gpus])
    return signals


def busy(gpu: Gpu) -> Signal:
    """The share of time that a device had work: engine-active, else kernel utilization, which MIG never measures."""
    active = gpu.signal(SignalName.ENGINE_ACTIVE)
    return active if isinstance(active, Reading) else gpu.signal(SignalName.KERNEL_UTILIZATION)


def _together(parts: Sequence[Signal]) -> Signal:
    """Over devices, as old as the oldest; Absent while any device lacks it, for then it is neither mean nor sum."""
    readings = [part for part in parts if isinstance(part, Reading)]
    if len(readings) < len(parts):
        return next(part for part in parts if isinstance(part, Absent))
    unit = readings[0].unit
    count = len(readings) if unit is Unit.FRACTION else 1
    series = tuple(Point(at, value / count) for at, value in windows.total([one.series for one in readings]))
    return Reading(
        value=fsum(one.value for one in readings) / count,
        unit=unit,
        at=min(one.at for one in readings),
        source=readings[0].source,
        window=min(one.window for one in readings),
        series=series,
    )
