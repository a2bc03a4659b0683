"""Raw samples of one service's past out of Prometheus, a stretch of time after the other.

Per stretch two queries for the pages of its pods and of GPU exporters, and one or two for what kube-state-metrics
says: the replica count that was wanted, and which pods were ready. Where an answer is too large the stretch is halved.
Blocking: call it from a thread, or from a command.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scalewarden.errors import SourceError
from scalewarden.model.signal import Point
from scalewarden.model.workload import Target
from scalewarden.sources.past_names import Family
from scalewarden.sources.prometheus_api import PrometheusApi, Told
from scalewarden.sources.prometheus_errors import TooMuch, malformed, partial
from scalewarden.sources.prometheus_options import PrometheusOptions, Wanted
from scalewarden.sources.prometheus_query import UP, Labels, Page, Sorter, any_of, fixed_labels, quoted
from scalewarden.sources.prometheus_query import Target as Scraped

STRETCH = 1800.0
"""Seconds that are asked for at once: 120 scrapes of each pod."""
SHORTEST = 60.0
AHEAD = 120.0
"""Seconds beyond a stretch that are read with it: whether a pod has gone or was not scraped once shows later."""

MOST_REPLICAS = 1e6
"""Beyond it a count is none: no cluster has so many pods."""

_DESIRED = {
    "Deployment": ("kube_deployment_spec_replicas", "deployment"),
    "StatefulSet": ("kube_statefulset_replicas", "statefulset"),
    "ReplicaSet": ("kube_replicaset_spec_replicas", "replicaset"),
}
_READY = "kube_pod_status_ready"


class Moment(NamedTuple):
    """One scrape of one target."""

    at: float
    target: Scraped
    page: Page


@dataclass(frozen=True, slots=True)
class Stretch:
    """What Prometheus has between two instants (unix seconds), with what lies `AHEAD`.

    moments: oldest first. desired: replica counts that were wanted; ready: by pod, 1 or 0; both empty where
    kube-state-metrics does not tell them.
    """

    start: float
    end: float
    moments: Sequence[Moment] = ()
    desired: Sequence[Point] = ()
    ready: Mapping[str, Sequence[Point]] = field(default_factory=dict)


class PastReader:
    """Asks about one service after the other. Raises BadInput for a file that cannot be used."""

    def __init__(self, options: PrometheusOptions) -> None:
        self._options = options
        self._api = PrometheusApi(options)
        self._labels = Labels.of(options)
        self._own_pod = True

    @property
    def where(self) -> str:
        """The server, for messages."""
        return self._api.where

    def close(self) -> None:
        """Close connections."""
        self._api.close()

    def stretches(self, family: Family, target: Target, start: float, end: float) -> Iterator[Stretch]:
        """From `start` to `end`, one after the other. Raises SourceError."""
        wanted, length, at = self._wanted(start, end), STRETCH, start
        while at < end:
            until = min(end, at + length)
            try:
                found = self._stretch(family, target, wanted, at, until)
            except TooMuch:
                if until - at <= SHORTEST:
                    raise
                length = max(SHORTEST, (until - at) / 2)
                continue
            yield found
            at = until

    def _wanted(self, start: float, end: float) -> Wanted:
        """The series that the server has: a shorter query. One that does not tell them is asked for all."""
        try:
            return self._options.wanted.known_to(self._api.names(start, end))
        except SourceError:
            return self._options.wanted

    def _stretch(self, family: Family, target: Target, wanted: Wanted, start: float, end: float) -> Stretch:
        seconds = round(end - start + AHEAD)
        sorter = Sorter(family, self._labels, wanted)
        names, fixed = any_of(sorted({UP, *wanted.all})), fixed_labels(self._options.matchers)
        for labels in (self._labels, self._labels.exported):
            text = f"{labels.namespace}={quoted(family.namespace)},{labels.pod}=~{quoted(family.regex)}{fixed}"
            self._ask(f"{{__name__=~{names},{text}}}[{seconds}s]", end + AHEAD, sorter.take)
        moments = [Moment(page.scrape.at, found, page) for found, pages in sorter.pages().items() for page in pages]
        moments.sort(key=lambda one: (one.at, one.target))
        desired = self._desired(family.namespace, target, seconds, end + AHEAD)
        return Stretch(start, end, moments, desired, self._ready(family, seconds, end + AHEAD))

    def _desired(self, namespace: str, target: Target, seconds: int, at: float) -> list[Point]:
        if target.kind not in _DESIRED:
            return []
        name, label = _DESIRED[target.kind]
        found: dict[float, float] = {}
        one = f"{label}={quoted(target.name)}{fixed_labels(self._options.matchers)}"
        for series in self._series(f"{name}{{{one}}}[{seconds}s]", at):
            metric = series["metric"]
            if metric.get("exported_namespace", metric.get("namespace")) == namespace:
                found.update(_points(series))
        return [Point(when, found[when]) for when in sorted(found)]

    def _ready(self, family: Family, seconds: int, at: float) -> dict[str, list[Point]]:
        """kube-state-metrics writes the pod as its own label; a scrape without honor_labels renames it."""
        found: dict[str, dict[float, float]] = {}
        for own in (self._own_pod, not self._own_pod):
            pod, fixed = "pod" if own else "exported_pod", fixed_labels(self._options.matchers)
            one = f'condition="true",{pod}=~{quoted(family.regex)}{fixed}'
            for series in self._series(f"{_READY}{{{one}}}[{seconds}s]", at):
                metric = series["metric"]
                if metric.get("exported_namespace", metric.get("namespace")) == family.namespace:
                    found.setdefault(str(metric[pod]), {}).update(_points(series))
            if found:
                self._own_pod = own
                break
        return {pod: [Point(when, points[when]) for when in sorted(points)] for pod, points in found.items()}

    def _series(self, selector: str, at: float) -> list[Any]:
        found: list[Any] = []
        self._ask(selector, at, found.extend)
        return found

    def _ask(self, selector: str, at: float, take: Any) -> Told:
        told = self._api.samples(selector, at, take)
        if told.partial:
            raise partial(told.partial, self.where)
        return told


def _points(series: Mapping[str, Any]) -> list[tuple[float, float]]:
    """What is a count: neither NaN, as some servers write the end of a series, nor beyond measure."""
    try:
        points = [(float(at), float(value)) for at, value in series.get("values", ())]
    except (LookupError, TypeError, ValueError, AttributeError):
        raise malformed("Prometheus") from None
    return [(at, value) for at, value in points if 0.0 <= value < MOST_REPLICAS]
