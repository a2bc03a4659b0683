"""The two floors that admission enforces, told to the word, and the whole of what an evaluation leaves behind."""

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.frontier import EXPLANATION, Frontier, frontier
from scalewarden.judgement.left import with_those_that_left
from scalewarden.judgement.remember import remember
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Absent, Point
from scalewarden.model.snapshot import DenyMemory, History, Pair, Removed, ScaleUp, Snapshot
from scalewarden.model.verdict import Reason, Test
from tests.builders import AT, fleet, hpa, later, pods_metric, replica, snapshot

BLIND: dict[str, Any] = {"kv": None, "waiting": None, "running": None}
SICK: dict[str, Any] = {"kv": 0.2, "waiting": 9.0, "running": 1.0, "gen_tps": 0.0, "finish_rate": 0.0}


def found(snap: Snapshot, policy: Policy = Policy()) -> Frontier | None:
    return frontier(Judge(snap, (), policy))


def left(snap: Snapshot, policy: Policy = Policy()) -> History:
    judge = Judge(with_those_that_left(snap), (), policy)
    return remember(judge, frontier(judge))


# Floors -------------------------------------------------------------------------------------------------------------


def test_a_floor_that_both_share() -> None:
    assert found(snapshot(fleet(8, kv=0.20))) == Frontier(
        replicas=3,
        autoscaler_replicas=3,
        reason=Reason.KV_CACHE_PRESSURE,
        binding_test=Test.KV_CACHE_USAGE,
        message=EXPLANATION[Reason.KV_CACHE_PRESSURE],
        expires_at=AT + 3600,
        autoscaler_reason=Reason.KV_CACHE_PRESSURE,
        autoscaler_message=EXPLANATION[Reason.KV_CACHE_PRESSURE],
    )


def test_each_floor_has_its_own_reason_and_the_later_end_counts() -> None:
    warming = [*fleet(3, kv=0.45), replica(kv=0.1, ready_since=AT - 100)]
    assert found(snapshot(warming)) == Frontier(
        replicas=3,  # on two of them the worst would stand over 0.80, three would carry 0.60
        autoscaler_replicas=4,
        reason=Reason.KV_CACHE_PRESSURE,
        binding_test=Test.KV_CACHE_USAGE,
        message=EXPLANATION[Reason.KV_CACHE_PRESSURE],
        expires_at=AT + 3600,
        autoscaler_reason=Reason.IN_TRANSITION,
        autoscaler_message=EXPLANATION[Reason.IN_TRANSITION],
    )


def test_where_nobody_is_denied_the_hold_is_told() -> None:
    blind = found(snapshot(fleet(3, **BLIND)))
    assert blind is not None
    assert (blind.replicas, blind.autoscaler_replicas, blind.binding_test) == (0, 3, Test.COVERAGE)
    assert blind.message == blind.autoscaler_message == EXPLANATION[Reason.SIGNALS_MISSING]
    assert blind.expires_at == AT + 6 * 3600


def test_the_floor_of_autoscalers_hears_of_their_own_trigger() -> None:
    kv_hpa = hpa(pods_metric("vllm:kv_cache_usage_perc", 0.5))
    bounce = found(snapshot(fleet(4, kv=0.40), autoscalers=[kv_hpa]))
    assert bounce is not None and bounce.autoscaler_replicas == 4
    calm = found(snapshot(fleet(4, kv=0.40)))
    assert calm is not None and calm.autoscaler_replicas == 3


def test_a_minimum_of_none_is_no_floor() -> None:
    assert found(snapshot(fleet(2, kv=0.0, running=0.0)), Policy(min_replicas=0)) is None
    one = found(snapshot(fleet(2, kv=0.0, running=0.0)), Policy(min_replicas=1))
    assert one is not None and (one.replicas, one.reason) == (1, Reason.BELOW_MINIMUM)


@pytest.mark.parametrize(("ago", "floor"), [(1799.0, 4), (1800.0, 2)])
def test_a_lapsed_hold_gives_way_to_what_holds_below_it(ago: float, floor: int) -> None:
    """With one stuck, a removal of three could leave only that one."""
    sick = [replica(**SICK), *fleet(3, kv=0.1)]
    held = found(snapshot(sick, history=History(since=AT - 9000, stuck_since=AT - ago)))
    assert held is not None and held.autoscaler_replicas == floor


# What is left behind ------------------------------------------------------------------------------------------------


def test_the_first_record_of_a_calm_service() -> None:
    pods = fleet(4, kv=0.30)
    snap = snapshot(pods)
    first = left(snap)
    assert first == History(
        since=AT,
        safe_counts=(Point(AT, 2),),
        kv_denied={1: AT},
        last_ready=snap.ready,
        wanted=(Point(AT, 4.0),),
        last_deny=DenyMemory(2, Reason.KV_CACHE_PRESSURE, Test.KV_CACHE_USAGE, AT + 3600),
        signals_good_since=AT,
        most_ready=4,
        pairs=first.pairs,
        regret=first.regret,
    )


def test_the_next_record_keeps_what_still_holds() -> None:
    first = left(snapshot(fleet(4, kv=0.30)))
    second = left(later(snapshot(fleet(4, kv=0.30), history=first), 15.0))
    assert (second.since, second.signals_good_since, second.most_ready) == (AT, AT, 4)
    assert second.safe_counts == (Point(AT, 2), Point(AT + 15, 2))  # what passes now, however young the record


