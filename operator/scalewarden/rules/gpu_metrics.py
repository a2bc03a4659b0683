"""Recognising, in an autoscaler's metric, the series that say how much of the time a GPU was busy.

Series names come in many spellings: as the exporter writes them, renamed by a monitoring service
(`prometheus.googleapis.com|DCGM_FI_DEV_GPU_UTIL|gauge`, `vertex_dcgm_fi_dev_gpu_util`), recorded by a rule
(`service:gpu_utilization:avg`), or as a label matcher on `__name__`.
"""

import re

from scalewarden.model.autoscaler import AutoscalerMetric

_KERNEL = re.compile(
    r"gpu_?util"  # DCGM_FI_DEV_GPU_UTIL[_RATIO], dcgm_gpu_utilization, nv_gpu_utilization, CloudWatch's GPUUtilization
    r"|utilization_gpu(?!\w*mem)"  # nvidia_smi_utilization_gpu_ratio
    r"|gfx_activity"  # AMD device metrics exporter
    r"|gpu_busy"  # amdgpu's gpu_busy_percent
    r"|habanalabs_utilization"  # Gaudi
    r"|duty_cycle",  # kubernetes.io/container/accelerator/duty_cycle and its copies
    re.IGNORECASE,
)
_ENGINE = re.compile(r"gr_engine_(active|util)|graphics_activity", re.IGNORECASE)
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


def _first(pattern: re.Pattern[str], metric: AutoscalerMetric) -> str | None:
    return next((name for name in names(metric) if pattern.search(name)), None)


def phrase(name: str) -> str | None:
    """The words in a name that give it away as a share of time; None where there are none."""
    found = _KERNEL.search(name) or _ENGINE.search(name)
    return found.group().lower() if found else None


def names(metric: AutoscalerMetric) -> list[str]:
    """Series names that a metric mentions: its own name, and the words of its query outside of strings and comments,
    with the series that are named by a string."""
    quoted = [text.strip("\"'") for found in (_NAMED, _QUOTED_SERIES) for text in found.findall(metric.query)]
    bare = _STRING.sub('""', metric.query)
    return [metric.name, *_NAME.findall(_COMMENT.sub("", bare)), *quoted]
