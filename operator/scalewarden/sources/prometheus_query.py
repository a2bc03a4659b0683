"""The selectors that a collection asks, and how their raw series become scrapes again. Pure.

A range selector in an instant query returns samples as they were scraped, with their own instants. All series of one
target's scrape share one instant, so grouping samples by target and instant gives the pages back, and the
same derivation serves both sources. Two selectors find everything about a set of pods:

    {__name__=~"…", namespace=~"…", pod=~"…"}[w]                    the pods' pages; GPU exporters with honorLabels
    {__name__=~"…", exported_namespace=~"…", exported_pod=~"…"}[w]  GPU exporters whose own pod took the label pod

Where the names of the pods would make the query too long, their namespaces stand for them, and where these would too,
any namespace does; series of other pods are dropped when they arrive.
"""

import math
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scalewarden.signals.names import RECORDED
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import PodKey
from scalewarden.sources.prometheus_options import EVERYTHING, PrometheusOptions, Wanted

UP = "up"
_EXPORTED = "exported_"
_COPIES = ("job", "prometheus", "prometheus_replica", "replica")
PLACES = ("cluster", "location", "project_id")
"""Labels that tell clusters apart, where one server keeps several."""
RECORDED_COPY = ("recorded",)
"""Marks what recording rules made of a pod's series: it was scraped nowhere."""
_META = frozenset("\\.+*?()|[]{}^$")


@dataclass(frozen=True, slots=True)
class Labels:
    """What scrape jobs call the namespace and the pod of a target, and what every series must carry besides."""

    namespace: str = "namespace"
    pod: str = "pod"
    fixed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, options: PrometheusOptions) -> "Labels":
        """As the options say."""
        return cls(options.namespace_label, options.pod_label, options.matchers)

    @property
    def exported(self) -> "Labels":
        """What Prometheus calls a page's own labels where it put the target's in their place."""
        return Labels(_EXPORTED + self.namespace, _EXPORTED + self.pod, self.fixed)


class Target(NamedTuple):
    """One scraped page: whose it is, where it was scraped, and by which job of which Prometheus.

    exporter: a GPU exporter; its key is its own pod where that is known, else `("", instance)`. place: in which
    cluster, where the server keeps more than one.
    """

    key: PodKey
    instance: str
    copy: tuple[str, ...]
    exporter: bool
    place: tuple[str, ...] = ()


class Page(NamedTuple):
    """One scrape of a target; `up` is 1.0, or 0.0 where Prometheus could not scrape it, None where it does not say."""

    scrape: Scrape
    up: float | None


def selectors(
    pods: Iterable[PodKey],
    seconds: float,
    labels: Labels = Labels(),
    wanted: Wanted = EVERYTHING,
    longest: int | None = None,
) -> tuple[str, str]:
    """The two selectors for the last `seconds` of `pods`, each of at most `longest` bytes where names allow for it.

    Their number does not depend on how many pods there are.
    """
    keys, window = sorted(pods), f"[{math.ceil(seconds)}s]"
    own = matchers(keys, labels, longest and longest - len(window) - _length({UP, *wanted.all}), own=True)
    exported = matchers(keys, labels.exported, longest and longest - len(window) - _length(wanted.all))
    return (
        f"{{{_names({UP, *wanted.all})},{own}}}{window}",
        f"{{{_names(wanted.all)},{exported}}}{window}",
    )


def matchers(keys: Iterable[PodKey], labels: Labels, longest: int | None, *, own: bool = False) -> str:
    """What keeps series of other pods away: pods and namespaces, or namespaces, or that there is a pod at all."""
    fixed = fixed_labels(labels.fixed)
    namespaces, pods = sorted({key.namespace for key in keys}), sorted({key.pod for key in keys})
    others = f',{_EXPORTED}{labels.pod}=""' if own else ""  # series about other pods than the target's own
    choices = (
        f"{labels.namespace}=~{any_of(namespaces)},{labels.pod}=~{any_of(pods)}{fixed}",
        f'{labels.namespace}=~{any_of(namespaces)},{labels.pod}!=""{others}{fixed}',
    )
    fitting = (choice for choice in choices if longest is None or len(choice) <= longest)
    return next(fitting, f'{labels.namespace}!="",{labels.pod}!=""{others}{fixed}')