def test_replicas_that_came_are_a_scale_up() -> None:
    pods = fleet(4, kv=0.30, gen_tps=100.0)
    grown = left(later(snapshot(pods, history=left(snapshot(fleet(2, kv=0.30, gen_tps=100.0)))), 15.0))
    assert grown.scale_up == ScaleUp(AT + 15, 2, 4, 200.0, 0.0)
    assert grown.most_ready == 4


def test_what_is_stuck_or_missing_is_remembered_since_its_first_second() -> None:
    sick = [replica(**SICK), *fleet(3, kv=0.2)]
    known = History(since=AT - 9000, stuck_since=AT - 77, missing_since=AT - 88)
    told = left(snapshot(sick, history=known))
    assert told.stuck_since == AT - 77
    assert left(snapshot(fleet(3, kv=0.2), history=known)).stuck_since is None
    blind = left(snapshot(fleet(3, **BLIND), history=replace(known, signals_good_since=AT - 5)))
    assert (blind.missing_since, blind.signals_good_since) == (AT - 88, None)


@pytest.mark.parametrize("pods", [fleet(3, kv=0.2, age=100.0), (replica(kv=0.2), replica(**BLIND))])
def test_stale_and_partial_signals_are_not_good(pods: tuple[Any, ...]) -> None:
    told = left(snapshot(pods))
    assert (told.missing_since, told.signals_good_since) == (AT, None)


def test_a_prediction_on_the_line_raises_and_one_on_the_other_line_does_not_renew() -> None:
    assert left(snapshot(fleet(4, kv=0.60))).kv_denied.keys() == {1, 2, 3}  # 0.80 on three
    assert 3 not in left(snapshot(fleet(4, kv=0.59))).kv_denied
    denied = History(since=AT - 9000, kv_denied={3: AT - 100, 2: AT - 3600})
    kept = left(snapshot(fleet(4, kv=0.525), history=denied)).kv_denied  # 0.70 on three
    assert kept[3] == AT - 100
    assert left(snapshot(fleet(4, kv=0.526), history=denied)).kv_denied[3] == AT


def test_unmeasured_predictions_raise_nothing_and_drop_nothing() -> None:
    denied = History(since=AT - 9000, kv_denied={2: AT - 100})
    assert left(snapshot(fleet(3, **BLIND), history=denied)).kv_denied == {2: AT - 100}
    never = Absent("the engine exports no KV-cache usage", for_good=True)
    assert left(snapshot(fleet(3, kv=never))).kv_denied == {}


def test_a_declared_minimum_is_no_evidence_to_remember() -> None:
    idle = snapshot(fleet(4, kv=0.0, running=0.0))
    assert left(idle, Policy(min_replicas=3)).last_deny is None


@pytest.mark.parametrize(("seconds", "carried"), [(299.9, ["c"]), (300.0, [])])
def test_who_left_is_carried_for_five_minutes(seconds: float, carried: list[str]) -> None:
    a, b, c = (replica(name, kv=0.3) for name in "abc")
    told = History(since=AT - 9000, last_ready=(a, b), removed=(Removed(c, AT - seconds),))
    assert [one.replica.pod for one in left(snapshot([a, b], history=told)).removed] == carried


def test_as_many_are_missed_as_are_missing_the_newest_of_them() -> None:
    a, b, c, d, new = (replica(name, kv=0.3) for name in ("a", "b", "c", "d", "new"))
    told = History(since=AT - 9000, last_ready=(a, b, c), removed=(Removed(d, AT - 100),))
    assert left(snapshot([a, new], history=told)).removed == (Removed(b, AT), Removed(c, AT))
    assert left(snapshot([a, new, replica("newer")], history=told)).removed == (Removed(c, AT),)
    assert left(snapshot([a, d, new], history=told)).removed == ()


def test_a_record_leaves_the_window_at_its_last_second() -> None:
    old = (Point(AT - 300, 4), Point(AT - 299.9, 3))
    told = left(snapshot(fleet(4, kv=0.3), history=History(since=AT - 9000, safe_counts=old)))
    assert told.safe_counts == (Point(AT - 299.9, 3), Point(AT, 2))


def test_zero_counts_as_safe_for_whoever_asks_for_it_later() -> None:
    assert left(snapshot(fleet(3, kv=0.0, running=0.0))).safe_counts == (Point(AT, 0),)


@pytest.mark.parametrize(("ends", "kept"), [(1.0, True), (0.0, False)])
def test_a_deny_is_kept_while_blind_until_it_ends(ends: float, kept: bool) -> None:
    deny = DenyMemory(2, Reason.PREEMPTING, Test.PREEMPTIONS, AT + ends)
    told = left(snapshot(fleet(3, **BLIND), history=History(since=AT - 9000, last_deny=deny)))
    assert told.last_deny == (deny if kept else None)


def test_a_deny_is_remembered_with_its_own_test() -> None:
    deny = left(snapshot(fleet(4, kv=0.1, preemptions=2))).last_deny
    assert deny == DenyMemory(4, Reason.PREEMPTING, Test.PREEMPTIONS, AT + 3600)


def test_pairs_of_an_hour_ago_are_forgotten_with_the_next_record() -> None:
    known = History(
        since=AT - 9000, pairs=(Pair(AT - 3601, 0.5, 0.02), Pair(AT - 3600, 0.4, 0.03), Pair(AT - 1, 0.3, 0.01))
    )
    assert left(snapshot(fleet(3, kv=0.2), history=known)).pairs == known.pairs[1:]
