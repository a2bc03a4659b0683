"""A measured quantity with its canonical name and unit, or the reason why there is none.

Absence is never zero: a `Signal` is a `Reading` or an `Absent` with its cause, and nothing here turns one
into the other.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Unit(StrEnum):
    """Units after normalisation: a fraction is 0-1, a ratio may exceed 1, everything else is SI or a plain count."""

    FRACTION = "fraction"
    RATIO = "ratio"
    REQUESTS = "requests"
    SEQUENCES = "sequences"
    COUNT = "count"
    TOKENS = "tokens"
    TOKENS_PER_SECOND = "tokens/s"
    REQUESTS_PER_SECOND = "requests/s"
    SECONDS = "s"
    BYTES_PER_SECOND = "bytes/s"
    REPLICAS = "replicas"


class SignalName(StrEnum):
    """Canonical signals; each engine and exporter maps its own series onto these."""

    KV_USAGE = "kv_usage"
    KV_PEAK = "kv_peak"
    WAITING = "waiting"
    WAITING_CAPACITY = "waiting_capacity"
    RUNNING = "running"
    PREEMPTIONS = "preemptions"
    GEN_TPS = "gen_tps"
    GEN_TPS_PER_GPU = "gen_tps_per_gpu"
    GEN_TPS_PER_FULL_GPU = "gen_tps_per_full_gpu"
    PREFILL_TPS = "prefill_tps"
    FINISH_RATE = "finish_rate"
    BAD_RATIO = "bad_ratio"
    TTFT_P95 = "ttft_p95"
    TTFT_P99 = "ttft_p99"
    ITL_P95 = "itl_p95"
    ITL_P99 = "itl_p99"
    ITL_MEAN = "itl_mean"
    E2E_P95 = "e2e_p95"
    E2E_P99 = "e2e_p99"
    SLO_GAP = "slo_gap"
    QUEUE_MEAN = "queue_mean"
    EFF_BATCH = "eff_batch"
    BATCH_FILL = "batch_fill"
    PREFIX_HIT = "prefix_hit"
    KV_TOKENS = "kv_tokens"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    GPU_BUSY = "gpu_busy"
    ENGINE_ACTIVE = "engine_active"
    KERNEL_UTILIZATION = "kernel_utilization"
    SM_ACTIVE = "sm_active"
    TENSOR_ACTIVE = "tensor_active"
    DRAM_ACTIVE = "dram_active"
    FB_USED = "fb_used"
    LINK_BPS = "link_bps"
    NVLINK_BPS = "nvlink_bps"
    PCIE_BPS = "pcie_bps"
    CPU_RATIO = "cpu_ratio"
    CPU_THROTTLED = "cpu_throttled"
    GATEWAY_WAITING = "gateway_waiting"


ENGINE_SIGNALS = (
    SignalName.KV_USAGE, SignalName.WAITING, SignalName.WAITING_CAPACITY, SignalName.RUNNING, SignalName.EFF_BATCH,
    SignalName.PREEMPTIONS, SignalName.GEN_TPS, SignalName.PREFILL_TPS, SignalName.FINISH_RATE, SignalName.BAD_RATIO,
    SignalName.TTFT_P95, SignalName.TTFT_P99, SignalName.ITL_P95, SignalName.ITL_P99, SignalName.ITL_MEAN,
    SignalName.E2E_P95, SignalName.E2E_P99, SignalName.QUEUE_MEAN, SignalName.PREFIX_HIT, SignalName.KV_TOKENS,
    SignalName.INPUT_TOKENS, SignalName.OUTPUT_TOKENS,
)  # fmt: skip
"""What an inference engine can tell of one replica; the others come from exporters, the cluster, or these."""


class Point(NamedTuple):
    """One sample: `at` in unix seconds, `value` in the signal's unit."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A signal that was measured.

    value: the number for the window (a gauge's newest sample, a counter's increase or rate, a quantile).
    at: unix seconds of the newest sample behind it. window: seconds of data behind it.
    source: the series it came from. series: the samples, oldest first, for signals that are judged over time.
    observations: how many observations stand behind a quantile or mean, where that is known.
    """

    value: float
    unit: Unit
    at: float
    source: str
    window: float = 0.0
    series: tuple[Point, ...] = ()
    observations: float | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A signal that was not measured; `cause` is one short sentence without live numbers.

    `for_good` marks a signal that the engine or device never exports, as opposed to one that is missing now.
    """

    cause: str
    for_good: bool = False


Signal = Reading | Absent
