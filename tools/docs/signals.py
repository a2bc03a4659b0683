"""docs/reference/signals.md: canonical signals, and the series that each engine and exporter gives them by."""

from collections.abc import Mapping
from pathlib import Path

from scalewarden.model.signal import SignalName, Unit
from scalewarden.signals.canonical import UNITS
from scalewarden.signals.freshness import REQUIRED
from scalewarden.signals.gpus.pages import UNITS as GPU_UNITS
from tools.docs import signals_cluster, signals_engines, signals_gpus
from tools.docs.markdown import code, page, table

MEANING: Mapping[SignalName, str] = {
    SignalName.KV_USAGE: "share of the KV cache held by live requests",
    SignalName.KV_PEAK: "highest `kv_usage` in the window",
    SignalName.WAITING: "requests that the engine accepted and has not started",
    SignalName.WAITING_CAPACITY: "the part of `waiting` that waits for KV cache or a place in the batch",
    SignalName.RUNNING: "requests in the running batch",
    SignalName.EFF_BATCH: "95th percentile of the running batch over the window",
    SignalName.BATCH_FILL: "`eff_batch` as a share of the batch limit",
    SignalName.PREEMPTIONS: "running requests given up for lack of KV cache, over the window",
    SignalName.GEN_TPS: "tokens generated, over 2 min",
    SignalName.GEN_TPS_PER_GPU: "`gen_tps` divided by the GPUs or slices that the replica holds",
    SignalName.GEN_TPS_PER_FULL_GPU: "`gen_tps` divided by the share of a whole GPU's memory that the replica holds",
    SignalName.PREFILL_TPS: "prompt tokens computed, cached ones left out, over 2 min",
    SignalName.FINISH_RATE: "requests finished, over 5 min",
    SignalName.BAD_RATIO: "share of finished requests that were aborted or failed, over 5 min",
    SignalName.TTFT_P95: "time to the first token, 95th percentile over 5 min",
    SignalName.TTFT_P99: "time to the first token, 99th percentile over 5 min",
    SignalName.ITL_P95: "time between two tokens, 95th percentile over 5 min",
    SignalName.ITL_P99: "time between two tokens, 99th percentile over 5 min",
    SignalName.ITL_MEAN: "time between two tokens, mean over 5 min",
    SignalName.E2E_P95: "time of a whole request, 95th percentile over 5 min",
    SignalName.E2E_P99: "time of a whole request, 99th percentile over 5 min",
    SignalName.SLO_GAP: "the latency nearest to its declared objective, as a share of it",
    SignalName.QUEUE_MEAN: "time a request waited before it started, mean over 5 min",
    SignalName.PREFIX_HIT: "share of prompt tokens found in the prefix cache, over 5 min",
    SignalName.KV_TOKENS: "size of the KV cache",
    SignalName.INPUT_TOKENS: "prompt tokens of a request, mean over 5 min",
    SignalName.OUTPUT_TOKENS: "generated tokens of a request, mean over 5 min",
    SignalName.GPU_BUSY: "`engine_active`, else `kernel_utilization`; mean over the replica's GPUs",
    SignalName.ENGINE_ACTIVE: "share of time in which the GPU's graphics or compute engine was active",
    SignalName.KERNEL_UTILIZATION: "share of time in which any kernel was resident; never measured under MIG",
    SignalName.SM_ACTIVE: "share of time in which a streaming multiprocessor had work, mean over all of them",
    SignalName.TENSOR_ACTIVE: "share of time in which the tensor cores were active",
    SignalName.DRAM_ACTIVE: "share of time in which GPU memory was read or written",
    SignalName.FB_USED: "share of GPU memory allocated; says nothing about room on an engine that preallocates",
    SignalName.LINK_BPS: "bytes/s between the replica's GPUs and to the host: NVLink where there is any, else PCIe",
    SignalName.NVLINK_BPS: "bytes/s over NVLink (or xGMI), sent and received",
    SignalName.PCIE_BPS: "bytes/s over PCIe, sent and received",
    SignalName.CPU_RATIO: "CPU used as a share of CPU requested",
    SignalName.CPU_THROTTLED: "share of scheduling periods in which the CPU limit stopped the container",
    SignalName.GATEWAY_WAITING: "requests queued in front of the service",
}
"""What each signal is, in one line."""

_INTRODUCTION = """\
Series of engines and exporters become canonical signals first; rules, tests and evidence only know these. Ratios are
fractions 0–1, everything else SI units or plain counts. A signal that is not there is *absent with a cause*, never 0.

`kv_usage`, `waiting` and `running` are required: without them no removal is allowed. For an engine that by nature
exports no KV usage, `kv_usage` is not required and the verdict rests on the queue, the batch limit and a declared
latency objective."""

_FRESH = """\
## Age

A sample is fresh up to max(`freshSeconds`, `freshIntervals` × the scrape interval), at most `freshMaximum`; from
`absentSeconds` on the signal is absent; between the two it is stale and holds a removal
([thresholds](thresholds.md))."""


_NOT_READ = """\
## Signals that no source reads yet

These have a name and a unit, and are absent in this version."""


def render() -> dict[Path, str]:
    """The page by its path."""
    gpus = signals_gpus.parts(MEANING)
    parts = (_INTRODUCTION, _meanings(), _FRESH, *signals_engines.parts(), *gpus)
    rest = (*signals_cluster.parts(MEANING), _NOT_READ, _not_read())
    return {Path("docs/reference/signals.md"): page("Signals", *parts, *rest)}


def _meanings() -> str:
    rows = [(code(name), _unit(unit), _meaning(name)) for name, unit in UNITS.items()]
    return table(("signal", "unit", "meaning"), rows)


def _unit(unit: Unit) -> str:
    return str(unit)


def _meaning(name: SignalName) -> str:
    return MEANING[name] + (" (required)" if name in REQUIRED else "")


def _not_read() -> str:
    read = {*UNITS, *GPU_UNITS, *signals_gpus.DERIVED, *signals_cluster.READ}
    return table(("signal", "meaning"), [(code(name), MEANING[name]) for name in SignalName if name not in read])
