"""NVIDIA's dcgm-exporter, before and after the rename of 4.9 (DCGM 4.7), whole GPUs and MIG slices.

Read from its sources and DCGM's field lists. Google's copies for Vertex are the old fields in small letters, with
labels of their own; they are known from its documentation only.
"""

from scalewarden.model.signal import SignalName
from scalewarden.signals.gpus.table import UNDER_MIG, ExporterTable, Field, Row, Who

_NEW, _OLD = "4.9 on", "up to 4.8"
_UTIL, _NVLINK = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL"
_USED, _FREE = "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE"
_PCIE = ("DCGM_FI_PROF_PCIE_TX_BYTES", "DCGM_FI_PROF_PCIE_RX_BYTES")
_MEGA = 1e6
_PROFILING = "let it profile: SYS_ADMIN for its container, no second profiler (Nsight, Triton's own DCGM) on the GPU"


def _add(*names: str) -> str:
    return f"add {' and '.join(names)} to the exporter's counters CSV; {_PROFILING}"


ROWS = (
    Row(SignalName.ENGINE_ACTIVE, (
        Field(("DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO",), versions=_NEW),
        Field(("DCGM_FI_PROF_GR_ENGINE_ACTIVE",), versions=_OLD),
    ), switch=_PROFILING),
    Row(SignalName.KERNEL_UTILIZATION, (
        Field((f"{_UTIL}_RATIO",), versions=_NEW, ambiguous=True),
        Field((_UTIL,), scale=0.01, versions=_OLD),
    ), switch=f"leave {_UTIL} in the exporter's counters CSV", whole=True),
    Row(SignalName.SM_ACTIVE, (
        Field(("DCGM_FI_PROF_SM_UTIL_RATIO",), versions=_NEW),
        Field(("DCGM_FI_PROF_SM_ACTIVE",), versions=_OLD),
    ), switch=_add("DCGM_FI_PROF_SM_ACTIVE")),
    Row(SignalName.TENSOR_ACTIVE, (
        Field(("DCGM_FI_PROF_TENSOR_UTIL_RATIO",), versions=_NEW),
        Field(("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",), versions=_OLD),
    ), switch=_PROFILING),
    Row(SignalName.DRAM_ACTIVE, (
        Field(("DCGM_FI_PROF_DRAM_UTIL_RATIO",), versions=_NEW),
        Field(("DCGM_FI_PROF_DRAM_ACTIVE",), versions=_OLD),
    ), switch=_PROFILING),
    Row(SignalName.FB_USED, (
        Field((f"{_USED}_BYTES",), over=("DCGM_FI_DEV_FB_CAPACITY_BYTES",), versions=_NEW),
        Field((f"{_USED}_BYTES",), over=(f"{_USED}_BYTES", f"{_FREE}_BYTES"), spare=("DCGM_FI_DEV_FB_RESERVED_BYTES",),
              versions=_NEW),
        Field((_USED,), over=(_USED, _FREE), spare=("DCGM_FI_DEV_FB_RESERVED",), versions=f"{_OLD}, MiB"),
    ), switch=f"leave {_USED} and {_FREE} in the exporter's counters CSV"),
    # Typed counter, yet DCGM gives the MB that passed in the last second: its rate would be a rate of a rate.
    Row(SignalName.NVLINK_BPS, (
        Field(("DCGM_FI_DEV_NVLINK_THROUGHPUT_BYTES_PER_SECOND",), versions=_NEW),
        Field((_NVLINK,), scale=_MEGA, versions=f"{_OLD}, MB/s, a gauge typed counter"),
        Field((f"{_NVLINK}_total",), scale=_MEGA, about="the same, as some parsers spell it"),
        Field(("DCGM_FI_PROF_NVLINK_TX_BYTES", "DCGM_FI_PROF_NVLINK_RX_BYTES")),
    ), switch=f"leave {_NVLINK} in the exporter's counters CSV, or {_add('DCGM_FI_PROF_NVLINK_TX_BYTES, …RX_BYTES')}"),
    Row(SignalName.PCIE_BPS, (Field(_PCIE, total=True, about="typed counter before 4.0"),), switch=_PROFILING),
)  # fmt: skip

_BLANK_INT32 = range(0x7FFFFFF0, 0x80000000)
_BLANK_FROM = 2.0**47


def is_blank(value: float) -> bool:
    """DCGM's "no value": NaN, the top of the 32-bit range, or from 2^47 (doubles) and near 2^63 (64-bit) on."""
    return value != value or value in _BLANK_INT32 or abs(value) >= _BLANK_FROM


TABLE = ExporterTable(
    kind="dcgm",
    title="dcgm-exporter",
    who=Who(
        uuid=("UUID", "gpu_uuid"),
        instance=("GPU_I_ID", "gpu_i_id"),
        model=("modelName", "gpu_model"),
        profile=("GPU_I_PROFILE",),
        pod=(("exported_namespace", "exported_pod"), ("namespace", "pod"), ("", "replica_id")),
    ),
    rows=ROWS,
    sliced=UNDER_MIG,
    nameless="start it with DCGM_EXPORTER_KUBERNETES=true, so that it names the pods that hold its GPUs",
    spellings=lambda name: (name, f"vertex_{name.lower()}"),
    blank=is_blank,
    port=9400,
)

NAMES: frozenset[str] = TABLE.names
"""All series names of the table."""