def any_of(texts: Iterable[str]) -> str:
    """A PromQL string holding a regular expression for exactly these texts.

    Nothing is escaped that need not be: Prometheus looks plain alternatives up in a table instead of matching them.
    """
    return quoted("|".join("".join(f"\\{char}" if char in _META else char for char in text) for text in texts))


def fixed_labels(labels: Mapping[str, str]) -> str:
    """Matchers that follow others in a selector: `,cluster="west"`."""
    return "".join(f",{name}={quoted(value)}" for name, value in labels.items())


def literal(text: str) -> str:
    """A regular expression for this text, in Python and in RE2, which knows no escaped hyphen."""
    return re.escape(text).replace("\\-", "-")


def quoted(text: str) -> str:
    """A PromQL string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _names(names: Iterable[str]) -> str:
    return f"__name__=~{any_of(sorted(names))}"


def _length(names: Iterable[str]) -> int:
    return len(_names(names)) + len("{,}")


class Sorter:
    """Series in, the pages of each target out; series of other pods, and native histograms, are left out."""

    def __init__(self, pods: Container[PodKey], labels: Labels = Labels(), wanted: Wanted = EVERYTHING) -> None:
        self._pods = pods
        self._labels = labels
        self._wanted = wanted
        self._found: dict[Target, dict[float, list[Sample]]] = defaultdict(lambda: defaultdict(list))

    def take(self, result: Iterable[Mapping[str, Any]]) -> None:
        """Add series as the server wrote them. Raises LookupError, TypeError or ValueError for what is none."""
        for series in result:
            metric = series["metric"]
            target = self._target(metric)
            if target is None:
                continue
            instants = self._found[target]
            name, labels = metric["__name__"], _plain(metric, self._labels)
            for at, value in series.get("values", ()):
                instants[at].append(Sample(name, labels, float(value)))

    def pages(self) -> dict[Target, list[Page]]:
        """Oldest first."""
        sorted_ = {
            target: [page for at in sorted(instants) if (page := _page(at, instants[at]))]
            for target, instants in self._found.items()
        }
        return {target: found for target, found in sorted_.items() if found}

    def _target(self, metric: Mapping[str, str]) -> Target | None:
        """Where a series was scraped, or None when it is about another pod."""
        labels, name = self._labels, metric.get("__name__", "")
        own = PodKey(metric.get(labels.namespace, ""), metric.get(labels.pod, ""))
        exported = labels.exported
        about = PodKey(metric.get(exported.namespace, own.namespace), metric.get(exported.pod, own.pod))
        if about not in self._pods:
            return None
        instance = metric.get("instance", "")
        copy, place = (tuple(metric.get(label, "") for label in names) for names in (_COPIES, PLACES))
        if name in RECORDED:
            return Target(about, "", RECORDED_COPY, exporter=False, place=place)
        if name in self._wanted.engine or name == UP:
            return Target(about, instance, copy, exporter=False, place=place)
        key = own if own != about else PodKey("", instance)
        return Target(key, instance, copy, exporter=True, place=place)


def _plain(metric: Mapping[str, str], labels: Labels) -> Mapping[str, str]:
    """A series' labels, named as on the exporter's page: Prometheus' renaming is undone."""
    plain = {key: value for key, value in metric.items() if key != "__name__"}
    plain["namespace"], plain["pod"] = plain.get(labels.namespace, ""), plain.get(labels.pod, "")
    for key in [key for key in plain if key.startswith(_EXPORTED)]:
        plain[key.removeprefix(_EXPORTED)] = plain.pop(key)
    return plain


def _page(at: float, samples: list[Sample]) -> Page | None:
    """One scrape; None of an instant that only says that series ended, as some servers write their stale markers."""
    up = next((sample.value for sample in samples if sample.name == UP), None)
    told = tuple(sample for sample in samples if sample.name != UP)
    if told and all(math.isnan(sample.value) for sample in told):
        told = ()
    if not told and (up is None or math.isnan(up)):
        return None
    return Page(Scrape(float(at), told), up)
