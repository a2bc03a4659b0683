"""A day of one service, told by an injected clock: rollouts, blindness, relief, and every expiry on its second."""

from dataclasses import replace
from typing import Any

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import History
from scalewarden.model.verdict import Decision, Reason
from scalewarden.model.workload import Replica
from tests.builders import AT, fleet, later, replica, snapshot

POLICY = Policy()
BLIND: dict[str, Any] = {"kv": None, "waiting": None, "running": None}


class Day:
    """Evaluations every 15 s, each with the history of the one before."""

    def __init__(self, **more: Any) -> None:
        self.history, self.more, self.now = History(since=AT - 86400), more, 0.0

    def look(self, *pods: Replica, desired: int | None = None, to: int | None = None) -> Evaluation:
        snap = later(snapshot(pods, desired=desired, **self.more), self.now)
        count = snap.replicas_desired
        asked = Intent(count, count - 1 if to is None else to, Actor.AUTOSCALER)
        found = evaluate(replace(snap, history=self.history, intent=asked), POLICY)
        self.history = found.history
        return found

    def passes(self, seconds: float, *pods: Replica, **how: Any) -> list[Evaluation]:
        found = []
        for _ in range(round(seconds / 15)):
            self.now += 15
            found.append(self.look(*pods, **how))
        return found


def reasons(found: list[Evaluation]) -> list[Reason]:
    """Runs of equal reasons, once each."""
    told = [one.verdict.reason for one in found]
    return [reason for index, reason in enumerate(told) if index == 0 or told[index - 1] is not reason]


def test_a_burst_passes_and_the_removal_with_it() -> None:
    """Full for five minutes; then the peak stays in the window for ten, and the wait for five more."""
    day = Day()
    assert day.passes(300, *fleet(4, kv=0.9))[-1].verdict.reason is Reason.KV_CACHE_PRESSURE
    calm = day.passes(600, *fleet(4, kv=0.3))
    assert reasons(calm) == [Reason.STABILIZING, Reason.SAFE_TO_REMOVE]
    allowed = next(index for index, one in enumerate(calm) if one.verdict.decision is Decision.ALLOW)
    assert allowed * 15 == 285  # the last unsafe instant is 300 s ago


def test_relief_comes_through_the_band() -> None:
    """After a Deny 0.70 is not low enough; 0.65 is."""
    day = Day()
    day.passes(60, *fleet(4, kv=0.65))  # 0.87: Deny
    within = day.passes(900, *fleet(4, kv=0.51))  # 0.68: under the line, in the band
    assert {one.verdict.decision for one in within} == {Decision.HOLD}
    assert "after a refusal only from 0.65" in within[-1].verdict.message
    below = day.passes(600, *fleet(4, kv=0.48))  # 0.64
    assert below[-1].verdict.decision is Decision.ALLOW


def test_the_band_lapses_with_the_deny() -> None:
    day = Day()
    day.look(*fleet(4, kv=0.65))
    within = day.passes(4200, *fleet(4, kv=0.51))
    assert within[0].verdict.decision is Decision.HOLD
    assert within[-1].verdict.decision is Decision.ALLOW


def test_seven_hours_without_signals() -> None:
    day = Day()
    day.passes(60, *fleet(4, kv=0.3))
    blind = day.passes(7 * 3600, *fleet(4, **BLIND))
    held = [one for one in blind if one.frontier is not None]
    assert {one.verdict.reason for one in blind} == {Reason.SIGNALS_MISSING}
    assert len(held) * 15 == 6 * 3600  # then autoscalers are only warned
    back = day.passes(900, *fleet(4, kv=0.3))
    assert back[-1].verdict.decision is Decision.ALLOW
    again = day.passes(30, *fleet(4, **BLIND))
    assert all(one.frontier is not None for one in again)  # good for five minutes: a new hold may last again


def test_a_refusal_on_evidence_outlives_its_signals_for_an_hour() -> None:
    day = Day()
    day.look(*fleet(4, kv=0.65))
    blind = day.passes(4000, *fleet(4, **BLIND))
    denied = [one for one in blind if one.verdict.decision is Decision.DENY]
    assert len(denied) * 15 == 3600 - 15
    assert blind[-1].verdict.reason is Reason.SIGNALS_MISSING


