"""CPU rows of pods out of Prometheus: scraped at the kubelet's cAdvisor page, so `instance` is a node's. Pure.

They make a window of their own for each pod, apart from its pages. cAdvisor stamps each container with its own time,
so a "page" here may hold one container only.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from scalewarden.signals.cpu import CADVISOR
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import PodKey

_COPIES = ("instance", "job", "prometheus", "prometheus_replica", "replica", "cluster")


def cpu_selector(
    pods: Iterable[PodKey], seconds: int, *, namespace_label: str = "namespace", pod_label: str = "pod"
) -> str:
    """The selector for the CPU rows of these pods in the last `seconds`; one query, whatever their number.

    Rows of a pod as a whole and of its pause container are left out: they would count everything twice.
    """
    keys = sorted(pods)
    matchers = (
        f"__name__=~{_any_of(sorted(CADVISOR))}",
        f"{namespace_label}=~{_any_of(sorted({key.namespace for key in keys}))}",
        f"{pod_label}=~{_any_of(sorted({key.pod for key in keys}))}",
        'container!=""',
        'container!="POD"',
    )
    return f"{{{','.join(matchers)}}}[{seconds}s]"


def cpu_scrapes(
    result: Iterable[Mapping[str, Any]],
    pods: frozenset[PodKey],
    *,
    namespace_label: str = "namespace",
    pod_label: str = "pod",
) -> dict[PodKey, tuple[Scrape, ...]]:
    """Rows by pod, oldest first, of a range selector's answer.

    A pod whose kubelet is scraped twice (two jobs, a pair of servers) is read from the copy with most rows.
    """
    found: dict[PodKey, dict[tuple[str, ...], dict[float, list[Sample]]]] = {}
    for series in result:
        metric = series["metric"]
        key = PodKey(metric.get(namespace_label, ""), metric.get(pod_label, ""))
        if key not in pods or metric.get("__name__") not in CADVISOR:
            continue
        copy = tuple(metric.get(label, "") for label in _COPIES)
        instants = found.setdefault(key, {}).setdefault(copy, {})
        labels = {"container": metric.get("container", "")}
        for at, value in series.get("values", ()):
            instants.setdefault(float(at), []).append(Sample(metric["__name__"], labels, float(value)))
    return {key: _scrapes(max(sorted(copies.items()), key=_rows)[1]) for key, copies in found.items()}


def _rows(copy: tuple[tuple[str, ...], Mapping[float, list[Sample]]]) -> int:
    return sum(map(len, copy[1].values()))


def _scrapes(instants: Mapping[float, list[Sample]]) -> tuple[Scrape, ...]:
    return tuple(Scrape(at, tuple(instants[at])) for at in sorted(instants))


def _any_of(texts: list[str]) -> str:
    pattern = "|".join(re.escape(text) for text in texts)
    return '"' + pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
