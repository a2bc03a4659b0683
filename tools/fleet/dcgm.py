"""An exporter's page: what dcgm-exporter says about the GPUs of one node, in either spelling.

The readings follow from the engine's steps, never from a wish: busy is the share of time with kernels running,
memory and tensor activity are bytes and operations over what the GPU could do in that time (capped by busy), power
grows from 15 % to 75 % of the board's with busy. Framebuffer use is flat: the engine takes its share at the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from uuid import NAMESPACE_DNS, uuid5

from tools.fleet.hardware import H100, Gpu
from tools.fleet.model import Activity
from tools.fleet.spec import DcgmStyle

DRIVER = "580.95.05"
MIB = 1024 * 1024
IDLE = Activity(busy=0.0, gpu=0.0, dram=0.0, tensor=0.0, link_bytes=0.0, tokens=0.0)


@dataclass(frozen=True)
class Slot:
    """A GPU, or a MIG instance of it, and who holds it."""

    index: int
    gpu: Gpu = H100
    mig_profile: str = ""
    """Such as ``3g.40gb``; empty for a whole GPU."""
    instance: int = 0
    namespace: str = ""
    pod: str = ""
    container: str = ""
    used_share: float = 0.0
    """Framebuffer share the engine reserved."""
    activity: Activity = IDLE
    joules: float = 0.0
    style: DcgmStyle = DcgmStyle()


def gpu_uuid(node: str, index: int) -> str:
    """The same GPU of the same node keeps its UUID for ever."""
    return f"GPU-{uuid5(NAMESPACE_DNS, f'{node}/{index}')}"


def watts(slot: Slot) -> float:
    return slot.gpu.board_watts * (0.15 + 0.6 * slot.activity.gpu)


def dcgm_page(node: str, exporter: str, slots: Iterable[Slot]) -> str:
    """The page of one node's exporter. GPUs in MIG mode show their instances only and no kernel utilization."""
    rows = [row for slot in slots for row in _rows(node, exporter, slot)]
    rows.sort(key=lambda row: row.name)
    lines: list[str] = []
    for name, group in groupby(rows, key=lambda row: row.name):
        members = list(group)
        lines += [f"# HELP {name} {members[0].words}", f"# TYPE {name} {members[0].kind}"]
        lines += [f"{name}{{{row.labels}}} {row.value}" for row in members]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Row:
    name: str
    words: str
    kind: str
    labels: str
    value: str


def _rows(node: str, exporter: str, slot: Slot) -> Iterator[_Row]:
    labels = ",".join(f'{key}="{value}"' for key, value in _labels(node, exporter, slot).items())
    fields = _fields_4_9(slot) if slot.style.spelling == "4.9" else _fields_4_8(slot)
    for name, words, kind, value in fields:
        yield _Row(name, words, kind, labels, value)


def _labels(node: str, exporter: str, slot: Slot) -> Mapping[str, str]:
    renamed = slot.style.spelling == "4.9"
    prefix = "exported_" if slot.style.workload_labels == "exported_pod" else ""
    mig = {"GPU_I_PROFILE": slot.mig_profile, "GPU_I_ID": str(slot.instance)} if slot.mig_profile else {}
    return {
        "gpu": str(slot.index),
        "UUID": gpu_uuid(node, slot.index),
        "pci_bus_id": f"00000000:{0x1B + 0x10 * slot.index:02X}:00.0",
        "device": f"nvidia{slot.index}",
        "modelName": slot.gpu.product,
        **mig,
        "hostname" if renamed else "Hostname": exporter,
        "DCGM_FI_SYSTEM_DRIVER_VERSION" if renamed else "DCGM_FI_DRIVER_VERSION": DRIVER,
        f"{prefix}container": slot.container,
        f"{prefix}namespace": slot.namespace,
        f"{prefix}pod": slot.pod,
    }


_Field = tuple[str, str, str, str]


def _framebuffer(slot: Slot) -> tuple[int, int]:
    """(used, free) MiB."""
    used = round(slot.gpu.memory_mib * slot.used_share)
    return used, slot.gpu.memory_mib - used


