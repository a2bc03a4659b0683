"""What became of removals and refusals, over injected time, and the margin that follows from it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.judgement.regret import counted
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Objectives, Policy
from scalewarden.model.regret import Last, Outcome, Refused, Regret
from scalewarden.model.snapshot import History, from_json, to_json
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Replica
from tests.builders import AT, fleet, later, replica, snapshot

POLICY = Policy(stabilization=0.0)
QUIET = {"finish_rate": 2.0}


class Service:
    """One service whose evaluations follow each other."""

    def __init__(self, **more: Any) -> None:
        self.more, self.history = more, History(since=AT - 86400)

    def look(self, at: float, pods: tuple[Replica, ...], desired: int | None = None, **more: Any) -> Evaluation:
        service = {"service": QUIET, **self.more, **more}
        snap = later(snapshot(pods, desired=desired, **service), at)
        found = evaluate(replace(snap, history=self.history), POLICY)
        self.history = found.history
        return found

    @property
    def known(self) -> Regret:
        assert self.history.regret is not None
        return self.history.regret

    def refuse(self, at: float, to: int) -> None:
        self.history = replace(self.history, refused=Refused(AT + at, to))


def removed(after: tuple[Replica, ...], **more: Any) -> Service:
    """Four at 0.45, then three of `after` for ten minutes."""
    service = Service(**more)
    service.look(0, fleet(4, kv=0.45))
    for at in range(15, 630, 15):
        service.look(at, after, desired=3)
    return service


def test_a_removal_that_nobody_felt_is_fine() -> None:
    known = removed(fleet(3, kv=0.6)).known
    assert known.counts == {Outcome.FINE: 1} and known.margin == 0.0 and known.removal is None
    assert known.last is not None and (known.last.at, known.last.to, known.last.measured) == (AT + 15, 3, 0.6)
    assert known.last.predicted == 0.75  # 0.6 + 0.45 / 3: what left came over


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (fleet(3, kv=0.85), "the KV cache of llama-70b-0 was over 0.80"),
        ((replica(kv=0.6, waiting=9.0), *fleet(2, kv=0.6)), "WaitingNeverZero was over its line"),
        ((replica(kv=0.6, preemptions=[float(n) for n in range(41)]), *fleet(2, kv=0.6)), "preempted requests"),
    ],
)
def test_a_removal_that_hurt_is_regretted_and_widens_the_margin(after: tuple[Replica, ...], why: str) -> None:
    known = removed(after).known
    assert known.counts == {Outcome.REGRETTED: 1} and known.margin == 0.03
    assert known.last is not None and why in known.last.why


def test_a_missed_objective_is_felt() -> None:
    known = removed(fleet(3, kv=0.6), objectives=Objectives(itl_p95=0.05), service={**QUIET, "itl_p95": 0.08}).known
    assert known.counts == {Outcome.REGRETTED: 1}


def test_more_requests_are_no_fault_of_the_removal() -> None:
    service = Service()
    service.look(0, fleet(4, kv=0.45))
    service.look(15, fleet(3, kv=0.6), desired=3)
    for at in range(30, 630, 15):
        service.look(at, fleet(3, kv=0.9), desired=3, service={"finish_rate": 3.0})
    assert service.known.counts == {Outcome.UNKNOWN: 1} and service.known.margin == 0.0
    assert service.known.last is not None and "more requests came" in service.known.last.why


def test_what_piles_up_has_come_too() -> None:
    service = Service()
    service.look(0, fleet(4, kv=0.45))
    service.look(15, fleet(3, kv=0.6), desired=3)
    for at in range(30, 630, 15):
        service.look(at, fleet(3, kv=0.9, running=40.0, waiting=200.0), desired=3)
    assert service.known.counts == {Outcome.UNKNOWN: 1}


def test_one_that_is_cut_short_or_not_seen_is_not_judged() -> None:
    service = Service()
    service.look(0, fleet(4, kv=0.45))
    service.look(15, fleet(3, kv=0.6), desired=3)
    service.look(30, fleet(4, kv=0.45))
    assert service.known.counts == {Outcome.UNKNOWN: 1}
    assert removed((replica(kv=None), *fleet(2, kv=0.5))).known.counts == {Outcome.UNKNOWN: 1}


def test_one_that_slipped_past_a_refusal_is_watched_and_named() -> None:
    service = Service()
    service.look(0, fleet(4, kv=0.65))
    service.look(15, fleet(3, kv=0.7), desired=3)
    assert service.known.removal is not None and not service.known.removal.allowed
    calm = Service()
    calm.look(0, fleet(4, kv=0.3))
    calm.look(15, fleet(3, kv=0.4), desired=3)
    assert calm.known.removal is not None and calm.known.removal.allowed


def held(kv: Any, then: Any, **more: Any) -> Regret:
    """A refused 4 → 3, asked for every 15 s, until the load of `then` lets it pass."""
    service = Service(**more)
    for at in range(0, 300, 15):
        service.refuse(at, 3)
        service.look(at, fleet(4, kv=kv) if not isinstance(kv, tuple) else kv)
    service.look(300, fleet(4, kv=then))
    return service.known


def test_a_refusal_that_the_load_needed() -> None:
    known = held(0.65, 0.2)
    assert known.counts == {Outcome.NEEDED: 1} and known.held is None
    assert known.last is not None and (known.last.at, known.last.to) == (AT, 3)


def test_a_refusal_for_peaks_that_never_coincided_was_needless() -> None:
    """Each replica is full at another time: 0.6 + 0.6/3 is refused, 0.6 + 0.1/3 would have come."""
    pods = tuple(replica(kv=[0.6 if n % 4 == index else 0.1 for n in range(40)]) for index in range(4))
    known = held(pods, 0.2)
    assert known.counts == {Outcome.NEEDLESS: 1} and known.good == 1


def test_a_refusal_nobody_asks_for_any_more_is_looked_back_at() -> None:
    service = Service()
    service.refuse(0, 3)
    service.look(0, fleet(4, kv=0.65))
    service.look(60, fleet(4, kv=0.65))
    service.look(419, fleet(4, kv=0.65))
    assert service.known.counts == {}
    service.look(420, fleet(4, kv=0.65))
    assert service.known.counts == {Outcome.NEEDED: 1}


def test_a_blind_refusal_tells_nothing() -> None:
    service = Service()
    service.refuse(0, 3)
    for at in (0, 15, 30):
        service.look(at, fleet(4, kv=None, waiting=None, running=None))
    assert service.known.held is not None and service.known.counts == {}
    service.look(900, fleet(4, kv=0.2))
    assert service.known.counts == {Outcome.NEEDLESS: 1}  # judged by what is seen once it is seen


def last(outcome: Outcome, at: float = AT) -> Last:
    return Last(at, 3, outcome, "")


def test_the_margin_widens_by_steps_up_to_its_bound_and_narrows_after_good_ones() -> None:
    known, margins = Regret(4), []
    for _ in range(5):
        known = counted(known, last(Outcome.REGRETTED), Thresholds())
        margins.append(known.margin)
    assert margins == [0.03, 0.06, 0.09, 0.09, 0.09]
    for _ in range(9):
        known = counted(known, last(Outcome.FINE), Thresholds())
        margins.append(known.margin)
    assert margins[5:] == [0.09, 0.09, 0.06, 0.06, 0.06, 0.03, 0.03, 0.03, 0.0]
    assert counted(known, last(Outcome.UNKNOWN), Thresholds()).margin == 0.0


def test_an_outcome_is_counted_once_and_dates_the_margin() -> None:
    known = counted(counted(Regret(4), last(Outcome.FINE), Thresholds()), last(Outcome.FINE, AT + 1), Thresholds())
    assert (known.counts, known.good, known.changed_at) == ({Outcome.FINE: 2}, 2, None)
    bad = counted(known, last(Outcome.REGRETTED, AT + 2), Thresholds())
    assert (bad.counts, bad.good, bad.changed_at) == ({Outcome.FINE: 2, Outcome.REGRETTED: 1}, 0, AT + 2)
    for n in range(3):
        bad = counted(bad, last(Outcome.NEEDLESS, AT + 10 + n), Thresholds())
    assert (bad.margin, bad.good, bad.changed_at) == (0.0, 0, AT + 12)
    other = counted(bad, last(Outcome.NEEDED, AT + 20), Thresholds())
    assert (other.margin, other.good, other.changed_at) == (0.0, 0, AT + 12)


def test_what_is_watched_says_what_it_was() -> None:
    service = Service()
    service.look(0, fleet(4, kv=0.3))
    service.look(15, fleet(3, kv=0.4, running=5.0), desired=3)
    watched = service.known.removal
    assert watched is not None
    assert (watched.at, watched.from_, watched.to, watched.arrivals, watched.in_flight) == (AT + 15, 4, 3, 2.0, 15.0)
    assert (service.known.desired, service.known.floor) == (3, 2)


def test_a_refusal_of_zero_was_needed_while_anything_ran() -> None:
    for running, outcome in ((1.0, Outcome.NEEDED), (0.0, Outcome.NEEDLESS)):
        service = Service()
        for at in (0, 15):
            service.refuse(at, 0)
            service.look(at, fleet(1, kv=0.1, running=[9.0, running]))
        service.look(600, fleet(1, kv=0.0, running=0.0))
        assert service.known.counts == {outcome: 1}


def test_another_count_is_another_refusal() -> None:
    service = Service()
    for at, to in ((0, 3), (15, 3), (30, 2)):
        service.refuse(at, to)
        service.look(at, fleet(4, kv=0.65))
    assert service.known.counts == {Outcome.NEEDED: 1} and service.known.held is None


def test_a_margin_that_nothing_confirms_is_forgotten() -> None:
    service = Service()
    service.history = replace(service.history, regret=Regret(4, margin=0.06, changed_at=AT))
    service.look(604799, fleet(4, kv=0.3))
    assert service.known.margin == 0.06
    service.look(604800, fleet(4, kv=0.3))
    assert service.known.margin == 0.0


def test_a_margin_takes_from_the_lines_of_load_and_says_so() -> None:
    history = History(since=AT - 3600, regret=Regret(4, margin=0.06))
    snap = snapshot(fleet(4, kv=0.5), history=history, intent=Intent(4, 3, Actor.AUTOSCALER))
    found = evaluate(snap, POLICY).verdict
    assert (found.decision, found.safe_replicas) == ("Hold", 4)
    assert "would peak at 0.67 (safe up to 0.64, 0.06 less after a removal that was regretted)" in found.message
    assert evaluate(replace(snap, history=History(since=AT - 3600)), POLICY).verdict.decision == "Allow"


@given(st.floats(0, 0.09), st.floats(0.01, 0.99), st.integers(2, 8), st.integers(1, 7))
def test_no_experience_makes_anything_more_permissive(margin: float, kv: float, count: int, to: int) -> None:
    def level(taken: float) -> int:
        history = History(since=AT - 3600, regret=Regret(count, margin=taken))
        snap = snapshot(fleet(count, kv=kv), history=history, intent=Intent(count, min(to, count - 1)))
        return evaluate(snap, POLICY).verdict.decision.level

    assert level(margin) >= level(0.0)


def test_a_margin_out_of_bounds_is_none() -> None:
    def found(margin: float) -> str:
        history = History(since=AT - 3600, regret=Regret(4, margin=margin))
        return evaluate(snapshot(fleet(4, kv=0.5), history=history), POLICY).verdict.message

    assert "safe up to 0.61" in found(5.0) and "safe up to 0.70)" in found(-1.0)


def test_a_history_with_regret_survives_json() -> None:
    service = removed(fleet(3, kv=0.85))
    snap = snapshot(fleet(3, kv=0.85), history=service.history)
    assert from_json(to_json(snap)) == snap
