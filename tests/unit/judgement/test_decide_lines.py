"""What a verdict says beside its decision: when it lapses, whom it names, which numbers, and when each wait ends."""

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.judgement.decide import Judge
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Absent, Point
from scalewarden.model.snapshot import DenyMemory, History, Snapshot
from scalewarden.model.verdict import Decision, Prediction, Reason, Test, TestResult, Verdict
from tests.builders import AT, fleet, replica, snapshot

ALLOW, HOLD, DENY = Decision.ALLOW, Decision.HOLD, Decision.DENY
SICK: dict[str, Any] = {"kv": 0.2, "waiting": 9.0, "running": 1.0, "gen_tps": 0.0, "finish_rate": 0.0}
BLIND: dict[str, Any] = {"kv": None, "waiting": None, "running": None}


def judge(snap: Snapshot, to: int, policy: Policy = Policy()) -> Verdict:
    return Judge(snap, (), policy).decide(Intent(snap.replicas_desired, to, Actor.AUTOSCALER))


def one(verdict: Verdict, test: Test) -> TestResult:
    return next(result for result in verdict.tests if result.test is test)


# What is never refused ----------------------------------------------------------------------------------------------


def test_an_increase_passes_and_still_tells_the_safe_count() -> None:
    verdict = judge(snapshot(fleet(8, kv=0.20)), 9)
    assert (verdict.decision, verdict.reason, verdict.binding_test) == (ALLOW, Reason.NOT_A_DECREASE, None)
    assert verdict.message == "not a decrease: never refused"
    assert (verdict.safe_replicas, verdict.expires_at, verdict.predicted) == (3, None, Prediction())


def test_broken_glass_says_who_broke_it_why_and_what_was_safe() -> None:
    broken = Policy(break_glass_until=AT + 1, break_glass_reason="drill of 3 May")
    verdict = judge(snapshot(fleet(8, kv=0.20)), 1, broken)
    assert (verdict.decision, verdict.reason) == (ALLOW, Reason.BREAK_GLASS)
    assert verdict.message == "glass broken: drill of 3 May"
    assert (verdict.safe_replicas, verdict.tests) == (3, ())


def test_who_breaks_the_glass_for_zero_is_told_that_zero_is_safe() -> None:
    idle = snapshot(fleet(2, kv=0.0, running=0.0))
    assert judge(idle, 0, Policy(break_glass_until=AT + 1)).safe_replicas == 0
    assert judge(idle, 1, Policy(break_glass_until=AT + 1)).safe_replicas == 1


# When a refusal lapses ----------------------------------------------------------------------------------------------


def test_a_deny_lapses_an_hour_after_the_newest_sample_behind_it() -> None:
    pods = [replica(kv=0.9, age=40.0), replica(kv=0.9, age=20.0), replica(kv=0.9, age=30.0)]
    assert judge(snapshot(pods), 2).expires_at == AT - 20 + 3600
    assert judge(snapshot(pods, thresholds={"denyExpiry": 60}), 2).expires_at == AT - 20 + 60


def test_an_allow_does_not_lapse() -> None:
    assert judge(snapshot(fleet(4, kv=0.3)), 3).expires_at is None


def test_a_hold_for_what_is_not_seen_lapses_from_when_it_went_missing() -> None:
    missing = History(since=AT - 9000, missing_since=AT - 100)
    for pods in (fleet(3, **BLIND), (replica(kv=0.2), replica(kv=0.2), replica(**BLIND))):
        verdict = judge(snapshot(pods, history=missing), 2)
        assert verdict.reason in (Reason.SIGNALS_MISSING, Reason.PARTIAL_COVERAGE)
        assert verdict.expires_at == AT - 100 + 6 * 3600
    short = Policy(max_hold=600)
    assert judge(snapshot(fleet(3, **BLIND), history=missing), 2, short).expires_at == AT + 500


def test_offline_the_same_hold_lapses_from_now() -> None:
    assert judge(snapshot(fleet(3, **BLIND)), 2).expires_at == AT + 6 * 3600
    half = [replica(kv=0.2), replica(kv=0.2), replica(**BLIND)]
    assert judge(snapshot(half), 2).expires_at == AT + 6 * 3600


