"""Removals of the replica model, which stands for a real server, watched for ten minutes each."""

from __future__ import annotations

from dataclasses import replace

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.model.policy import Policy
from scalewarden.model.regret import Outcome, Regret
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import History
from tests.builders import AT, replica, snapshot
from tests.fleet.test_model import RECORDED
from tools.fleet import FleetModel, FleetSpec

EVERY = 15.0
Series = dict[str, dict[str, list[Point]]]


class Watched:
    """A model that is scraped and judged every 15 simulated seconds, with the last ten minutes in view."""

    def __init__(self, spec: FleetSpec, replicas: int) -> None:
        self.model, self.seen, self.history = FleetModel(spec), Series(), History(since=AT - 86400)
        self.finished: list[tuple[float, int]] = []
        self.at, self.gone = AT, 0
        for number in range(replicas):
            self.model.add(f"r{number}")
        self.run(900)

    def run(self, seconds: float) -> Regret:
        for _ in range(int(seconds / EVERY)):
            self.model.advance(EVERY)
            self.at += EVERY
            self.scrape()
            self.history = self.judged().history
        assert self.history.regret is not None
        return self.history.regret

    def scrape(self) -> None:
        for one in self.model.snapshot():
            values = {
                "kv_usage": one.kv_usage, "waiting": one.waiting, "running": one.running,
                "preemptions": one.preemptions,
            }  # fmt: skip
            for name, value in values.items():
                kept = self.seen.setdefault(one.name, {}).setdefault(name, [])
                kept.append(Point(self.at, float(value)))
                del kept[:-41]
        ended = self.gone + sum(one.counters.finished for one in self.model.replicas.values())
        self.finished = [*self.finished[-20:], (self.at, ended)]

    def judged(self) -> Evaluation:
        pods = tuple(
            replace(replica(kv=tuple(one.pop("kv_usage")), **{name: tuple(v) for name, v in one.items()}), pod=pod)
            for pod, one in ((name, dict(self.seen[name])) for name in sorted(self.model.replicas))
        )
        (first, before), (last, now) = self.finished[0], self.finished[-1]
        rate = (now - before) / (last - first) if last > first else 0.0
        whole = snapshot(pods, history=self.history, service={"finish_rate": (Point(self.at, rate),)})
        return evaluate(replace(whole, at=self.at), Policy())

    def remove(self, name: str) -> None:
        self.gone += self.model.replicas[name].counters.finished
        self.model.remove(name)


def test_losing_one_of_two_that_34_users_need_is_foreseen_and_regretted() -> None:
    """As on the recorded server: the cache fills, requests wait and are preempted. The line is right: no margin."""
    watched = Watched(RECORDED, 2)
    watched.remove("r1")
    known = watched.run(630)
    assert known.counts == {Outcome.REGRETTED: 1} and known.margin == 0.0
    assert known.last is not None and known.last.measured is not None and known.last.predicted is not None
    assert known.last.measured > 0.97 and known.last.predicted > 1.0


def test_losing_one_of_six_that_have_room_is_fine() -> None:
    watched = Watched(FleetSpec.comfortable("a"), 6)
    watched.remove("r5")
    known = watched.run(630)
    assert known.counts == {Outcome.FINE: 1}
    assert known.last is not None and known.last.measured is not None and known.last.predicted is not None
    assert known.last.measured <= known.last.predicted <= 0.70


OPEN = FleetSpec.comfortable("a", users=0, arrivals_per_second=25.0)
"""Requests that come however long the answers take."""


def test_more_requests_after_a_removal_are_not_its_fault() -> None:
    watched = Watched(OPEN, 6)
    watched.remove("r5")
    watched.run(60)
    watched.model.set_arrivals(60.0)
    known = watched.run(570)
    assert known.counts == {Outcome.UNKNOWN: 1} and known.margin == 0.0
    assert known.last is not None and "more requests came" in known.last.why


def test_a_queue_that_the_removal_made_is_not_taken_for_more_requests() -> None:
    watched = Watched(OPEN, 6)
    for name in ("r5", "r4", "r3", "r2"):
        watched.remove(name)
    assert watched.run(630).counts == {Outcome.REGRETTED: 1}
