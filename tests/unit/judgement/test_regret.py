"""What became of removals and refusals, over injected time, and the margin that follows from it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.judgement.margin import counted
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
        self.more, self.history, self.policy = more, History(since=AT - 86400), POLICY

    def look(self, at: float, pods: tuple[Replica, ...], desired: int | None = None, **more: Any) -> Evaluation:
        service = {"service": QUIET, **self.more, **more}
        snap = later(snapshot(pods, desired=desired, **service), at)
        found = evaluate(replace(snap, history=self.history), self.policy)
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


def test_one_that_is_taken_back_though_no_more_came_is_regretted() -> None:
    def back(after: int, desired: int = 4, **more: Any) -> Regret:
        service = Service()
        service.look(0, fleet(4, kv=0.45))
        for at in range(15, after, 15):
            service.look(at, fleet(3, kv=0.6), desired=3)
        service.look(after, fleet(3, kv=0.6), desired=desired, **more)
        return service.known

    known = back(60)
    assert (known.counts, known.margin) == ({Outcome.REGRETTED: 1}, 0.03)
    assert known.last is not None and known.last.why == "4 replicas were wanted again, and no more requests came"
    assert back(45).counts == {Outcome.UNKNOWN: 1}  # an error that is put right at once
    assert back(60, service={"finish_rate": 3.0}).counts == {Outcome.UNKNOWN: 1}
    assert back(60, service={}).counts == {Outcome.UNKNOWN: 1}
    assert back(60, desired=2).counts == {Outcome.UNKNOWN: 1}


def test_harm_that_a_refusal_foresaw_takes_nothing_off_the_lines() -> None:
    service = Service()
    service.look(0, fleet(4, kv=0.65))
    for at in range(15, 630, 15):
        service.look(at, fleet(3, kv=0.87), desired=3)
    known = service.known
    assert (known.counts, known.margin) == ({Outcome.REGRETTED: 1}, 0.0)
    assert known.last is not None and known.last.why.startswith("done in spite of a refusal: the KV cache of")


def test_one_that_slipped_past_a_refusal_is_watched_and_named() -> None:
    service = Service()
    service.look(0, fleet(4, kv=0.65))
    service.look(15, fleet(3, kv=0.7), desired=3)
    assert service.known.removal is not None and not service.known.removal.allowed
    calm = Service()
    calm.look(0, fleet(4, kv=0.3))
    calm.look(15, fleet(3, kv=0.4), desired=3)
    assert calm.known.removal is not None and calm.known.removal.allowed


def held(kv: Any, then: Any, whole: float = 600, service: Service | None = None) -> Regret:
    """A refused 4 → 3, asked for every 15 s for five minutes, then the load of `then` until `whole` seconds."""
    service = service or Service()
    pods = kv if isinstance(kv, tuple) else fleet(4, kv=kv)
    for at in range(0, 300, 15):
        service.refuse(at, 3)
        service.look(at, pods)
    for at in range(300, int(whole) + 1, 15):
        service.look(at, then if isinstance(then, tuple) else fleet(4, kv=then))
    return service.known


APART = tuple(replica(kv=[0.6 if n % 4 == index else 0.1 for n in range(40)]) for index in range(4))
"""Each replica is full at another time: 0.6 + 0.6/3 is refused, 0.6 + 0.1/3 would have come."""


def test_a_refusal_that_the_load_needed() -> None:
    known = held(0.65, 0.2, whole=300)
    assert known.counts == {Outcome.NEEDED: 1} and known.held is None
    assert known.last is not None and (known.last.at, known.last.to) == (AT, 3)


def test_a_refusal_for_peaks_that_never_coincided_was_needless() -> None:
    assert held(APART, 0.2, whole=585).counts == {}
    known = held(APART, 0.2)
    assert known.counts == {Outcome.NEEDLESS: 1} and known.good == 1


def test_load_that_comes_back_within_the_time_makes_a_refusal_needed() -> None:
    service = Service()
    held(APART, 0.2, whole=450, service=service)
    assert service.known.counts == {}
    service.look(465, fleet(4, kv=0.65))
    for at in range(480, 615, 15):
        service.look(at, fleet(4, kv=0.2))
    assert service.known.counts == {Outcome.NEEDED: 1}


def test_one_refusal_is_looked_back_at_once() -> None:
    """It counts as asked for a while after it would pass: no reason to count it again, or to give a margin back."""
    service = Service()
    service.history = replace(service.history, regret=Regret(4, margin=0.09, changed_at=AT))
    known = held(0.65, 0.2, whole=1500, service=service)
    assert (known.counts, known.margin, known.good) == ({Outcome.NEEDED: 1}, 0.09, 0)
    service.refuse(1510, 3)
    service.look(1515, fleet(4, kv=0.65))
    assert service.known.held is not None


def test_a_wait_before_a_removal_tells_nothing_the_removal_does() -> None:
    service = Service()
    held(0.3, 0.3, whole=300, service=service)
    for at in range(315, 930, 15):
        service.look(at, fleet(3, kv=0.4), desired=3)
    assert service.known.counts == {Outcome.FINE: 1} and service.known.held is None


def test_a_removal_that_was_refused_ends_the_refusal_it_needed() -> None:
    service = Service()
    held(0.65, 0.65, whole=300, service=service)
    service.look(315, fleet(3, kv=0.87), desired=3)
    assert service.known.counts == {Outcome.NEEDED: 1}


def test_a_refusal_nobody_asks_for_any_more_is_looked_back_at() -> None:
    service = Service()
    service.refuse(0, 3)
    service.look(0, fleet(4, kv=0.65))
    service.look(60, fleet(4, kv=0.65))
    service.look(419, fleet(4, kv=0.65))
    assert service.known.counts == {}
    service.look(420, fleet(4, kv=0.65))
    assert service.known.counts == {Outcome.NEEDED: 1}


def test_a_refusal_lasts_while_as_few_are_asked_for() -> None:
    service = Service()
    for at, to in ((0, 3), (15, 2), (600, 2), (900, 2)):
        service.refuse(at, to)
        service.look(at, fleet(4, kv=0.65))
    assert service.known.held is not None and service.known.counts == {}
    service.refuse(915, 3)
    service.look(915, fleet(8, kv=0.65))
    assert service.known.held is not None
    service.refuse(930, 5)
    service.look(930, fleet(8, kv=0.65))
    assert service.known.counts == {Outcome.NEEDED: 1}


def test_a_blind_refusal_tells_nothing_even_if_the_load_is_low_later() -> None:
    service = Service()
    service.refuse(0, 3)
    for at in (0, 15, 30):
        service.look(at, fleet(4, kv=None, waiting=None, running=None))
    assert service.known.held is not None and service.known.counts == {}
    service.look(900, fleet(4, kv=0.2))
    assert service.known.counts == {Outcome.UNKNOWN: 1} and service.known.good == 0


def test_a_declared_minimum_is_no_refusal_by_load() -> None:
    service = Service()
    service.policy = replace(POLICY, min_replicas=4)
    assert held(0.2, 0.2, service=service).counts == {}
    service.policy = replace(POLICY, min_replicas=3)
    service.refuse(700, 3)
    service.look(700, fleet(4, kv=0.65))
    assert service.known.held is not None


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
    assert (watched.at, watched.from_, watched.to, watched.arrivals, watched.in_flight) == (AT + 15, 4, 3, 2.0, 16.0)
    assert (service.known.desired, service.known.floor) == (3, 3)


def test_a_refusal_of_zero_was_needed_while_anything_ran() -> None:
    for running, outcome in ((1.0, Outcome.NEEDED), (0.0, Outcome.NEEDLESS)):
        service = Service()
        for at in (0, 15):
            service.refuse(at, 0)
            service.look(at, fleet(1, kv=0.1, running=[9.0, running]))
        service.look(600, fleet(1, kv=0.0, running=0.0))
        assert service.known.counts == {outcome: 1}


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.booleans()), max_size=40))
def test_a_margin_stays_in_its_bounds_and_each_outcome_counts_once(story: list[tuple[Outcome, bool]]) -> None:
    known, limits = Regret(4), Thresholds()
    for n, (outcome, allowed) in enumerate(story):
        before, known = known, counted(known, last(outcome, AT + n), limits, allowed=allowed)
        assert 0 <= known.margin <= limits["marginMost"] and known.good < limits["marginForgive"]
        grew = known.margin > before.margin
        assert not grew or (outcome is Outcome.REGRETTED and allowed)
        assert known.margin >= before.margin or outcome in (Outcome.FINE, Outcome.NEEDLESS)
    assert sum(known.counts.values()) == len(story)


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


def test_load_is_that_of_before_where_pods_are_gone_with_the_count() -> None:
    """Closed-loop users: what waits on those that stay is the load that left, not more of it."""
    service = Service()
    service.look(0, fleet(4, kv=0.6, running=8.0))
    service.look(15, fleet(2, kv=0.95, running=16.0), desired=2)
    watched = service.known.removal
    assert watched is not None and watched.in_flight == 32.0
