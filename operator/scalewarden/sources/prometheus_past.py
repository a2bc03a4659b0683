"""Raw samples of one service's past out of Prometheus, a stretch of time after the other.

Per stretch two queries for the pages of its pods and of GPU exporters, and one to three for what kube-state-metrics
says: the replica count that was wanted, and which pods were ready. Without a count one more, where pods are silent,
tells pods that are gone from a Prometheus that was away. Where an answer is too large the stretch is halved.
Blocking: call it from a thread, or from a command.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from scalewarden.errors import SourceError
from scalewarden.model.signal import Point
from scalewarden.model.workload import Target
from scalewarden.sources.base import PodKey
from scalewarden.sources.past_told import Course, counts, one_place, sort_told, together
from scalewarden.sources.pod_names import Family
from scalewarden.sources.prometheus_api import PrometheusApi, Take, Told
from scalewarden.sources.prometheus_errors import TooMuch, partial
from scalewarden.sources.prometheus_options import PrometheusOptions, Wanted
from scalewarden.sources.prometheus_query import UP, Labels, Page, Sorter, any_of, fixed_labels, quoted
from scalewarden.sources.prometheus_query import Target as Scraped

STRETCH = 1800.0
"""Seconds that are asked for at once: 120 scrapes of each pod."""
SHORTEST = 60.0
AHEAD = 120.0
"""Seconds beyond a stretch that are read with it: whether a pod has gone or was not scraped once shows later."""

MINUTE = 60.0

_DESIRED = {
    "Deployment": ("kube_deployment_spec_replicas", "deployment"),
    "StatefulSet": ("kube_statefulset_replicas", "statefulset"),
    "ReplicaSet": ("kube_replicaset_spec_replicas", "replicaset"),
}
_READY, _PHASE = "kube_pod_status_ready", "kube_pod_status_phase"


class Moment(NamedTuple):
    """One scrape of one target."""

    at: float
    target: Scraped
    page: Page


@dataclass(frozen=True, slots=True)
class Stretch:
    """What Prometheus has between two instants (unix seconds), with what lies `AHEAD`.

    moments: oldest first. desired: replica counts that were wanted; ready: by pod, 1 or 0; both empty where
    kube-state-metrics does not tell them. wrote: where pods are silent for minutes and no count is told, the ends of
    the minutes in which the server wrote anything; None where nobody asked.
    """

    start: float
    end: float
    moments: Sequence[Moment] = ()
    desired: Sequence[Point] = ()
    ready: Mapping[str, Sequence[Point]] = field(default_factory=dict)
    wrote: Sequence[float] | None = None


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
        seconds = ceil(end - start + AHEAD)
        sorter = Sorter(family, self._labels, wanted)
        names, fixed = any_of(sorted({UP, *wanted.all})), fixed_labels(self._options.matchers)
        for labels in (self._labels, self._labels.exported):
            text = f"{labels.namespace}={quoted(family.namespace)},{labels.pod}=~{quoted(family.regex)}{fixed}"
            self._ask(f"{{__name__=~{names},{text}}}[{seconds}s]", end + AHEAD, sorter.take)
        moments = [Moment(page.scrape.at, found, page) for found, pages in sorter.pages().items() for page in pages]
        moments.sort(key=lambda one: (one.at, one.target))
        telling = (one for one in moments if one.page.scrape.samples and not one.target.exporter)
        one_place({one.target.place for one in telling}, self.where)  # `up` lacks what metric relabelling adds
        desired = self._desired(family.namespace, target, seconds, end + AHEAD)
        ready = self._ready(family, seconds, end + AHEAD)
        wrote = None if desired else self._wrote(moments, start, end + AHEAD)
        return Stretch(start, end, moments, desired, ready, wrote)

    def _desired(self, namespace: str, target: Target, seconds: int, at: float) -> list[Point]:
        if target.kind not in _DESIRED:
            return []
        name, label = _DESIRED[target.kind]
        one = f"{label}={quoted(target.name)}{fixed_labels(self._options.matchers)}"
        own = PodKey(namespace, target.name)
        found = self._told(f"{name}{{{one}}}[{seconds}s]", at, label, own.__eq__).get(name, {})
        return together(found.get(own, ()))

    def _ready(self, family: Family, seconds: int, at: float) -> dict[str, list[Point]]:
        """What is said of pods that have not ended: one that was evicted stays, with its name, until it is deleted.
        kube-state-metrics writes the pod as its own label; a scrape without honor_labels renames it."""
        for own in (self._own_pod, not self._own_pod):
            pod, fixed = "pod" if own else "exported_pod", fixed_labels(self._options.matchers)
            one = f'condition=~"true|",phase=~"Failed|Succeeded|",{pod}=~{quoted(family.regex)}{fixed}'
            found = self._told(f'{{__name__=~"{_READY}|{_PHASE}",{one}}}[{seconds}s]', at, pod, family.__contains__)
            if _READY in found:
                self._own_pod = own
                ended = found.get(_PHASE, {})
                return {key.pod: _living(several, ended.get(key, ())) for key, several in found[_READY].items()}
        return {}

    def _told(
        self, selector: str, at: float, label: str, ours: Callable[[PodKey], bool]
    ) -> dict[str, dict[PodKey, list[Course]]]:
        """What kube-state-metrics says of objects that are ours: by series, and by namespace and name in `label`."""
        found: dict[str, dict[PodKey, list[Course]]] = {}
        self._ask(selector, at, lambda result: sort_told(result, label, ours, found))
        courses = (course for objects in found.values() for several in objects.values() for course in several)
        one_place({course.place for course in courses}, self.where)
        return found

    def _wrote(self, moments: Sequence[Moment], start: float, end: float) -> tuple[float, ...] | None:
        """Where pods are silent for minutes: when the server wrote anything at all, a minute exactly; else None."""
        instants = [start, *(moment.at for moment in moments), end]
        if all(after - before <= AHEAD for before, after in pairwise(instants)):
            return None
        fixed = fixed_labels(self._options.matchers).removeprefix(",")
        expression = f"count(count_over_time({UP}{{{fixed}}}[{MINUTE:g}s]))"
        found: list[float] = []
        take: Take = lambda result: found.extend(point.at for one in result for point in counts(one))  # noqa: E731
        self._whole(self._api.evaluated(expression, start, end, MINUTE, take))
        return tuple(found)

    def _ask(self, selector: str, at: float, take: Take) -> None:
        self._whole(self._api.samples(selector, at, take))

    def _whole(self, told: Told) -> None:
        if told.partial:
            raise partial(told.partial, self.where)


def _living(ready: Sequence[Course], ended: Sequence[Course]) -> list[Point]:
    """Without the instants at which the pod had failed or was done: both are told in one page."""
    over = {point.at for course in ended for point in course.points if point.value == 1.0}
    return [point for point in together(ready) if point.at not in over]
