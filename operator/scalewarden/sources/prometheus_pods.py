"""Which pods of a workload run, as Prometheus sees them: for those who look without a cluster."""

from collections.abc import Iterable, Mapping
from typing import Any

from scalewarden.errors import SourceError, SourceUnavailable
from scalewarden.sources.pod_names import pattern
from scalewarden.sources.prometheus_asking import Asking
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.prometheus_query import UP, fixed_labels, quoted


async def running(
    asking: Asking, options: PrometheusOptions, workload: tuple[str, str, str], now: float, until: float
) -> Mapping[str, str]:
    """Names of the pods that Prometheus scrapes at `now` (unix seconds), each with the address that it scrapes.

    workload: kind, namespace and name. A pod is known by how its controller names it. Raises SourceError where the
    server does not answer, or knows none. until: the loop's clock, in seconds.
    """
    kind, namespace, name = workload
    found: list[Mapping[str, Any]] = []
    text = _query(options, namespace, pattern(kind, name) or pattern("Deployment", name) or "")
    told = await asking.run(lambda: asking.api.evaluated(text, now, now, options.step, found.extend), until)
    if isinstance(told, SourceError):
        raise told
    if told.partial:
        raise asking.partial(told.partial)
    pods = _addresses(found, options.pod_label)
    if not pods:
        what = f"Prometheus scrapes no pod of {kind} {namespace}/{name}"
        hint = "its scrape job must put the labels namespace and pod on `up`"
        raise SourceUnavailable(what, where=options.where, hint=hint)
    return pods


def _query(options: PrometheusOptions, namespace: str, pattern: str) -> str:
    fixed = fixed_labels(options.matchers)
    return f"{UP}{{{options.namespace_label}={quoted(namespace)},{options.pod_label}=~{quoted(pattern)}{fixed}}}"


def _addresses(found: Iterable[Mapping[str, Any]], label: str) -> dict[str, str]:
    metrics = sorted((series["metric"] for series in found), key=lambda metric: str(metric.get(label)))
    return {str(metric[label]): str(metric.get("instance", "")) for metric in metrics}
