"""What an autoscaler's query does with its series, as far as text tells: no PromQL is evaluated here."""

import re
from dataclasses import replace

from scalewarden.model.autoscaler import AutoscalerMetric
from scalewarden.rules.gpu_metrics import bare, is_framebuffer, phrase, quoted, words

_AGGREGATORS = "sum|avg|min|max|count|group|quantile|stddev|stdvar|topk|bottomk|scalar|limitk|count_values"
_AGGREGATION = re.compile(rf"\b({_AGGREGATORS})\s*(?:(?:by|without)\s*\([^)]*\)\s*)?\(", re.IGNORECASE)
_SUM = re.compile(r"\bsum(_over_time)?\b", re.IGNORECASE)
_OUTERMOST = re.compile(rf"^[\s(]*({_AGGREGATORS})\b", re.IGNORECASE)
_CONSTANT = r"(?:scalar\s*\(\s*vector\s*\(\s*[\d.]+\s*\)\s*\)|\d+(?:\.\d+)?)"
_SCALED = re.compile(rf"^\s*{_CONSTANT}\s*\*|[*/]\s*{_CONSTANT}\s*$", re.IGNORECASE)
"""A factor before or behind the whole of a query."""
_ARITHMETIC = re.compile(r"[*/+%^]|(?<!\w)-(?!\w)")
_ZERO = re.compile(
    r"\bor\b ?(?:(?:on|ignoring) ?\([^)]*\) ?)?(?:\w{1,40} ?\(|[( ]){0,16}vector ?\( ?0(?:\.0*)? ?\)"  # or vector(0)
    r"|\bor\b[^,]{0,200}(?:\* ?0(?:\.0*)?(?![\w.])|(?<![\w.])0(?:\.0*)? ?\*)"  # or up * 0, or 0 * absent(x)
    r"|\bdefault 0(?:\.0*)?(?![\w.])",  # MetricsQL
    re.IGNORECASE,
)
"""Over a query with single spaces."""
_FRACTION = re.compile(
    r"cache_usage_(perc|factor)|(^|[:_])(full_)?token_usage$|kv_cache_utilization|kv_cache_usage_ratio|cache_hit_rate"
    r"|nv_gpu_utilization|fi_prof_\w+_(active|occupancy)|nvidia_smi_\w+_ratio",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    r"fi_dev_gpu_util($|[|])|fi_dev_(mem_copy|enc|dec)_util$|gpu_gfx_activity|gpu_umc_activity|habanalabs_utilization",
    re.IGNORECASE,
)
_QUEUE = re.compile(
    r"num_requests?_(waiting|running)|num_(queue|running)_reqs|(waiting|running|pending|queued)_req(uest)?s$|tgi_queue_size|requests_(deferred|processing)"
    r"|inference_pending_request",
    re.IGNORECASE,
)
_COUNTER = re.compile(r"[a-z]_total$|_(seconds|tokens)_(sum|count)$", re.IGNORECASE)
_NO_COUNTER = frozenset({"vllm:healthy_pods_total"})
"""Gauges that are called as counters are: of the router of vLLM's production stack."""
_RATE = re.compile(r"\b(i?rate|increase|i?delta|deriv|changes|resets|rollup\w*|quantile)\w*\s*\(", re.IGNORECASE)
_RATED = re.compile(r"\b(i?rate|increase|deriv)\s*\(\s*(?P<name>[a-zA-Z_:][\w:]*)", re.IGNORECASE)
_SECONDS = re.compile(r"(time_to_first_token|inter_token_latency|time_per_output_token)_seconds", re.IGNORECASE)
_QUANTILE = re.compile(
    r"^[\s(]*(?:(?:max|min|avg)\s*(?:(?:by|without)\s*\([^)]*\)\s*)?\(\s*)?histogram_quantile\s*\(", re.IGNORECASE
)
_MEAN = re.compile(
    r"^[\s(]*(?P<what>sum\s*\([^/*+%^]*\))[\s)]*/[\s(]*(?:(?:scalar|clamp_min|max|sum)\s*\(\s*)*"
    r"(?:count\s*\(|kube_\w*replicas)[^/*+%^]*$",
    re.IGNORECASE,
)
"""A sum by a count or by the replicas of a workload, over a query without groupings."""
_SHARE = re.compile(
    r"^[\s(]*(?P<fold>avg|max|min)\s*\((?P<what>[^/*+%^]*)\)[\s)]*/[\s(]*(?:avg|max|min)\s*\([^/*+%^]*$", re.IGNORECASE
)
"""A mean or a peak by another, such as what runs by what may run."""
_GROUPING = re.compile(
    rf"^[\s(]*(?:{_AGGREGATORS})\s*by\s*\((?P<before>[^)]*)\)|\)\s*by\s*\((?P<after>[^)]*)\)[\s)]*$", re.IGNORECASE
)
_OF_REPLICA = {"pod", "pod_name", "exported_pod", "kubernetes_pod_name", "instance"}
"""Labels of which each replica has its own value."""
_WAITING = re.compile(
    r"num_requests?_waiting|num_queue_reqs|tgi_queue_size|requests_deferred"
    r"|(vllm|sglang|tgi|llm)\w*[_:]queue_(depth|length|size)$|(waiting|pending|queued)_req(uest)?s$",
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
    """The aggregation that the whole query is (`avg`), times a constant perhaps; empty where it is none or other
    arithmetic follows."""
    text = _INSIDE.sub(" ", _unscaled(bare(metric.query)))
    found = _OUTERMOST.match(text)
    return found.group(1).lower() if found and not _ARITHMETIC.search(_behind(text, found.end())) else ""


def _behind(query: str, at: int) -> str:
    """What follows the parenthesis that opens at or after a place: inside of an aggregation anything may be
    calculated."""
    depth = 0
    for place in range(at, len(query)):
        depth += {"(": 1, ")": -1}.get(query[place], 0)
        if depth == 0 and query[place] == ")":
            return query[place + 1 :]
    return query[at:]


def _unscaled(query: str) -> str:
    """Without a constant factor around all of it: a mean in percent is a mean."""
    text = query.strip()
    while (shorter := _SCALED.sub("", text).strip()) != text:
        text = shorter
    return text


def folded(metric: AutoscalerMetric) -> tuple[str, AutoscalerMetric] | None:
    """How a query that divides folds its replicas' series (`mean`, `max`), and what it folds so; None for others."""
    text = _unscaled(_outside(metric))
    if found := _MEAN.match(text):
        return "mean", replace(metric, query=found["what"])
    if found := _SHARE.match(text):
        return found["fold"].lower(), replace(metric, query=found["what"])
    return None


def split(metric: AutoscalerMetric) -> str | None:
    """The label by which the whole query stays split into its replicas: `pod` of `max by (pod) (…)`."""
    found = _GROUPING.search(bare(metric.query)) if outermost(metric) else None
    labels = (found.group("before") or found.group("after") or "") if found else ""
    return next((label for label in words(labels) if label.lower() in _OF_REPLICA), None)


def quantile(metric: AutoscalerMetric) -> str | None:
    """The histogram of which the whole query is a quantile, times a constant perhaps; None where other arithmetic
    follows."""
    text = _unscaled(bare(metric.query))
    if not _QUANTILE.search(text) or calculates(replace(metric, query=text)):
        return None
    return next((name for name in series(metric) if name.endswith("_bucket")), None)


def waits(metric: AutoscalerMetric) -> str | None:
    """The series in seconds where all that the metric reads are times that a user waits for tokens."""
    return _all(_SECONDS, metric)


def waiting(metric: AutoscalerMetric) -> str | None:
    """The first series where all that the metric reads count requests that wait."""
    return _all(_WAITING, metric)


def sums(metric: AutoscalerMetric) -> bool:
    """True where the query adds series up, somewhere."""
    return bool(_SUM.search(bare(metric.query)))


def calculates(metric: AutoscalerMetric) -> bool:
    """True where the query does arithmetic, which may change units and counts."""
    return bool(_ARITHMETIC.search(_outside(metric)))


def reads_zero_for_nothing(metric: AutoscalerMetric) -> bool:
    """True where the query answers 0 when its series are missing."""
    return bool(_ZERO.search(" ".join(bare(metric.query).split())))


def raw_counter(metric: AutoscalerMetric) -> str | None:
    """A counter that a query reads as it stands, without what makes a rate or an increase of it."""
    if not metric.query or _RATE.search(metric.query):
        return None
    return next((name for name in series(metric) if _COUNTER.search(name) and name not in _NO_COUNTER), None)


def rated_gauge(metric: AutoscalerMetric) -> str | None:
    """A gauge of requests or of a share of which a query takes a rate."""
    found = (one["name"] for one in _RATED.finditer(bare(metric.query)))
    return next((name for name in found if _QUEUE.search(name) or _FRACTION.search(name)), None)


def fractions(metric: AutoscalerMetric) -> str | None:
    """The first series where all that the metric reads are gauges from 0 to 1."""
    return _all(_FRACTION, metric)


def percentages(metric: AutoscalerMetric) -> str | None:
    """The first series where all that the metric reads are gauges from 0 to 100."""
    return _all(_PERCENT, metric)


def of_gpus(metric: AutoscalerMetric) -> str | None:
    """The first series where all that the metric reads say how busy or how full GPUs are."""
    found = series(metric)
    told = bool(found) and all(phrase(name) or is_framebuffer(name) for name in found)
    return found[0] if told else None


def queues(metric: AutoscalerMetric) -> str | None:
    """The first series where all that the metric reads count requests on a replica."""
    return _all(_QUEUE, metric)


def _all(pattern: re.Pattern[str], metric: AutoscalerMetric) -> str | None:
    found = series(metric)
    return found[0] if found and all(pattern.search(name) for name in found) else None
