"""Rollouts as pods live them: a pod that just became ready has no samples yet, and its series begins with it."""

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import History, Snapshot
from scalewarden.model.verdict import Decision, Reason
from scalewarden.model.workload import Replica
from tests.builders import AT, replica, snapshot

POLICY, EVERY, WINDOW, START = Policy(), 15.0, 600.0, 120.0
LONG_AGO = -90_000.0


@dataclass(frozen=True, slots=True)
class Pod:
    """When it was made, when it became ready and when it left, in seconds after AT."""

    name: str
    born: float = LONG_AGO
    ready: float = LONG_AGO
    gone: float = float("inf")

    def serves(self, at: float) -> bool:
        return self.ready <= at < self.gone


def surge(count: int) -> list[Pod]:
    """maxSurge 1: the new pod is ready before the old one goes, one after the other."""
    pods = []
    for n in range(count):
        begins = 600 + n * (START + 2)
        pods.append(Pod(f"old-{n}", gone=begins + START + 2))
        pods.append(Pod(f"new-{n}", begins, begins + START))
    return pods


def unavailable(count: int) -> list[Pod]:
    """maxUnavailable 1: the old pod goes first."""
    pods = []
    for n in range(count):
        begins = 600 + n * (START + 2)
        pods.append(Pod(f"old-{n}", gone=begins))
        pods.append(Pod(f"new-{n}", begins, begins + START))
    return pods


def at(now: float, pods: list[Pod], load: float, desired: int, history: History) -> Snapshot:
    """The load (KV usage, all replicas together) is spread evenly over those that serve; a new one is first scraped
    one interval after it became ready."""
    there = [_replica(pod, now, pods, load) for pod in pods if pod.born <= now < pod.gone]
    return replace(snapshot(there, desired=desired), at=AT + now, history=history)


def _replica(pod: Pod, now: float, pods: list[Pod], load: float) -> Replica:
    first = max(pod.ready + EVERY, now - WINDOW)
    times = [now - EVERY * n for n in range(int(WINDOW / EVERY), -1, -1) if now - EVERY * n >= first]
    kv = [Point(AT + t, load / sum(one.serves(t) for one in pods)) for t in times] if pod.serves(now) else []
    return replica(
        pod.name,
        kv=kv or None,
        running=[Point(one.at, round(one.value * 40)) for one in kv] or None,
        waiting=[Point(one.at, 0.0) for one in kv] or None,
        ready=pod.serves(now),
        ready_since=AT + pod.ready if pod.serves(now) else None,
        unready_since=None if pod.serves(now) else AT + pod.born,
        max_num_seqs=64,
    )


def looks(pods: list[Pod], load: float, until: float, desired: int = 4) -> list[Evaluation]:
    history, found = History(since=AT - 86_400), []
    for n in range(round(until / EVERY) + 1):
        one = evaluate(at(n * EVERY, pods, load, desired, history), POLICY)
        history = one.history
        found.append(one)
    return found


ROLLOUTS = {"surge": surge, "unavailable": unavailable}


@pytest.mark.parametrize("way", ROLLOUTS)
@pytest.mark.parametrize("each", [0.30, 0.45])
def test_the_rollout_itself_is_never_refused(way: str, each: float) -> None:
    for one in looks(ROLLOUTS[way](4), 4 * each, 2400):
        same = Intent(4, 4, Actor.AUTOSCALER)
        more = Intent(4, 5, Actor.AUTOSCALER)
        for asked in (same, more):
            assert evaluate(replace(one.snapshot, intent=asked), POLICY).verdict.reason is Reason.NOT_A_DECREASE


@pytest.mark.parametrize(
    ("way", "count", "each"),
    [("surge", 4, 0.45), ("surge", 2, 0.45), ("surge", 1, 0.45), ("unavailable", 4, 0.30), ("unavailable", 1, 0.30)],
)
def test_the_diagnosis_does_not_flap(way: str, count: int, each: float) -> None:
    """Nor where half of the replicas, or the only one, is new and not seen yet."""
    found = looks(ROLLOUTS[way](count), count * each, 2400, count)
    changes = [(a.diagnosis.regime, b.diagnosis.regime) for a, b in pairwise(found)]
    gone = way == "unavailable" and count == 1  # nobody serves for two minutes: that is told, and its end
    assert sum(a is not b for a, b in changes) == (2 if gone else 0)


def test_who_was_replaced_is_not_missed() -> None:
    """4×0.50: three can carry it (0.667). With the load of a replica that was replaced on top, 0.83 would be refused,
    as it is only while five serve; and of that nothing is remembered."""
    found = looks(surge(4), 4 * 0.50, 2400)
    for one in found:
        assert one.history.removed == () and 3 not in one.history.kv_denied
        assert one.verdict.decision is not Decision.DENY or len(one.snapshot.ready) == 5
    assert found[-1].verdict.decision is Decision.ALLOW


def test_who_went_first_is_missed_until_the_new_one_serves() -> None:
    found = looks(unavailable(2), 2 * 0.30, 900, 2)
    missed = [[removed.replica.pod for removed in one.history.removed] for one in found]
    assert missed[int(600 / EVERY)] == ["old-0"]
    assert missed[int(719 / EVERY)] == ["old-0"]
    assert missed[int(720 / EVERY)] == []


def test_a_removal_is_carried_for_its_whole_time_though_the_count_fell_before_the_pods() -> None:
    pods = [*(Pod(f"pod-{n}") for n in range(4)), Pod("pod-4", gone=650)]
    history, carried = History(since=AT - 86_400), []
    for n in range(round(1200 / EVERY) + 1):
        now = n * EVERY
        one = evaluate(at(now, pods, 5 * 0.30, 5 if now < 600 else 4, history), POLICY)
        history = one.history
        carried += [now] if history.removed else []
    assert (carried[0], carried[-1]) == (660, 945)  # first seen without it, and 300 s on


@pytest.mark.parametrize(("way", "each", "safe"), [("surge", 0.45, 3), ("unavailable", 0.30, 2)])
def test_afterwards_all_is_as_before(way: str, each: float, safe: int) -> None:
    found = looks(ROLLOUTS[way](4), 4 * each, 2400)
    for one in (found[0], found[-1]):
        assert (one.verdict.decision, one.verdict.safe_replicas) == (Decision.ALLOW, safe)
    assert found[-1].diagnosis.since == found[0].diagnosis.since