def test_a_hold_for_a_stuck_replica_lapses_half_an_hour_after_it_was_first_seen() -> None:
    pods = [replica(**SICK), *fleet(3, kv=0.2)]
    known = judge(snapshot(pods, history=History(since=AT - 9000, stuck_since=AT - 60)), 3)
    assert (known.reason, known.expires_at) == (Reason.REPLICA_STUCK, AT - 60 + 1800)
    assert judge(snapshot(pods), 3).expires_at == AT + 1800


def test_a_dwell_lapses_when_it_is_over() -> None:
    pods = [*fleet(3, kv=0.3), replica(kv=0.1, ready_since=AT - 100)]
    verdict = judge(snapshot(pods), 3)
    assert (verdict.reason, verdict.expires_at) == (Reason.IN_TRANSITION, AT + 200)


# Who is named -------------------------------------------------------------------------------------------------------


def test_of_many_that_stand_out_three_are_named_and_the_others_counted() -> None:
    hot = [replica(f"hot-{n}", kv=0.9) for n in range(5)]
    verdict = judge(snapshot([*fleet(115, kv=0.2), *hot]), 119)
    assert verdict.decision is ALLOW
    assert "left out of the worst case, look at hot-0, hot-1, hot-2 and 2 more" in verdict.message
    assert verdict.named == tuple(pod.pod for pod in hot)
    three = judge(snapshot([*fleet(117, kv=0.2), *hot[:3]]), 119)
    assert "hot-2" in three.message and "more" not in three.message


def test_a_refusal_names_nobody_in_its_text() -> None:
    verdict = judge(snapshot([*fleet(19, kv=0.69), replica("hot", kv=0.99)]), 10)
    assert (verdict.decision, verdict.named) == (DENY, ("hot",))
    assert "left out" not in verdict.message


def test_where_no_engine_exports_kv_usage_nobody_stands_out_for_it() -> None:
    never = Absent("the engine exports no KV-cache usage", for_good=True)
    assert Judge(snapshot(fleet(20, kv=never)), (), Policy()).named == ()


# Order, numbers, way out --------------------------------------------------------------------------------------------


def test_the_binding_test_comes_first_and_once() -> None:
    verdict = judge(snapshot(fleet(4, kv=0.2, preemptions=1)), 3)
    assert verdict.tests[0].test is Test.PREEMPTIONS
    assert sum(result.test is Test.PREEMPTIONS for result in verdict.tests) == 1


def test_an_allow_is_bound_by_the_test_nearest_to_its_line() -> None:
    full = judge(snapshot(fleet(4, kv=0.30, eff_batch=8.0, max_num_seqs=80)), 3)
    assert full.binding_test is Test.KV_CACHE_USAGE  # 0.40 of 0.70, against 0.13 of 0.70
    batch = judge(snapshot(fleet(4, kv=0.10, eff_batch=40.0, max_num_seqs=80)), 3)
    assert batch.binding_test is Test.CONCURRENCY  # 0.67 of 0.70, against 0.13 of 0.70
    assert batch.message.startswith("4→3 is safe: the fullest replica that stays would run at 67% of its batch limit")


def test_an_allow_gives_no_way_out() -> None:
    assert "4→" not in judge(snapshot(fleet(4, kv=0.3)), 3).message.removeprefix("4→3")


def test_the_way_out_by_whether_there_is_one() -> None:
    assert "; 8→3 is safe" in judge(snapshot(fleet(8, kv=0.20)), 2).message
    assert "; no removal is safe now" in judge(snapshot(fleet(4, kv=0.60)), 3).message
    assert "; the service is short of replicas as it is" in judge(snapshot(fleet(4, kv=0.75)), 3).message


def test_with_a_record_the_missing_stabilization_is_not_spoken_of() -> None:
    assert "no history" not in judge(snapshot(fleet(4, kv=0.3), history=History(since=AT - 9000)), 3).message