def test_a_scale_up_is_left_to_settle() -> None:
    day = Day(cold_start=430.0)
    old = fleet(3, kv=0.3, ready_since=AT - 90000)
    day.passes(600, *old)
    new = replica(kv=0.02, running=1.0, ready_since=AT + day.now)
    after = day.passes(900, *old, new)
    assert reasons(after) == [Reason.IN_TRANSITION, Reason.STABILIZING, Reason.SAFE_TO_REMOVE]
    held = [sum(one.verdict.reason is reason for one in after) * 15 for reason in reasons(after)[:2]]
    assert held == [420, 285]  # under 430 s, then the wait from its last instant on


def test_a_rollout_is_never_refused_and_does_not_flap() -> None:
    """Four pods are replaced one by one; each new one is not ready for a minute. The count never changes."""
    day = Day()
    old = [replica(f"old-{n}", kv=0.3, ready_since=AT - 90000) for n in range(4)]
    day.passes(600, *old)
    regimes, new = [], []
    for n in range(4):
        starting = replica(f"new-{n}", ready=False, unready_since=AT + day.now, **BLIND)
        regimes += [one.diagnosis.regime for one in day.passes(60, *old, *new, starting, desired=4)]
        new.append(replica(f"new-{n}", kv=0.3, ready_since=AT + day.now))
        old.pop()
        found = day.passes(60, *old, *new, desired=4)
        regimes += [one.diagnosis.regime for one in found]
        rollout = found[-1]
        same = Intent(4, 4, Actor.AUTOSCALER)
        assert evaluate(replace(rollout.snapshot, intent=same), POLICY).verdict.decision is Decision.ALLOW
        assert rollout.verdict.reason in {Reason.IN_TRANSITION, Reason.STABILIZING}
    assert len(set(regimes)) == 1
    assert day.passes(900, *new, desired=4)[-1].verdict.decision is Decision.ALLOW


def test_every_wait_says_when_it_ends() -> None:
    """The band with the hour of its Deny, the stabilization 300 s after the last unsafe instant: to the second."""
    day = Day()
    day.look(*fleet(4, kv=0.65))
    within = day.passes(600, *fleet(4, kv=0.51))
    assert {one.verdict.expires_at for one in within} == {AT + 3600}
    new = Day()
    new.history = History(since=AT)
    young = new.passes(285, *fleet(4, kv=0.3))
    assert {(one.verdict.reason, one.verdict.expires_at) for one in young} == {(Reason.STABILIZING, AT + 300)}
    calm = Day()
    calm.passes(60, *fleet(4, kv=0.9))
    waits = calm.passes(285, *fleet(4, kv=0.3))
    assert {(one.verdict.reason, one.verdict.expires_at) for one in waits} == {(Reason.STABILIZING, AT + 360)}


def test_a_deny_is_renewed_by_samples_and_not_by_looks() -> None:
    day = Day()
    day.look(*fleet(4, kv=0.65))
    stale = day.passes(120, *fleet(4, kv=0.65, age=200.0))
    assert stale[-1].history.kv_denied[3] == AT  # at 120 s the newest sample is of 80 s before the first look
    fresh = day.passes(30, *fleet(4, kv=0.65, age=10.0))
    assert fresh[-1].history.kv_denied[3] == AT + 140


def test_after_a_lapsed_hold_nothing_is_held_until_signals_have_been_good_for_five_minutes() -> None:
    day = Day()
    day.history = replace(day.history, missing_since=AT - 7 * 3600)
    day.passes(300, *fleet(4, **BLIND))
    back = day.passes(285, *fleet(4, kv=0.3))
    assert {one.verdict.reason for one in back} == {Reason.STABILIZING}
    assert all(one.frontier is not None and one.frontier.autoscaler_replicas == 2 for one in back)  # proven, not held
    pressed = day.passes(15, *fleet(4, kv=0.9))[-1]
    assert pressed.frontier is not None and pressed.frontier.replicas == 4  # what is proven is refused all the same


def test_a_stuck_replica_holds_for_half_an_hour() -> None:
    day = Day()
    sick = replica(kv=0.4, waiting=5.0, running=1.0, gen_tps=0.0, finish_rate=0.0)
    found = day.passes(2400, *fleet(3, kv=0.2), sick)
    held = [one for one in found if one.verdict.reason is Reason.REPLICA_STUCK]
    assert len(held) * 15 == 1800
    assert {one.verdict.expires_at for one in held} == {AT + 15 + 1800}
    assert found[-1].verdict.decision is Decision.ALLOW