def _fields_4_8(slot: Slot) -> Iterator[_Field]:
    seen, (used, free) = slot.activity, _framebuffer(slot)
    yield "DCGM_FI_DEV_SM_CLOCK", "SM clock (MHz).", "gauge", "1980"
    yield "DCGM_FI_DEV_MEM_CLOCK", "Memory clock (MHz).", "gauge", "2619"
    yield "DCGM_FI_DEV_GPU_TEMP", "GPU temperature (C).", "gauge", str(round(35 + 35 * seen.gpu))
    yield "DCGM_FI_DEV_POWER_USAGE", "Power draw (W).", "gauge", f"{watts(slot):.6f}"
    yield "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Energy (mJ).", "counter", str(round(slot.joules * 1e3))
    if not slot.mig_profile:
        yield "DCGM_FI_DEV_GPU_UTIL", "GPU utilization (%).", "gauge", str(round(100 * seen.gpu))
        copy = str(round(100 * seen.dram))
        yield "DCGM_FI_DEV_MEM_COPY_UTIL", "Memory utilization (%).", "gauge", copy
    yield "DCGM_FI_DEV_FB_FREE", "Framebuffer free (MiB).", "gauge", str(free)
    yield "DCGM_FI_DEV_FB_USED", "Framebuffer used (MiB).", "gauge", str(used)
    # Typed counter by the exporter, though it is a rate in MB a second.
    rate = str(round(seen.link_bytes / 1e6))
    yield "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", "NVLink bandwidth.", "counter", rate
    yield "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "Time the engine was active.", "gauge", f"{seen.gpu:.6f}"
    yield "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "Tensor pipe activity.", "gauge", f"{seen.tensor:.6f}"
    yield "DCGM_FI_PROF_DRAM_ACTIVE", "Memory interface activity.", "gauge", f"{seen.dram:.6f}"


def _fields_4_9(slot: Slot) -> Iterator[_Field]:
    seen, (used, free) = slot.activity, _framebuffer(slot)
    yield "DCGM_FI_DEV_SM_CLOCK_HERTZ", "SM clock.", "gauge", "1980000000"
    yield "DCGM_FI_DEV_MEMORY_CLOCK_HERTZ", "Memory clock.", "gauge", "2619000000"
    yield "DCGM_FI_DEV_GPU_TEMP_CELSIUS", "GPU temperature.", "gauge", str(round(35 + 35 * seen.gpu))
    yield "DCGM_FI_DEV_BOARD_POWER_WATTS", "Power draw.", "gauge", f"{watts(slot):.6f}"
    yield "DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL", "Energy.", "counter", f"{slot.joules:.3f}"
    if not slot.mig_profile:
        yield "DCGM_FI_DEV_GPU_UTIL_RATIO", "GPU utilization.", "gauge", f"{seen.gpu:.6f}"
        yield "DCGM_FI_DEV_MEMORY_UTIL_RATIO", "Memory utilization.", "gauge", f"{seen.dram:.6f}"
    yield "DCGM_FI_DEV_FB_CAPACITY_BYTES", "Framebuffer.", "gauge", str((used + free) * MIB)
    yield "DCGM_FI_DEV_FB_FREE_BYTES", "Framebuffer free.", "gauge", str(free * MIB)
    yield "DCGM_FI_DEV_FB_USED_BYTES", "Framebuffer used.", "gauge", str(used * MIB)
    rate = str(round(seen.link_bytes))
    yield "DCGM_FI_DEV_NVLINK_THROUGHPUT_BYTES_PER_SECOND", "NVLink throughput.", "gauge", rate
    yield "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", "Time the engine was active.", "gauge", f"{seen.gpu:.6f}"
    yield "DCGM_FI_PROF_TENSOR_UTIL_RATIO", "Tensor pipe activity.", "gauge", f"{seen.tensor:.6f}"
    yield "DCGM_FI_PROF_DRAM_UTIL_RATIO", "Memory interface activity.", "gauge", f"{seen.dram:.6f}"
