"""Recognising, in an autoscaler's metric, the series that say how much of the time or the memory of a GPU was taken.

Series names come in many spellings: as the exporter writes them, renamed by a monitoring service
(`prometheus.googleapis.com|DCGM_FI_DEV_GPU_UTIL|gauge`, `vertex_dcgm_fi_dev_gpu_util`), recorded by a rule
(`service:gpu_utilization:avg`), or as a label matcher on `__name__`.
"""

import re

from scalewarden.model.autoscaler import AutoscalerMetric

_KERNEL = re.compile(
    r"gpu[-/]util|^(nvidia|amd)\.com/gpu(\.shared)?$"  # as resources, which no metrics API has
    r"|gpu_?util"  # DCGM_FI_DEV_GPU_UTIL[_RATIO], dcgm_gpu_utilization, nv_gpu_utilization, CloudWatch's GPUUtilization
    r"|utilization_gpu(?!\w*mem)"  # nvidia_smi_utilization_gpu_ratio
    r"|gfx_activity"  # AMD device metrics exporter
    r"|gpu_busy"  # amdgpu's gpu_busy_percent
    r"|habanalabs_utilization"  # Gaudi
    r"|duty_cycle",  # kubernetes.io/container/accelerator/duty_cycle and its copies
    re.IGNORECASE,
)
_ENGINE = re.compile(r"gr_engine_(active|util)|graphics_activity", re.IGNORECASE)
_FRAMEBUFFER = re.compile(
    r"fb_(used|free|total|reserved|capacity)"  # DCGM_FI_DEV_FB_USED[_BYTES|_PERCENT], vertex_dcgm_fi_dev_fb_used
    r"|gpu[-/]mem(ory)?"  # by resource names
    r"|gpu_?mem(ory)?_?(used|free|total|usage|util|alloc|bytes)"  # Triton's nv_gpu_memory_used_bytes, aliases
    r"|nvidia_smi_(mig_)?memory_(used|free|total|reserved)"
    r"|vram_?(used|free|total|usage|util|bytes)|(used|free|total)_vram"  # AMD device metrics exporter
    r"|habanalabs_memory_(used|free|total)"  # Gaudi
    r"|accelerator[|/_:]memory_(used|total)"  # kubernetes.io/container/accelerator/memory_used and its copies
    r"|nv_trt_llm_runtime_memory",  # Triton's TensorRT-LLM backend: its own pools
    re.IGNORECASE,
)
_NOT_UNDER_MIG = re.compile(
    r"mem_?copy_util|fi_dev_memory_util|fi_dev_(enc|dec)_util"  # DCGM's other shares of device time
    r"|utilization_(memory|encoder|decoder)"  # nvidia_smi_utilization_memory_ratio
    r"|nvlink",  # slices have none
    re.IGNORECASE,
)
_LOAD = re.compile(
    r"requests?_(waiting|running|deferred|processing|inflight)|(waiting|running|queued|inflight|queue)_req"
    r"|queue_(size|depth|length)|queued|(kv|gpu)_cache|cache_usage|token_usage|tokens_total|throughput"
    r"|batch_current_size|pending_request|ongoing_requests|(in_?flight|active)_requests|requests_active"
    r"|trt_llm_request_metrics",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?P<cpu>container_cpu_|process_cpu_seconds|node_cpu_seconds|container[|/]cpu[|/])"  # cAdvisor's, Google's
    r"|container_memory_(working_set|usage|rss|cache)|process_resident_memory|container[|/]memory[|/]",
    re.IGNORECASE,
)
_NAME = re.compile(r"[a-zA-Z_][\w:./|]*")
_NAMED = re.compile(r"""__name__\s*=~?\s*("[^"]*"|'[^']*')""")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'|`[^`]*`")
_QUOTED_SERIES = re.compile(r"""\{\s*("[^"]*"|'[^']*')\s*[,}]""")
_COMMENT = re.compile(r"#[^\n]*")


def kernel_utilization(metric: AutoscalerMetric) -> str | None:
    """The series of kernel utilization or accelerator duty cycle that the metric reads; None if it reads none."""
    return _first(_KERNEL, metric)


def busy_time(metric: AutoscalerMetric) -> str | None:
    """The same, and engine-active too: all of them are shares of time, not of capacity."""
    return _first(_KERNEL, metric) or _first(_ENGINE, metric)


def host_use(metric: AutoscalerMetric) -> str | None:
    """`cpu` or `memory` where the metric reads series of the pods' use of them, and none of load beside them."""
    series = _first(_HOST, metric)
    if series is None or follows_load(metric):
        return None
    found = _HOST.search(series)
    return "cpu" if found and found["cpu"] else "memory"


def framebuffer(metric: AutoscalerMetric) -> str | None:
    """The series of GPU memory, used or free, that the metric reads."""
    return _first(_FRAMEBUFFER, metric)


def is_framebuffer(name: str) -> bool:
    """True for a series of GPU memory."""
    return bool(_FRAMEBUFFER.search(name))


def follows_load(metric: AutoscalerMetric) -> str | None:
    """The series of queue, batch, KV cache or tokens that the metric reads, beside others perhaps."""
    return _first(_LOAD, metric)


def unreported_under_mig(metric: AutoscalerMetric) -> str | None:
    """The series that the metric reads and that no exporter measures on a MIG slice."""
    return _first(_KERNEL, metric) or _first(_NOT_UNDER_MIG, metric)


def _first(pattern: re.Pattern[str], metric: AutoscalerMetric) -> str | None:
    return next((name for name in names(metric) if pattern.search(name)), None)


def phrase(name: str) -> str | None:
    """The words in a name that give it away as a share of time; None where there are none."""
    found = _KERNEL.search(name) or _ENGINE.search(name)
    return found.group().lower() if found else None


def names(metric: AutoscalerMetric) -> list[str]:
    """Series names that a metric mentions: its own name, and the words of its query outside of strings and comments,
    with the series that are named by a string; where it is no PromQL, any word of what it says."""
    return [metric.name, *words(bare(metric.query)), *quoted(metric.query), *words(metric.said)]


def words(text: str) -> list[str]:
    """What may be a name in a query."""
    return _NAME.findall(text)


def quoted(query: str) -> list[str]:
    """Series that a query names by a string: `{__name__="x"}` and `{"x"}`."""
    return [text.strip("\"'") for found in (_NAMED, _QUOTED_SERIES) for text in found.findall(query)]


def bare(query: str) -> str:
    """A query with its strings emptied and without comments."""
    return _COMMENT.sub("", _STRING.sub('""', query))
