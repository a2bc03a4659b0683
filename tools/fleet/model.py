"""A fleet of replicas behind a least-outstanding router, in simulated time.

Deterministic: the same spec, seed and sequence of calls give the same numbers. When a replica goes, the requests
it held are sent again to the others from the start, as a client that retries would.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from random import Random

from tools.fleet.records import Request, Work
from tools.fleet.replica import Replica
from tools.fleet.spec import FleetSpec

MARK_SECONDS = 1.0
WINDOW_SECONDS = 10.0
"""Span over which GPU activity and token rates are averaged."""
RAMP_SECONDS = 5.0
"""New users arrive spread over this time."""


@dataclass(frozen=True)
class Activity:
    """Means over the last ten simulated seconds: shares from 0 to 1, rates a second."""

    busy: float
    gpu: float
    dram: float
    tensor: float
    link_bytes: float
    tokens: float


@dataclass(frozen=True)
class ReplicaSnapshot:
    """One replica as a person would want to see it."""

    name: str
    ready: bool
    kv_usage: float
    running: int
    waiting: int
    tokens_per_second: float
    gpu_busy: float
    preemptions: int


@dataclass(frozen=True)
class _Mark:
    time: float
    work: Work
    tokens: int


class FleetModel:
    """Users, arrivals, router and replicas of one service."""

    def __init__(self, spec: FleetSpec) -> None:
        self.spec = spec
        self.now = 0.0
        self.replicas: dict[str, Replica] = {}
        self._random = Random(spec.seed)  # noqa: S311 - a simulation, not a secret
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._turn = count()
        self._marks: dict[str, deque[_Mark]] = {}
        self._unrouted: deque[Request] = deque()
        self._users = 0
        self._wanted_users = 0
        self._arrival_rate = 0.0
        self._arrivals = 0
        self.set_users(spec.users)
        self.set_arrivals(spec.arrivals_per_second)
        self._at(0.0, self._mark)

    # Changes from outside.

    def add(self, name: str, warm_up: float = 0.0) -> Replica:
        """Start a replica that takes requests after ``warm_up`` seconds."""
        replica = Replica(name, self.spec)
        self.replicas[name] = replica
        self._marks[name] = deque([_Mark(self.now, replace(replica.work), 0)])
        self._at(warm_up, lambda: self._open(replica))
        return replica

    def remove(self, name: str) -> None:
        """Stop a replica; what it was working on goes to the others, from the start."""
        replica = self.replicas.pop(name)
        replica.removed = True
        del self._marks[name]
        for cut in replica.requests():
            self._route(Request(cut.prompt, cut.output, self.now, cut.user))

    def set_ready(self, name: str, ready: bool) -> None:
        """Take a replica out of the router, or back; it goes on with what it has."""
        self.replicas[name].ready = ready
        self._route_held()

    def set_users(self, users: int) -> None:
        """Change the number of closed-loop users; those who leave do so after their current answer."""
        self._wanted_users = users
        while self._users < users:
            self._users += 1
            self._at(self._random.uniform(0, RAMP_SECONDS), self._send_as_user)

    def set_arrivals(self, per_second: float) -> None:
        """Change the rate of open-loop requests."""
        self._arrival_rate = per_second
        self._arrivals += 1
        self._next_arrival(self._arrivals)

    def advance(self, seconds: float) -> None:
        """Let simulated time pass."""
        until = self.now + seconds
        while self._events and self._events[0][0] <= until:
            self.now, _, happen = heappop(self._events)
            happen()
        self.now = until

    # What can be seen.

    def activity(self, name: str) -> Activity:
        """Means of a replica over the last ten simulated seconds (0 right after its start)."""
        marks, replica = self._marks[name], self.replicas[name]
        first = marks[0]
        span = max(self.now - first.time, MARK_SECONDS)
        used, before = replica.work, first.work
        return Activity(
            busy=min((used.busy - before.busy) / span, 1.0),
            gpu=min((used.gpu - before.gpu) / span, 1.0),
            dram=min((used.dram - before.dram) / span, 1.0),
            tensor=min((used.tensor - before.tensor) / span, 1.0),
            link_bytes=(used.link_bytes - before.link_bytes) / span,
            tokens=(replica.counters.generated_tokens - first.tokens) / span,
        )

    def snapshot(self) -> list[ReplicaSnapshot]:
        """Every replica, by name."""
        return [self._snapshot(name) for name in sorted(self.replicas)]

    def _snapshot(self, name: str) -> ReplicaSnapshot:
        replica, activity = self.replicas[name], self.activity(name)
        return ReplicaSnapshot(
            name=name,
            ready=replica.ready,
            kv_usage=replica.gauges.kv_usage,
            running=replica.gauges.running,
            waiting=replica.gauges.waiting,
            tokens_per_second=activity.tokens,
            gpu_busy=activity.gpu,
            preemptions=replica.counters.preemptions,
        )

    # Events.

    def _at(self, delay: float, happen: Callable[[], None]) -> None:
        heappush(self._events, (self.now + delay, next(self._order), happen))

    def _open(self, replica: Replica) -> None:
        if replica.removed:
            return
        replica.ready = True
        self._route_held()

    def _route_held(self) -> None:
        """Hand out what arrived while no replica was ready."""
        held, self._unrouted = self._unrouted, deque()
        for request in held:
            self._route(request)

    def _send_as_user(self) -> None:
        if self._users > self._wanted_users:
            self._users -= 1
            return
        self._send(user=True)

    def _next_arrival(self, series: int) -> None:
        """Plan the next open-loop request; a changed rate starts a new series and ends the old one."""
        if self._arrival_rate <= 0 or series != self._arrivals:
            return

        def arrive() -> None:
            if series == self._arrivals:
                self._send(user=False)
                self._next_arrival(series)

        self._at(self._random.expovariate(self._arrival_rate), arrive)

    def _send(self, user: bool) -> None:
        prompt = self._random.randint(*self.spec.prompt_tokens)
        output = self._random.randint(*self.spec.output_tokens)
        self._route(Request(prompt, output, self.now, user))

    def _route(self, request: Request) -> None:
        ready = [replica for replica in self.replicas.values() if replica.ready]
        if not ready:
            self._unrouted.append(request)
            return
        first = next(self._turn) % len(ready)
        target = min(ready[first:] + ready[:first], key=lambda replica: replica.outstanding)
        target.accept(request)
        if not target.stepping:
            self._start_step(target)

    def _start_step(self, replica: Replica) -> None:
        seconds = replica.start_step(self.now)
        if seconds is not None:
            self._at(seconds, lambda: self._end_step(replica))

    def _end_step(self, replica: Replica) -> None:
        if replica.removed:
            return
        for request in replica.end_step(self.now):
            if request.user:
                self._think()
        if not replica.stepping:
            self._start_step(replica)

    def _think(self) -> None:
        mean = self.spec.think_seconds
        self._at(self._random.expovariate(1 / mean) if mean > 0 else 0.0, self._send_as_user)

    def _mark(self) -> None:
        """Remember the totals once a second, as long as the window is."""
        for name, marks in self._marks.items():
            replica = self.replicas[name]
            marks.append(_Mark(self.now, replace(replica.work), replica.counters.generated_tokens))
            while self.now - marks[0].time > WINDOW_SECONDS:
                marks.popleft()
        self._at(MARK_SECONDS, self._mark)
