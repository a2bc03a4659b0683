"""Which pods a service had at an instant of the past, and how many were wanted. Pure: stretches in, replicas out."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from scalewarden.model.signal import Point
from scalewarden.model.workload import Replica
from scalewarden.sources.base import PodEndpoint, PodKey
from scalewarden.sources.past_counted import Counted
from scalewarden.sources.past_pod import PastPod
from scalewarden.sources.past_told import LASTS, followed
from scalewarden.sources.prometheus_past import AHEAD, MINUTE, Moment, Stretch

INTERVAL = 15.0
"""Seconds between two scrapes, where none shows it."""


@dataclass(slots=True)
class PastFleet:
    """Fed with each stretch before its instants, and with each page as it is reached.

    began: unix seconds at which reading began: a pod that is there from then on may be older. kept: seconds of the
    stretches before that are still known.
    """

    namespace: str
    began: float
    kept: float = AHEAD
    told_counts: bool = False
    told_ready: bool = False
    _pods: dict[str, PastPod] = field(default_factory=dict)
    _desired: Sequence[Point] = ()
    _wrote: list[float] | None = None
    _interval: float = INTERVAL
    _until: float = 0.0
    _edge: float = 0.0
    _frozen: tuple[Replica, ...] = ()
    _counted: Counted = field(default_factory=Counted)

    def take(self, stretch: Stretch) -> None:
        """The next stretch: what is known of it in advance."""
        horizon = stretch.start - self.kept
        if self._until:  # what began before it begins there, as far as is still known
            self._edge = horizon + AHEAD
        seen: dict[str, list[float]] = {}
        for moment in stretch.moments:
            if not moment.target.exporter and moment.target.key.namespace == self.namespace:
                seen.setdefault(moment.target.key.pod, []).append(moment.at)
        gaps = [after - before for one in seen.values() for before, after in pairwise(sorted(set(one)))]
        self._interval = median(gaps) if gaps else self._interval
        for pod, points in stretch.ready.items():
            seen.setdefault(pod, []).extend(point.at for point in points)
        for pod in self._pods.keys() | seen.keys():
            self._pods.setdefault(pod, PastPod()).take(seen.get(pod, ()), stretch.ready.get(pod, ()), horizon)
        self._pods = {pod: one for pod, one in self._pods.items() if one.seen}
        self._desired, self._until = followed(self._desired, stretch.desired, horizon), stretch.end + AHEAD
        if stretch.wrote is not None:
            self._wrote = sorted({*(at for at in self._wrote or () if at > horizon), *stretch.wrote})
        self.told_counts |= bool(stretch.desired)
        self.told_ready |= bool(stretch.ready)

    def reach(self, moment: Moment) -> None:
        """A page, when the replay comes to it."""
        known = self._pods.get(moment.target.key.pod)
        if known is not None and not moment.target.exporter:
            known.reach(moment)

    def replicas(self, at: float) -> tuple[Replica, ...]:
        """Those that were there. Where nothing at all was written, Prometheus was away: as they were before."""
        here = {name for name, pod in self._pods.items() if pod.there(at, self._interval)}
        if here or not self._away(at):
            for name, pod in self._pods.items():
                pod.look(at, here=name in here)
            self._frozen = tuple(self._replica(name, self._pods[name]) for name in sorted(here))
        return self._frozen

    def desired(self, at: float) -> int:
        """The wanted count; where kube-state-metrics has not written one for long, as many as there were."""
        index = bisect_right(self._desired, at, key=lambda point: point.at)
        if index and at - self._desired[index - 1].at <= LASTS:
            return int(self._desired[index - 1].value)
        return self._counted.count((one.pod for one in self.replicas(at)), at)

    def changes(self) -> list[float]:
        """When the wanted count changed within what is known, or pods came and went where nobody tells it."""
        if len(self._desired) > 1:
            return [after.at for before, after in pairwise(self._desired) if before.value != after.value]
        return sorted(set(self._came_and_went()))

    def endpoints(self) -> list[PodEndpoint]:
        """The pods that are known, for choosing among several targets of one pod."""
        return [PodEndpoint(self.namespace, pod, "", "", 0) for pod in sorted(self._pods)]

    @property
    def keys(self) -> frozenset[PodKey]:
        """The pods that are known."""
        return frozenset(PodKey(self.namespace, pod) for pod in self._pods)

    def _came_and_went(self) -> Iterator[float]:
        soon, late = max(self.began + 2 * self._interval, self._edge), self._until - 2 * self._interval
        for pod in self._pods.values():
            for start, end in pod.lives():
                yield from (at for at in (start, end) if soon < at < late)

    def _away(self, at: float) -> bool:
        """Nobody says anything: neither of the pods, nor of the count, nor of anything else."""
        near = bisect_left(self._desired, at - 2 * self._interval, key=lambda point: point.at)
        if near < len(self._desired) and self._desired[near].at <= at + 2 * self._interval:
            return False
        minute = bisect_left(self._wrote or [], at)
        return self._wrote is None or minute == len(self._wrote) or self._wrote[minute] - at > MINUTE

    def _replica(self, name: str, pod: PastPod) -> Replica:
        early = self.began + 2 * self._interval
        young = pod.born is not None and pod.born > early
        known = pod.ready_since if young or (pod.ready_since or 0.0) > early else None
        return Replica(pod=name, ready=pod.ready_since is not None, ready_since=known, unready_since=None)
