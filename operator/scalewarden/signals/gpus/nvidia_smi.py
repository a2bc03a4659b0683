"""nvidia_gpu_exporter (nvidia-smi or NVML), from its documentation. It names no pod: a device is found by its uuid.

Its uuids lack the `GPU-` that NVIDIA's other tools write. Activity of MIG slices needs the NVML build on Hopper or
newer. The name and the profile of a device stand on info series of their own.
"""

from scalewarden.model.signal import SignalName
from scalewarden.signals.gpus.table import UNDER_MIG, ExporterTable, Field, Row, Who

_MIG = "nvidia_smi_mig"
_ALWAYS = "leave AUTO among the exporter's query fields"
_NVML = "use an -nvml image of the exporter on MIG of Hopper or newer"
_PCIE = "pcie_throughput"


def _ratio(what: str) -> tuple[Field, ...]:
    return (Field((f"{_MIG}_{what}_ratio",), about="MIG slices only"),)


def _memory(begin: str) -> tuple[Field, ...]:
    used = f"{begin}_used_bytes"
    return (Field((used,), over=(f"{begin}_total_bytes",)), Field((used,), over=(used, f"{begin}_free_bytes")))


def _both(begin: str) -> Field:
    return Field((f"{begin}_tx_bytes_per_second", f"{begin}_rx_bytes_per_second"))


ROWS = (
    Row(SignalName.ENGINE_ACTIVE, _ratio("graphics_activity"), switch=_NVML),
    Row(SignalName.KERNEL_UTILIZATION, (Field(("nvidia_smi_utilization_gpu_ratio",)),), switch=_ALWAYS, whole=True),
    Row(SignalName.SM_ACTIVE, _ratio("sm_activity"), switch=_NVML),
    Row(SignalName.TENSOR_ACTIVE, _ratio("tensor_activity"), switch=_NVML),
    Row(SignalName.FB_USED, (*_memory(f"{_MIG}_memory"), *_memory("nvidia_smi_memory")), switch=_ALWAYS),
    Row(SignalName.PCIE_BPS, (_both(f"{_MIG}_{_PCIE}"), _both(f"nvidia_smi_{_PCIE}")),
        switch="start an -nvml image of the exporter with --collect.pcie-throughput"),
)  # fmt: skip

TABLE = ExporterTable(
    kind="nvidia-smi",
    title="nvidia_gpu_exporter",
    who=Who(
        uuid=("uuid",),
        instance=("gpu_instance_id",),
        model=("name",),
        profile=("profile",),
        uuid_prefix="GPU-",
    ),
    rows=ROWS,
    sliced=UNDER_MIG,
    nameless="run dcgm-exporter, or list each replica's GPUs by uuid in the recording",
    about=("nvidia_smi_gpu_info", f"{_MIG}_info"),
    port=9835,
)