def test_of_no_replica_nothing_is_predicted() -> None:
    assert judge(snapshot(fleet(2, kv=0.0, running=0.0)), 0).predicted == Prediction()


def test_every_number_of_the_what_if_is_told() -> None:
    pods = fleet(4, kv=0.2, waiting=[0.0, 1.5], eff_batch=8.0, max_num_seqs=80)
    told = judge(snapshot(pods), 3).predicted
    # 4 × 0.75 waiting on average; the batch and what waits just now, over 80 sequences, four on three
    assert (told.kv_cache_usage, told.waiting_per_replica, told.throughput) == (0.2667, 1.0, None)
    assert told.concurrency == pytest.approx((8 + 0.75) / 80 * 4 / 3, abs=1e-4)


def test_tokens_say_nothing_beside_a_queue() -> None:
    pods = {"kv": 0.2, "gen_tps": 100.0}
    known = {"sustainable_tps": 1000.0}
    calm = judge(snapshot(fleet(4, **pods), **known), 3).predicted
    assert calm.throughput == pytest.approx(400 / 3 / 1000, abs=1e-4)
    assert judge(snapshot(fleet(4, waiting=[0.0, 1.0], **pods), **known), 3).predicted.throughput is None


def test_zero_is_offered_to_who_asks_for_it_and_to_nobody_else() -> None:
    asked = Judge(snapshot(fleet(3, kv=0.0, running=0.0)), (), Policy())
    assert [asked.safe_replicas(to) for to in (2, 1, 0, 2)] == [1, 1, 0, 1]


# The second of each wait --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unready", "decision"), [(300.0, HOLD), (300.1, ALLOW)])
def test_a_pod_may_still_come_until_a_start_is_over(unready: float, decision: Decision) -> None:
    pods = [*fleet(3, kv=0.9), replica(ready=False, kv=None, unready_since=AT - unready)]
    verdict = judge(snapshot(pods), 3)
    assert verdict.decision is decision
    if decision is HOLD:
        said = "the service is under pressure and the pods that would go are still starting"
        assert verdict.message.startswith(f"4→3 is held: {said}; ")


def test_pods_that_do_not_serve_ask_for_no_test_in_a_calm_service() -> None:
    verdict = judge(snapshot([*fleet(3, kv=0.3), replica(ready=False, kv=None, unready_since=AT - 10)]), 3)
    assert (verdict.reason, verdict.tests, verdict.binding_test) == (Reason.NOT_READY_PODS_ONLY, (), None)


@pytest.mark.parametrize(("ago", "held"), [(3599.9, True), (3600.0, False)])
def test_the_band_after_a_refusal_lasts_as_long_as_the_refusal(ago: float, held: bool) -> None:
    told = History(since=AT - 9000, kv_denied={3: AT - ago})
    verdict = judge(snapshot(fleet(4, kv=0.50), history=told), 3)
    assert (one(verdict, Test.KV_CACHE_USAGE).decision is HOLD) is held
    assert ("after a refusal only from 0.65" in verdict.message) is held


def test_on_the_lower_edge_of_the_band_a_removal_is_safe_again() -> None:
    told = History(since=AT - 9000, kv_denied={2: AT - 60})
    assert judge(snapshot(fleet(3, kv=0.325 * 4 / 3), history=told), 2).decision is ALLOW  # 0.65
    assert judge(snapshot(fleet(3, kv=0.65), history=told), 2).decision is DENY


def test_a_refusal_of_one_count_puts_no_band_on_another() -> None:
    told = History(since=AT - 9000, kv_denied={2: AT - 60})
    assert judge(snapshot(fleet(4, kv=0.50), history=told), 3).decision is ALLOW


