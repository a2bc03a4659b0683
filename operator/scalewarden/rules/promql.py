"""What an autoscaler's query does with its series, as far as text tells: no PromQL is evaluated here."""

import re

from scalewarden.model.autoscaler import AutoscalerMetric
from scalewarden.rules.gpu_metrics import bare, quoted, words

_AGGREGATORS = "sum|avg|min|max|count|group|quantile|stddev|stdvar|topk|bottomk|scalar|limitk|count_values"
_AGGREGATION = re.compile(rf"\b({_AGGREGATORS})\s*(?:(?:by|without)\s*\([^)]*\)\s*)?\(", re.IGNORECASE)
_SUM = re.compile(r"\bsum(_over_time)?\b", re.IGNORECASE)
_OUTERMOST = re.compile(rf"^[\s(]*({_AGGREGATORS})\b", re.IGNORECASE)
_ARITHMETIC = re.compile(r"[*/+%^]|(?<!\w)-(?!\w)")
_ZERO = re.compile(
    r"\bor\b\s*(?:on\s*\([^)]*\)\s*|ignoring\s*\([^)]*\)\s*)?\(*\s*vector\s*\(\s*0(?:\.0*)?\s*\)"  # or vector(0)
    r"|\bdefault\s+0(?:\.0*)?(?![\w.])",  # MetricsQL
    re.IGNORECASE,
)
_FRACTION = re.compile(
    r"cache_usage_perc|(^|[:_])(full_)?token_usage$|trtllm_kv_cache_utilization|kv_cache_usage_ratio|cache_hit_rate"
    r"|nv_gpu_utilization|fi_prof_\w+_(active|occupancy)|nvidia_smi_\w+_ratio",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    r"fi_dev_gpu_util($|[|])|fi_dev_(mem_copy|enc|dec)_util$|gpu_gfx_activity|gpu_umc_activity|habanalabs_utilization",
    re.IGNORECASE,
)
_QUEUE = re.compile(
    r"num_requests?_(waiting|running)|num_(queue|running)_reqs|tgi_queue_size|requests_(deferred|processing)"
    r"|inference_pending_request",
    re.IGNORECASE,
)
_INSIDE = re.compile(
    r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", re.IGNORECASE
)
"""Selectors, ranges and groupings: labels and durations, no series."""
_CALL = re.compile(r"[a-zA-Z_]\w*\s*(?=\()")
_KEYWORDS = frozenset(f"{_AGGREGATORS}|by|without|or|and|unless|bool|offset|default|atan2|inf|nan".split("|"))


def series(metric: AutoscalerMetric) -> list[str]:
    """The series that a metric reads: its own name, or those in its query."""
    if not metric.query:
        return [metric.name]
    found = [*words(_CALL.sub(" ", _outside(metric))), *quoted(metric.query)]
    return [name for name in found if name.lower() not in _KEYWORDS]


def _outside(metric: AutoscalerMetric) -> str:
    """The query without what stands in braces, brackets and groupings."""
    return _INSIDE.sub(" ", bare(metric.query))


def aggregated(metric: AutoscalerMetric) -> bool:
    """True where the query folds its series into one, somewhere."""
    return bool(_AGGREGATION.search(bare(metric.query)))


def outermost(metric: AutoscalerMetric) -> str:
    """The aggregation that the whole query is (`avg`), empty where it is none or arithmetic follows."""
    text = bare(metric.query)
    found = _OUTERMOST.match(text)
    return found.group(1).lower() if found and not calculates(metric) else ""


def sums(metric: AutoscalerMetric) -> bool:
    """True where the query adds series up, somewhere."""
    return bool(_SUM.search(bare(metric.query)))


def calculates(metric: AutoscalerMetric) -> bool:
    """True where the query does arithmetic, which may change units and counts."""
    return bool(_ARITHMETIC.search(_outside(metric)))


def reads_zero_for_nothing(metric: AutoscalerMetric) -> bool:
    """True where the query answers 0 when its series are missing."""
    return bool(_ZERO.search(bare(metric.query)))


def fractions(metric: AutoscalerMetric) -> str | None:
    """The first series where all that the metric reads are gauges from 0 to 1."""
    return _all(_FRACTION, metric)


def percentages(metric: AutoscalerMetric) -> str | None:
    """The first series where all that the metric reads are gauges from 0 to 100."""
    return _all(_PERCENT, metric)


def queues(metric: AutoscalerMetric) -> str | None:
    """The first series where all that the metric reads count requests on a replica."""
    return _all(_QUEUE, metric)


def _all(pattern: re.Pattern[str], metric: AutoscalerMetric) -> str | None:
    found = series(metric)
    return found[0] if found and all(pattern.search(name) for name in found) else None
