"""Triton Inference Server's own GPU series, which stand on the page of the pod that holds the GPUs."""

from scalewarden.model.signal import SignalName
from scalewarden.signals.gpus.table import UNDER_MIG, ExporterTable, Field, Row, Who

_SWITCH = "start tritonserver without --allow-gpu-metrics=false"

ROWS = (
    Row(SignalName.KERNEL_UTILIZATION, (Field(("nv_gpu_utilization",)),), switch=_SWITCH, whole=True),
    Row(SignalName.FB_USED, (
        Field(("nv_gpu_memory_used_bytes",), over=("nv_gpu_memory_total_bytes",)),
    ), switch=_SWITCH),
)  # fmt: skip

TABLE = ExporterTable(
    kind="triton",
    title="Triton",
    who=Who(uuid=("gpu_uuid",)),
    rows=ROWS,
    sliced=UNDER_MIG,
    nameless="its page tells of the pod that serves it",
)