@pytest.mark.parametrize(
    ("to", "left", "decision"),
    [(1, 1.0, DENY), (2, 1.0, HOLD), (1, 0.0, HOLD)],
)
def test_a_remembered_deny_covers_the_counts_below_it_until_its_second(
    to: int, left: float, decision: Decision
) -> None:
    deny = DenyMemory(2, Reason.PREEMPTING, Test.PREEMPTIONS, AT + left)
    verdict = judge(snapshot(fleet(4, **BLIND), history=History(since=AT - 9000, last_deny=deny)), to)
    assert verdict.decision is decision
    if decision is DENY:
        assert (verdict.reason, verdict.binding_test, verdict.expires_at) == (
            Reason.PREEMPTING, Test.PREEMPTIONS, AT + 1,
        )  # fmt: skip
        assert "refused on the last good signals; they are missing now" in verdict.message


def test_a_remembered_deny_is_silent_while_all_is_seen() -> None:
    deny = DenyMemory(4, Reason.PREEMPTING, Test.PREEMPTIONS, AT + 60)
    seen = snapshot(fleet(4, kv=0.3), history=History(since=AT - 9000, last_deny=deny))
    assert judge(seen, 3).decision is ALLOW


# The declared minimum -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("to", "decision"), [(2, DENY), (3, ALLOW)])
def test_the_declared_minimum_itself_may_be_reached(to: int, decision: Decision) -> None:
    verdict = judge(snapshot(fleet(4, kv=0.1)), to, Policy(min_replicas=3))
    result = one(verdict, Test.DECLARED_MINIMUM)
    assert (verdict.decision, result.decision, result.reason) == (decision, decision, Reason.BELOW_MINIMUM)
    assert (result.value, result.allow) == (to, 3)
    assert verdict.safe_replicas == 3
    said = "2 is below the declared minimum of 3" if to == 2 else "the declared minimum is 3"
    assert result.message == said


def test_without_a_declared_minimum_there_is_no_such_test() -> None:
    verdict = judge(snapshot(fleet(4, kv=0.1)), 3)
    assert Test.DECLARED_MINIMUM not in {result.test for result in verdict.tests}


# Stabilization ------------------------------------------------------------------------------------------------------


def test_stabilization_says_how_long_and_is_never_asked_offline() -> None:
    counts = (Point(AT - 100, 4.0),)
    waits = judge(snapshot(fleet(4, kv=0.3), history=History(since=AT - 9000, safe_counts=counts)), 3)
    result = one(waits, Test.STABILIZATION)
    assert (result.decision, result.reason) == (HOLD, Reason.STABILIZING)
    assert result.message == "it has not been safe for 300 s without a break"
    held = judge(snapshot(fleet(4, kv=0.3), history=History(since=AT - 9000)), 3, Policy(stabilization=120))
    passed = one(held, Test.STABILIZATION)
    assert (passed.decision, passed.reason, passed.message) == (ALLOW, Reason.STABILIZING, "safe for 120 s")
    offline = judge(snapshot(fleet(4, kv=0.3)), 3)
    assert Test.STABILIZATION not in {result.test for result in offline.tests}


def test_zero_needs_no_count_in_the_record_to_have_settled() -> None:
    settled = History(since=AT - 9000)
    assert judge(snapshot(fleet(2, kv=0.0, running=0.0), history=settled), 0).decision is ALLOW


def test_a_count_leaves_the_window_at_its_last_second() -> None:
    def safe(ago: float) -> int:
        told = History(since=AT - 9000, safe_counts=(Point(AT - ago, 4.0),))
        return judge(snapshot(fleet(4, kv=0.3), history=told), 3).safe_replicas

    assert (safe(299.9), safe(300.0)) == (4, 2)


def test_a_safe_count_of_a_larger_fleet_is_no_more_than_what_is_asked_for_now() -> None:
    told = History(since=AT - 9000, safe_counts=(Point(AT - 100, 9.0),))
    assert judge(snapshot(fleet(4, kv=0.3), history=told), 3).safe_replicas == 4


def test_judging_twice_gives_the_same_and_actors_are_kept_apart() -> None:
    snap = snapshot(fleet(4, kv=0.3))
    judged = Judge(snap, (), Policy())
    intent = Intent(4, 3, Actor.USER)
    assert judged.decide(intent) == judged.decide(intent) == Judge(replace(snap), (), Policy()).decide(intent)
