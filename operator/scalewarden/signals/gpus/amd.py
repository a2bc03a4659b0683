"""AMD's device-metrics-exporter, read from its sources and its list of metrics (1.5).

A configured prefix stands before every name; `amd_` is the one in use. In a partitioned GPU (CPX, DPX, QPX) activity
is that of the whole GPU and stands on partition 0. Not read: `gpu_xgmi_nbr_*_tx_thrput` and
`pcie_bidirectional_bandwidth`, whose base in time no document gives.
"""

from collections.abc import Mapping

from scalewarden.model.signal import Absent, SignalName
from scalewarden.signals.gpus.table import ExporterTable, Field, Row, Who

_PERCENT, _KIB = 0.01, 1024.0
_MEGABIT = 1e6 / 8
_PROFILER = "turn on ProfilerMetrics in the exporter's config.json; nobody else may profile the GPU then"
_FIELDS = "leave it among the fields of the exporter's config.json"
_UNCUT = frozenset({"", "spx", "na", "n/a"})

ROWS = (
    Row(SignalName.ENGINE_ACTIVE, (Field(("gpu_prof_gui_util_percent",), scale=_PERCENT),), switch=_PROFILER),
    Row(SignalName.KERNEL_UTILIZATION, (Field(("gpu_gfx_activity",), scale=_PERCENT),), switch=_FIELDS, whole=True),
    Row(SignalName.SM_ACTIVE, (
        Field(("gpu_prof_sm_active",), scale=_PERCENT, about="share of time of vector instructions"),
    ), switch=_PROFILER),
    Row(SignalName.TENSOR_ACTIVE, (Field(("gpu_prof_tensor_active_percent",), scale=_PERCENT),), switch=_PROFILER),
    Row(SignalName.DRAM_ACTIVE, (Field(("gpu_umc_activity",), scale=_PERCENT),), switch=_FIELDS, whole=True),
    Row(SignalName.FB_USED, (
        Field(("gpu_used_vram",), over=("gpu_total_vram",), versions="MB"),
        Field(("gpu_used_vram",), over=("gpu_used_vram", "gpu_free_vram"), versions="MB"),
    ), switch=_FIELDS),
    Row(SignalName.NVLINK_BPS, (
        Field(("gpu_xgmi_link_tx", "gpu_xgmi_link_rx"), scale=_KIB, counter=True, about="xGMI, running totals in KB"),
    ), switch=_FIELDS),
    Row(SignalName.PCIE_BPS, (
        Field(("pcie_bandwidth",), scale=_MEGABIT, about="Mb/s, MI300 on"),
    ), switch=_FIELDS),
)  # fmt: skip


def partitioned(labels: Mapping[str, str]) -> bool:
    """True where the labels are of a part of a GPU: an uncut one (SPX) has a partition id too."""
    return labels.get("gpu_compute_partition_type", "").lower() not in _UNCUT


TABLE = ExporterTable(
    kind="amd",
    title="AMD device-metrics-exporter",
    who=Who(
        uuid=("serial_number", "gpu_uuid", "gpu_id"),
        instance=("gpu_partition_id",),
        model=("card_series", "card_model"),
        pod=(("exported_namespace", "exported_pod"), ("namespace", "pod")),
        cut=partitioned,
    ),
    rows=ROWS,
    sliced=Absent("measured of a whole GPU only, not of a partition"),
    nameless="mount the kubelet's pod-resources folder into the exporter, so that it names the pods",
    spellings=lambda name: (name, f"amd_{name}"),
    port=5000,
)
