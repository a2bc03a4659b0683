"""The selectors that a collection asks, and how their raw series become scrapes again. Pure.

A range selector in an instant query returns samples as they were scraped, with their own instants. All series of one
target's scrape share one instant, so grouping samples by target and instant gives the pages back, and the
same derivation serves both sources. Two selectors find everything about a set of pods:

    {__name__=~"…", namespace=~"…", pod=~"…"}[w]                    the pods' pages; GPU exporters with honorLabels
    {__name__=~"…", exported_namespace=~"…", exported_pod=~"…"}[w]  GPU exporters whose own pod took the label pod
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from scalewarden.signals import gpus
from scalewarden.signals.names import ENGINE, GATEWAY, WANTED
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import PodKey

UP = "up"
OWN = ENGINE | GATEWAY | gpus.OWN | {UP}
"""Series that speak of the pod they were scraped at; Triton's of its GPUs too."""
_EXPORTED = "exported_"
_COPIES = ("job", "prometheus", "prometheus_replica", "replica", "cluster")


@dataclass(frozen=True, slots=True)
class Labels:
    """What scrape jobs call the namespace and the pod of a target."""

    namespace: str = "namespace"
    pod: str = "pod"


class Target(NamedTuple):
    """One scraped page: whose it is, where it was scraped, and by which job of which Prometheus.

    exporter: a GPU exporter; its key is its own pod where that is known, else `("", instance)`.
    """

    key: PodKey
    instance: str
    copy: tuple[str, ...]
    exporter: bool


class Page(NamedTuple):
    """One scrape of a target; `up` is 1.0, or 0.0 where Prometheus could not scrape it, None where it does not say."""

    scrape: Scrape
    up: float | None


def selectors(pods: Iterable[PodKey], seconds: float, labels: Labels = Labels()) -> tuple[str, str]:
    """The two selectors for the last `seconds` of `pods`; their number does not depend on how many pods there are."""
    keys = sorted(pods)
    namespaces, names = sorted({key.namespace for key in keys}), sorted({key.pod for key in keys})
    exported = Labels(_EXPORTED + labels.namespace, _EXPORTED + labels.pod)
    return (
        _selector({UP, *WANTED}, namespaces, names, labels, seconds),
        _selector(WANTED, namespaces, names, exported, seconds),
    )


def pages(
    result: Iterable[Mapping[str, Any]], pods: frozenset[PodKey], labels: Labels = Labels()
) -> dict[Target, list[Page]]:
    """The pages of each target, oldest first, of series that belong to `pods`."""
    found: dict[Target, dict[float, list[Sample]]] = {}
    for series in result:
        metric = series["metric"]
        target = _target(metric, pods, labels)
        if target is None:
            continue
        instants = found.setdefault(target, {})
        for at, sample in _samples(metric, series.get("values", ()), labels):
            instants.setdefault(at, []).append(sample)
    return {target: [_page(at, instants[at]) for at in sorted(instants)] for target, instants in found.items()}


def _selector(metrics: Iterable[str], namespaces: list[str], pods: list[str], labels: Labels, seconds: float) -> str:
    matchers = (
        f"__name__=~{_any_of(sorted(metrics))}",
        f"{labels.namespace}=~{_any_of(namespaces)}",
        f"{labels.pod}=~{_any_of(pods)}",
    )
    return f"{{{','.join(matchers)}}}[{math.ceil(seconds)}s]"


def _any_of(texts: list[str]) -> str:
    """A PromQL string holding a regular expression for exactly these texts."""
    pattern = "|".join(re.escape(text) for text in texts)
    return '"' + pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _target(metric: Mapping[str, str], pods: frozenset[PodKey], labels: Labels) -> Target | None:
    """Where a series was scraped, or None when it is about another pod."""
    own = PodKey(metric.get(labels.namespace, ""), metric.get(labels.pod, ""))
    about = PodKey(metric.get(_EXPORTED + labels.namespace, own.namespace), metric.get(_EXPORTED + labels.pod, own.pod))
    if about not in pods:
        return None
    instance = metric.get("instance", "")
    copy = tuple(metric.get(label, "") for label in _COPIES)
    if metric["__name__"] in OWN:
        return Target(about, instance, copy, exporter=False)
    return Target(own if own != about else PodKey("", instance), instance, copy, exporter=True)


def _samples(
    metric: Mapping[str, str], values: Iterable[tuple[float, str]], labels: Labels
) -> Iterator[tuple[float, Sample]]:
    """A series' points, its labels named as on the exporter's page: Prometheus' renaming is undone."""
    plain = {key: value for key, value in metric.items() if key != "__name__"}
    plain["namespace"], plain["pod"] = plain.get(labels.namespace, ""), plain.get(labels.pod, "")
    for key in [key for key in plain if key.startswith(_EXPORTED)]:
        plain[key.removeprefix(_EXPORTED)] = plain.pop(key)
    for at, value in values:
        yield at, Sample(metric["__name__"], plain, float(value))


def _page(at: float, samples: list[Sample]) -> Page:
    up = next((sample.value for sample in samples if sample.name == UP), None)
    return Page(Scrape(at, tuple(sample for sample in samples if sample.name != UP)), up)
