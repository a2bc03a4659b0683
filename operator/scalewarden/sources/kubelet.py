"""CPU rows of pods out of Prometheus: scraped at the kubelet's cAdvisor page, so `instance` is a node's. Pure.

They make a window of their own for each pod, apart from its pages. cAdvisor stamps each container with its own time,
so a "page" here may hold one container only.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from scalewarden.signals.cpu import CADVISOR
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import PodKey
from scalewarden.sources.prometheus_query import Labels, any_of, matchers

_PLAIN = Labels()
_COPIES = ("instance", "job", "prometheus", "prometheus_replica", "replica", "cluster")


def cpu_selector(pods: Iterable[PodKey], seconds: float, labels: Labels = _PLAIN, longest: int | None = None) -> str:
    """The selector for the CPU rows of these pods in the last `seconds`; one query, whatever their number.

    Rows of a pod as a whole and of its pause container are left out: they would count everything twice. Where it
    would be longer than `longest` bytes, rows of other pods come along.
    """
    tail = f',container!="",container!="POD"}}[{math.ceil(seconds)}s]'
    head = f"{{__name__=~{any_of(sorted(CADVISOR))},"
    return head + matchers(pods, labels, longest and longest - len(head) - len(tail)) + tail


def cpu_scrapes(
    result: Iterable[Mapping[str, Any]], pods: frozenset[PodKey], labels: Labels = _PLAIN
) -> dict[PodKey, tuple[Scrape, ...]]:
    """Rows by pod, oldest first, of a range selector's answer.

    A pod whose kubelet is scraped twice (two jobs, a pair of servers) is read from the copy with most rows.
    """
    found: dict[PodKey, dict[tuple[str, ...], dict[float, list[Sample]]]] = {}
    for series in result:
        metric = series["metric"]
        key = PodKey(metric.get(labels.namespace, ""), metric.get(labels.pod, ""))
        if key not in pods or metric.get("__name__") not in CADVISOR:
            continue
        copy = tuple(metric.get(label, "") for label in _COPIES)
        instants = found.setdefault(key, {}).setdefault(copy, {})
        container = {"container": metric.get("container", "")}
        for at, value in series.get("values", ()):
            instants.setdefault(float(at), []).append(Sample(metric["__name__"], container, float(value)))
    return {key: _scrapes(max(sorted(copies.items()), key=_rows)[1]) for key, copies in found.items()}


def _rows(copy: tuple[tuple[str, ...], Mapping[float, list[Sample]]]) -> int:
    return sum(map(len, copy[1].values()))


def _scrapes(instants: Mapping[float, list[Sample]]) -> tuple[Scrape, ...]:
    return tuple(Scrape(at, tuple(instants[at])) for at in sorted(instants))
