"""What an evaluation leaves behind, step by step over injected time, and the two numbers that admission enforces."""

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.frontier import EXPLANATION, Frontier, frontier
from scalewarden.judgement.left import with_those_that_left
from scalewarden.judgement.remember import remember
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import DenyMemory, History, Snapshot
from scalewarden.model.verdict import Reason, Test
from tests.builders import AT, fleet, later, replica, snapshot


def step(snap: Snapshot, policy: Policy = Policy()) -> tuple[Frontier | None, History]:
    judge = Judge(with_those_that_left(snap), (), policy)
    found = frontier(judge)
    return found, remember(judge, found)


def at(moment: float, *pods: Any, history: History | None = None) -> Snapshot:
    """The fleet at `moment` seconds after AT; series are moved along."""
    return later(snapshot(pods, history=history), moment)


def test_every_reason_of_a_refusal_has_its_sentence() -> None:
    passing = {Reason.NOT_A_DECREASE, Reason.BREAK_GLASS, Reason.NOT_READY_PODS_ONLY}
    assert set(EXPLANATION) == set(Reason) - passing - {Reason.GENUINELY_IDLE, Reason.SAFE_TO_REMOVE}


def test_two_floors_one_for_everyone_one_for_autoscalers() -> None:
    # 8×0.20: five may go (0.533), six would be denied (0.80); 2 left is already a Deny, so the floors meet
    found, _ = step(snapshot(fleet(8, kv=0.20)))
    assert found is not None
    assert (found.replicas, found.autoscaler_replicas, found.reason) == (3, 3, Reason.KV_CACHE_PRESSURE)
    # 4×0.45: three stay at 0.60, two would stand at 0.90; 5×0.36: 4 → .45, 3 → .60, 2 → .90
    held, _ = step(snapshot(fleet(3, kv=0.48)))
    assert held is not None
    assert (held.replicas, held.autoscaler_replicas) == (2, 3)
    assert held.expires_at == AT + 3600


def test_blind_holds_autoscalers_only() -> None:
    found, _ = step(snapshot(fleet(4, kv=None, waiting=None, running=None)))
    assert found is not None
    assert (found.replicas, found.autoscaler_replicas, found.reason) == (0, 4, Reason.SIGNALS_MISSING)


def test_nothing_to_refuse_is_no_frontier() -> None:
    assert step(snapshot(fleet(3, kv=0.0, running=0.0)))[0] is None


def test_broken_glass_is_no_frontier() -> None:
    assert step(snapshot(fleet(4, kv=0.9)), Policy(break_glass_until=AT + 1))[0] is None


def test_a_hold_for_missing_signals_lapses_after_max_hold() -> None:
    blind = fleet(4, kv=None, waiting=None, running=None)
    young = History(since=AT - 99_999, missing_since=AT - 21_599)
    assert step(snapshot(blind, history=young))[0] is not None
    assert step(snapshot(blind, history=replace(young, missing_since=AT - 21_600)))[0] is None


def test_missing_signals_are_forgotten_only_after_five_good_minutes() -> None:
    _, history = step(at(0, *fleet(3, kv=None)))
    assert history.missing_since == AT
    _, history = step(at(10, *fleet(3, kv=0.3), history=history))
    assert (history.missing_since, history.signals_good_since) == (AT, AT + 10)
    _, history = step(at(309, *fleet(3, kv=0.3), history=history))
    assert history.missing_since == AT
    _, history = step(at(310, *fleet(3, kv=0.3), history=history))
    assert history.missing_since is None


def test_a_deny_is_remembered_while_blind_and_forgotten_when_seen_safe() -> None:
    _, history = step(at(0, *fleet(4, kv=0.6)))
    assert history.last_deny == DenyMemory(4, Reason.KV_CACHE_PRESSURE, Test.KV_CACHE_USAGE, AT + 3600)
    blind = fleet(4, kv=None, waiting=None, running=None)
    found, history = step(at(100, *blind, history=history))
    assert found is not None
    assert (found.replicas, found.reason) == (4, Reason.KV_CACHE_PRESSURE)
    found, history = step(at(3600, *blind, history=history))
    assert found is not None
    assert (found.replicas, found.reason, history.last_deny) == (0, Reason.SIGNALS_MISSING, None)
    _, history = step(at(3700, *fleet(4, kv=0.0, running=0.0), history=history))
    assert history.last_deny is None


def test_a_kv_denial_is_renewed_above_the_allow_line_and_lapses_below() -> None:
    _, history = step(at(0, *fleet(4, kv=0.60)))
    assert history.kv_denied[3] == AT
    _, history = step(at(100, *fleet(4, kv=0.54), history=history))
    assert history.kv_denied[3] == AT + 100
    _, history = step(at(200, *fleet(4, kv=0.50), history=history))
    assert history.kv_denied[3] == AT + 100
    _, history = step(at(3700, *fleet(4, kv=0.50), history=history))
    assert 3 not in history.kv_denied


def test_replicas_that_leave_are_carried_until_others_take_their_place() -> None:
    a, b, c, d = (replica(name, kv=0.3) for name in "abcd")
    _, history = step(at(0, a, b, c))
    _, history = step(at(10, a, b, history=history))
    assert [one.replica.pod for one in history.removed] == ["c"]
    _, history = step(at(20, a, b, history=history))
    assert [one.at for one in history.removed] == [AT + 10]
    _, back = step(at(30, a, b, d, history=history))
    assert back.removed == ()
    _, later = step(at(310, a, b, history=history))
    assert later.removed == ()


def test_a_rollout_misses_nobody() -> None:
    _, history = step(at(0, replica("a"), replica("b")))
    _, history = step(at(10, replica("a"), replica("c"), history=history))
    assert history.removed == ()


@pytest.mark.parametrize("seconds", [299, 300])
def test_a_fresh_record_holds_until_it_spans_the_stabilization(seconds: int) -> None:
    _, history = step(at(0, *fleet(4, kv=0.3)))
    later = at(seconds, *fleet(4, kv=0.3), history=history)
    found, _ = step(later)
    assert found is not None
    expected = Reason.STABILIZING if seconds < 300 else Reason.KV_CACHE_PRESSURE
    assert found.autoscaler_reason is expected
    assert (found.replicas, found.autoscaler_replicas) == (2, 4 if seconds < 300 else 2)


def test_safe_counts_outside_the_window_are_dropped() -> None:
    old = History(since=AT - 9000, safe_counts=(Point(AT - 301, 4), Point(AT - 10, 2)))
    _, history = step(snapshot(fleet(4, kv=0.3), history=old))
    assert history.safe_counts == (Point(AT - 10, 2), Point(AT, 2))


def test_a_stuck_replica_is_remembered_since_when() -> None:
    sick = replica(kv=1.0, waiting=9.0, running=1.0, gen_tps=0.0, finish_rate=0.0)
    _, history = step(snapshot([sick, *fleet(3, kv=0.2)]))
    assert history.stuck_since == AT
