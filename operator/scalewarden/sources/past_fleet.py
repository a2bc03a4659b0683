"""Which pods a service had at an instant of the past, and how many were wanted. Pure: stretches in, replicas out."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from scalewarden.model.signal import Point
from scalewarden.model.workload import Replica
from scalewarden.sources.base import PodEndpoint, PodKey
from scalewarden.sources.prometheus_past import AHEAD, Moment, Stretch

INTERVAL = 15.0
"""Seconds between two scrapes, where none shows it."""
COUNT_LASTS = 300.0
"""Seconds that a wanted count of kube-state-metrics is believed without a newer one: Prometheus' own lookback."""


@dataclass(slots=True)
class _Pod:
    """seen: when it was told of, by a page or by kube-state-metrics; kept for the stretch at hand and a little before.
    answers: its last scrape went well."""

    seen: list[float] = field(default_factory=list)
    born: float | None = None
    answers: bool = False
    ready: Sequence[Point] = ()
    ready_since: float | None = None


@dataclass(slots=True)
class PastFleet:
    """Fed with each stretch before its instants, and with each page as it is reached. began: unix seconds at which
    reading began: a pod that is there from then on may be older."""

    namespace: str
    began: float
    told_counts: bool = False
    told_ready: bool = False
    _pods: dict[str, _Pod] = field(default_factory=dict)
    _desired: Sequence[Point] = ()
    _interval: float = INTERVAL
    _until: float = 0.0
    _last: int | None = None
    _frozen: tuple[Replica, ...] = ()

    def take(self, stretch: Stretch) -> None:
        """The next stretch: what is known of it in advance."""
        seen: dict[str, list[float]] = {}
        for moment in stretch.moments:
            if not moment.target.exporter and moment.target.key.namespace == self.namespace:
                seen.setdefault(moment.target.key.pod, []).append(moment.at)
        gaps = [after - before for one in seen.values() for before, after in pairwise(sorted(set(one)))]
        self._interval = median(gaps) if gaps else self._interval
        for pod, points in stretch.ready.items():
            seen.setdefault(pod, []).extend(point.at for point in points)
        for pod, instants in seen.items():
            known = self._pods.setdefault(pod, _Pod())
            older = [at for at in known.seen if at > stretch.start - AHEAD]
            known.seen = sorted({*older, *instants})
            known.born = min(instants) if known.born is None else known.born
            known.ready = stretch.ready.get(pod, ())
        self._pods = {pod: one for pod, one in self._pods.items() if one.seen and one.seen[-1] > stretch.start - AHEAD}
        self._desired, self._until = stretch.desired, stretch.end + AHEAD
        self.told_counts |= bool(stretch.desired)
        self.told_ready |= bool(stretch.ready)

    def reach(self, moment: Moment) -> None:
        """A page, when the replay comes to it."""
        known = self._pods.get(moment.target.key.pod)
        if known is not None and not moment.target.exporter:
            known.answers = moment.page.up != 0.0

    def replicas(self, at: float) -> tuple[Replica, ...]:
        """Those that were there. Where nothing at all was written, Prometheus was away: as they were before."""
        here = tuple(self._replica(name, pod, at) for name, pod in sorted(self._pods.items()) if self._there(pod, at))
        if here or not self._silent(at):
            self._frozen = here
        return self._frozen

    def desired(self, at: float) -> int:
        """The wanted count; where kube-state-metrics did not write one lately, as many as there were."""
        index = bisect_right(self._desired, at, key=lambda point: point.at)
        if index and at - self._desired[index - 1].at <= COUNT_LASTS:
            self._last = int(self._desired[index - 1].value)
        if self.told_counts and self._last is not None:
            return self._last
        return len(self.replicas(at))

    def changes(self) -> list[float]:
        """When the wanted count changed within the stretch at hand, or pods came and went where nobody tells it."""
        if self._desired:
            return [after.at for before, after in pairwise(self._desired) if before.value != after.value]
        soon = self.began + 2 * self._interval
        came = {pod.born for pod in self._pods.values() if pod.born is not None and pod.born > soon}
        went = {pod.seen[-1] for pod in self._pods.values() if pod.seen[-1] < self._until - 2 * self._interval}
        return sorted(came | went)

    def endpoints(self) -> list[PodEndpoint]:
        """The pods that are known, for choosing among several targets of one pod."""
        return [PodEndpoint(self.namespace, pod, "", "", 0) for pod in sorted(self._pods)]

    @property
    def keys(self) -> frozenset[PodKey]:
        """The pods that are known."""
        return frozenset(PodKey(self.namespace, pod) for pod in self._pods)

    def _there(self, pod: _Pod, at: float) -> bool:
        index = bisect_right(pod.seen, at)
        if not index:
            return False
        follows = index < len(pod.seen) and pod.seen[index] - pod.seen[index - 1] <= AHEAD
        return follows or at - pod.seen[index - 1] <= 1.5 * self._interval

    def _silent(self, at: float) -> bool:
        """Nobody says anything: neither now nor soon."""
        return not any(self._there(pod, at) for pod in self._pods.values()) and not self._counted(at)

    def _counted(self, at: float) -> bool:
        index = bisect_left(self._desired, at - 2 * self._interval, key=lambda point: point.at)
        return index < len(self._desired) and self._desired[index].at <= at + 2 * self._interval

    def _replica(self, name: str, pod: _Pod, at: float) -> Replica:
        ready = _level(pod.ready, at)
        serves = pod.answers if ready is None else ready
        if not serves:
            pod.ready_since = None
        elif pod.ready_since is None:
            pod.ready_since = at
        young = pod.born is not None and pod.born > self.began + 2 * self._interval
        known = pod.ready_since if young or (pod.ready_since or 0.0) > self.began + 2 * self._interval else None
        return Replica(pod=name, ready=serves, ready_since=known, unready_since=None)


def _level(points: Sequence[Point], at: float) -> bool | None:
    """What kube-state-metrics last said; None where it said nothing."""
    index = bisect_right(points, at, key=lambda point: point.at)
    return points[index - 1].value == 1.0 if index else None
