"""The link between the GPUs of one replica: as declared, else by what flows over it, else by the product's name."""

import re
from collections.abc import Mapping, Sequence

from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.topology import Interconnect, Link
from scalewarden.model.workload import Gpu, Workload
from scalewarden.signals import windows
from scalewarden.signals.gpus import nodes

_NVLINK_BOARD = re.compile(r"HBM3|SXM|\bH200\b|\bB[23]00\b|\bGB[23]00\b|\bGH200\b|\bNVL\b|\bHGX\b")
_PCIE_CARD = re.compile(r"\bPCIE\b|\bL4\b|\bL40S?\b|\bRTX\b|\bA10G?\b|\bA30\b|\bA40\b|\bT4\b")
_XGMI_BOARD = re.compile(r"\bMI[23]\d\dX?A?\b.*\bOAM\b")


def interconnect(
    declared: Link | None,
    workload: Workload,
    gpus: Sequence[Sequence[Gpu]],
    limits: Thresholds,
    labels: Sequence[Mapping[str, str]] = (),
) -> Interconnect:
    """How the GPUs of a replica reach each other.

    declared is what the object says, None for Auto; gpus are the devices of each replica; labels those of their nodes.
    """
    if declared is not None:
        return Interconnect(declared, "declared in spec.topology.interconnect")
    devices = [gpu for one in gpus for gpu in one]
    found = _alone(workload, gpus, labels) or _by_traffic(workload, devices, limits)
    return found or _by_name(devices, labels) or Interconnect(Link.UNKNOWN, "no traffic and no product name is known")


def _alone(
    workload: Workload, gpus: Sequence[Sequence[Gpu]], labels: Sequence[Mapping[str, str]]
) -> Interconnect | None:
    cut = any(_mig(gpu) for one in gpus for gpu in one) or any(map(nodes.mig_profile, labels))
    if workload.mig_profile or cut:
        return Interconnect(Link.NONE, "MIG slices have neither NVLink nor peer-to-peer traffic")
    count = max(workload.gpus_per_replica or 0, *(len(one) for one in gpus), 0)
    return Interconnect(Link.NONE, "a replica holds one GPU") if count == 1 else None


def _mig(gpu: Gpu) -> bool:
    """A slice, unless it is a partition of an AMD GPU, which keeps its links."""
    return bool(gpu.mig_profile or (gpu.gpu_instance and not _plain(gpu.model).startswith("AMD")))


def _by_traffic(workload: Workload, devices: Sequence[Gpu], limits: Thresholds) -> Interconnect | None:
    """NVLink above the line is NVLink; large PCIe traffic of a split model is PCIe where NVLink stands still, or is
    not reported and no product name speaks for it."""
    nvlink, pcie = _peak(devices, SignalName.NVLINK_BPS), _peak(devices, SignalName.PCIE_BPS)
    if nvlink and nvlink[0] > limits["linkBusy"]:
        return Interconnect(Link.NVLINK, f"traffic of {nvlink[1]}")
    split = (workload.tensor_parallel_size or 1) > 1
    if not split or not pcie or pcie[0] <= limits["linkBusy"] or (nvlink and nvlink[0] > 0):
        return None
    if nvlink is None and any(_NVLINK_BOARD.search(_plain(gpu.model)) for gpu in devices):
        return None
    still = "stands still" if nvlink else "is not reported"
    return Interconnect(Link.PCIE, f"traffic of {pcie[1]}, while NVLink {still}")


def _peak(devices: Sequence[Gpu], name: SignalName) -> tuple[float, str] | None:
    """The most traffic of any device (bytes/s), and its series: only under load does a link show."""
    readings = [one for gpu in devices if isinstance(one := gpu.signal(name), Reading)]
    peaks = ((max(point.value for point in windows.samples(one)), one.source) for one in readings)
    return max(peaks, default=None)


def _by_name(devices: Sequence[Gpu], labels: Sequence[Mapping[str, str]]) -> Interconnect | None:
    models = sorted({gpu.model for gpu in devices if gpu.model})
    products = sorted({product for one in labels if (product := nodes.product(one))})
    named = [*((one, "product name") for one in models), *((one, f"label {nodes.PRODUCT}") for one in products)]
    return next((found for name, where in named if (found := _of_product(name, where))), None)


def _of_product(name: str, where: str) -> Interconnect | None:
    plain = _plain(name)
    if _PCIE_CARD.search(plain):
        return Interconnect(Link.PCIE, f"{where} {name}: a PCIe card; low confidence, a bridge is possible")
    if _NVLINK_BOARD.search(plain) or _XGMI_BOARD.search(plain):
        return Interconnect(Link.NVLINK, f"{where} {name}: on a board with such links; its traffic was not seen")
    return None


def _plain(name: str | None) -> str:
    return re.sub(r"[-_ ]+", " ", (name or "").upper())
