"""GPU meters of a replica: which one tells its utilization, and where it tells nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from scalewarden.model.signal import Absent, Signal, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Gpu, Replica
from scalewarden.rules import look
from scalewarden.rules.look import Look

NOT_UNDER_MIG = Absent("not measured under MIG", for_good=True)
UTILIZATION = (SignalName.ENGINE_ACTIVE, SignalName.KERNEL_UTILIZATION, SignalName.GPU_BUSY)
"""In order of preference: engine-active is measured under MIG as well, kernel utilization is not."""

NOT_MEASURED = "neither engine-active nor kernel utilization is measured on any replica"


@dataclass(frozen=True, slots=True)
class Meter:
    """A place where GPU signals are read: one GPU or slice, or a replica as a whole."""

    where: str
    holder: Gpu | Replica
    sliced: bool

    def signal(self, name: SignalName) -> Signal:
        """The signal; kernel utilization of a MIG slice is absent whatever an exporter printed."""
        if self.sliced and name is SignalName.KERNEL_UTILIZATION:
            return NOT_UNDER_MIG
        return self.holder.signal(name)


def meters(replica: Replica, snapshot: Snapshot) -> Iterator[Meter]:
    """The replica's GPUs, or the replica itself where its GPUs carry no signals of their own."""
    own = [gpu for gpu in replica.gpus if gpu.signals]
    for gpu in own:
        yield Meter(f"{replica.pod}/{gpu_name(gpu)}", gpu, sliced(gpu, snapshot))
    if not own:
        yield Meter(replica.pod, replica, on_mig(replica, snapshot))


def gpu_name(gpu: Gpu) -> str:
    """`GPU-1111`, with the MIG instance where there is one."""
    return f"{gpu.uuid}/gi{gpu.gpu_instance}" if gpu.gpu_instance is not None else gpu.uuid


def sliced(gpu: Gpu, snapshot: Snapshot) -> bool:
    """True for a MIG slice, by its labels or by what the pod template asks for."""
    return bool(gpu.mig_profile or gpu.gpu_instance or snapshot.workload.mig_profile)


def on_mig(replica: Replica, snapshot: Snapshot) -> bool:
    """True where the replica holds MIG slices, by its devices or by its pod template."""
    return snapshot.workload.mig_profile is not None or any(sliced(gpu, snapshot) for gpu in replica.gpus)


def utilization(meter: Meter, snapshot: Snapshot) -> Look | None:
    """The preferred utilization over the window; None where the meter has none that can be used."""
    seconds = snapshot.thresholds["pressureWindow"]
    looks = (look.lasting(snapshot, meter.where, name, meter.signal(name), seconds) for name in UTILIZATION)
    return next((seen for seen in looks if seen.reading), None)


def utilizations(replica: Replica, snapshot: Snapshot) -> list[Look]:
    """The utilization of each of a replica's meters that has one."""
    found = (utilization(meter, snapshot) for meter in meters(replica, snapshot))
    return [seen for seen in found if seen]


def average(meter: Meter, name: SignalName, snapshot: Snapshot) -> Look:
    """One GPU signal over the window."""
    return look.lasting(snapshot, meter.where, name, meter.signal(name), snapshot.thresholds["pressureWindow"])
