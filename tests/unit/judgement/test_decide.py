"""decide(): every test at its lines, the order of reasons, what time does, and what is said."""

from typing import Any

import pytest

from scalewarden.judgement.decide import decide
from scalewarden.model.finding import Finding, Severity, Status
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Objectives, Policy
from scalewarden.model.signal import Absent, Point, SignalName
from scalewarden.model.snapshot import DenyMemory, History, Removed, Snapshot
from scalewarden.model.verdict import Decision, Reason, Test, Verdict
from scalewarden.model.workload import Routing
from tests.builders import AT, fleet, hpa, pods_metric, reading, replica, snapshot, target

ALLOW, HOLD, DENY = Decision.ALLOW, Decision.HOLD, Decision.DENY
IDLE = Finding("UTL104", "genuinely-idle", Status.FIRED, Severity.INFO, "idle")


def judge(snap: Snapshot, to: int | None = None, policy: Policy = Policy(), **how: Any) -> Verdict:
    count = snap.replicas_desired
    wanted = Intent(count, count - 1 if to is None else to, how.get("actor", Actor.AUTOSCALER))
    return decide(snap, how.get("findings", ()), wanted, policy)


def calm(count: int = 4, **more: Any) -> Snapshot:
    return snapshot(fleet(count, kv=0.30), **more)


def outcome(verdict: Verdict) -> tuple[Decision, Reason, Test | None]:
    return verdict.decision, verdict.reason, verdict.binding_test


# Each test at its lines ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waiting", "decision"),
    [([0.0, 6.0], ALLOW), ([0.0, 12.1], HOLD), ([0.0, 30.0], DENY)],
)
def test_queue_per_survivor(waiting: list[float], decision: Decision) -> None:
    snap = snapshot([replica(kv=0.2, waiting=waiting), *fleet(3, kv=0.2)])
    verdict = judge(snap)
    assert verdict.decision is decision
    if decision is not ALLOW:
        assert outcome(verdict)[1:] == (Reason.QUEUE_PRESSURE, Test.WAITING_PER_REPLICA)


@pytest.mark.parametrize(
    ("waiting", "decision"),
    [
        ([1.0] * 9, HOLD),
        ([2.0] * 9, DENY),
        ([1.0] * 8 + [0.0], ALLOW),
        ([1.0, 1.0], HOLD),
        ([0.2 * n for n in range(1, 10)], DENY),
    ],
)
def test_a_standing_queue(waiting: list[float], decision: Decision) -> None:
    verdict = judge(snapshot([replica(kv=0.1, waiting=waiting), *fleet(5, kv=0.1)]))
    assert verdict.decision is decision
    if decision is not ALLOW:
        assert outcome(verdict)[1:] == (Reason.QUEUE_PRESSURE, Test.WAITING_NEVER_ZERO)


@pytest.mark.parametrize(("batch", "decision"), [(42.0, ALLOW), (43.0, HOLD), (51.0, DENY)])
def test_concurrency(batch: float, decision: Decision) -> None:
    snap = snapshot(fleet(4, kv=0.1, eff_batch=batch, max_num_seqs=80))
    verdict = judge(snap)
    assert verdict.decision is decision
    assert verdict.predicted.concurrency == pytest.approx(batch / 80 * 4 / 3, abs=1e-4)
    if decision is not ALLOW:
        assert outcome(verdict)[1:] == (Reason.CONCURRENCY_BOUND, Test.CONCURRENCY)


@pytest.mark.parametrize(("tokens", "decision"), [(525.0, ALLOW), (530.0, HOLD), (640.0, DENY)])
def test_throughput_of_a_learned_or_declared_capacity(tokens: float, decision: Decision) -> None:
    verdict = judge(snapshot(fleet(4, kv=0.1, gen_tps=tokens), sustainable_tps=1000.0))
    assert verdict.decision is decision
    assert verdict.predicted.throughput == pytest.approx(tokens / 1000 * 4 / 3, abs=1e-4)


def test_a_queue_hides_throughput_but_never_excuses_it() -> None:
    queued = fleet(4, kv=0.1, waiting=[0.0, 1.0], gen_tps=900.0)
    verdict = judge(snapshot(queued, sustainable_tps=1000.0))
    assert verdict.predicted.throughput is None
    assert outcome(verdict) == (HOLD, Reason.THROUGHPUT_BOUND, Test.THROUGHPUT)


@pytest.mark.parametrize(("itl", "decision"), [(0.064, ALLOW), (0.066, HOLD), (0.080, HOLD), (0.081, DENY)])
def test_declared_latency(itl: float, decision: Decision) -> None:
    measured = {"itl_p95": reading("itl_p95", itl, observations=400)}
    verdict = judge(calm(objectives=Objectives(itl_p95=0.08), service=measured))
    assert verdict.decision is decision
    if decision is not ALLOW:
        assert outcome(verdict)[1:] == (Reason.LATENCY_AT_RISK, Test.INTER_TOKEN_LATENCY)


def test_too_few_observations_say_nothing() -> None:
    measured = {"itl_p95": reading("itl_p95", 9.0, observations=19)}
    assert judge(calm(objectives=Objectives(itl_p95=0.08), service=measured)).decision is ALLOW


def test_ttft_is_silent_beside_a_queue_when_calm_and_holds_when_bad() -> None:
    queued = [replica(kv=0.1, waiting=[0.0, 1.0]), *fleet(3, kv=0.1)]
    for ttft, decision in ((0.1, ALLOW), (5.0, HOLD)):
        measured = {"ttft_p95": reading("ttft_p95", ttft, observations=50)}
        assert judge(snapshot(queued, objectives=Objectives(ttft_p95=2.0), service=measured)).decision is decision


def test_any_preemption_denies() -> None:
    verdict = judge(snapshot([replica(kv=0.2, preemptions=1), *fleet(3, kv=0.2, preemptions=0)]))
    assert outcome(verdict) == (DENY, Reason.PREEMPTING, Test.PREEMPTIONS)


def test_the_declared_minimum_comes_first() -> None:
    verdict = judge(snapshot(fleet(4, kv=0.9)), policy=Policy(min_replicas=4))
    assert outcome(verdict) == (DENY, Reason.BELOW_MINIMUM, Test.DECLARED_MINIMUM)


def test_queued_prompts_count_as_kv_to_come() -> None:
    sizes = {
        "input_tokens": reading("input_tokens", 3000.0, observations=50),
        "output_tokens": reading("output_tokens", 2000.0, observations=50),
        "kv_tokens": 40_000.0,
    }
    busy = [replica(kv=0.45, waiting=[0.0, 8.0], **sizes), *fleet(3, kv=0.45, **sizes)]
    verdict = judge(snapshot(busy))
    # 4 waiting on average × (3000 + 1000) tokens over 3 caches of 40,000
    assert verdict.predicted.kv_cache_usage == pytest.approx(0.60 + 4 * 4000 / 120_000, abs=1e-3)


def test_a_rise_is_carried_on_until_a_replacement_is_ready() -> None:
    rising = tuple(Point(AT - 600 + 15 * n, 0.10 + 0.30 * n / 40) for n in range(41))
    flat = judge(snapshot(fleet(4, kv=0.40)))
    risen = judge(snapshot(fleet(4, kv=rising)))
    # 0.30 in 600 s and a cold start of 300 s: 0.15 more a replica, four replicas on three
    assert risen.predicted.kv_cache_usage == pytest.approx(
        (flat.predicted.kv_cache_usage or 0) + 4 * 0.15 / 3, abs=1e-3
    )


def test_sticky_routing_may_land_a_whole_victim_on_one_survivor() -> None:
    assert judge(snapshot(fleet(4, kv=0.40), routing=Routing.STICKY)).predicted.kv_cache_usage == pytest.approx(0.80)


def test_unequal_replicas_are_compared_in_tokens() -> None:
    big, small = replica(kv=0.5, kv_tokens=100_000.0), replica(kv=0.1, kv_tokens=10_000.0)
    verdict = judge(snapshot([big, big, small]))
    # 50,000 tokens on two survivors: 25,000 on a cache of 10,000
    assert verdict.predicted.kv_cache_usage == pytest.approx(0.1 + 2.5)


def test_the_acting_autoscalers_own_trigger_would_bounce() -> None:
    kv_hpa = hpa(pods_metric("vllm:kv_cache_usage_perc", 0.5))
    snap = snapshot(fleet(4, kv=0.40), autoscalers=[kv_hpa])
    assert outcome(judge(snap)) == (HOLD, Reason.KV_CACHE_PRESSURE, Test.AUTOSCALER_BOUNCE)
    assert judge(snap, actor=Actor.USER).decision is ALLOW


# Trust ---------------------------------------------------------------------------------------------------------------


def test_all_signals_missing_holds_as_missing() -> None:
    verdict = judge(snapshot(fleet(4, kv=None, waiting=None, running=None)))
    assert outcome(verdict) == (HOLD, Reason.SIGNALS_MISSING, Test.COVERAGE)


@pytest.mark.parametrize(
    ("age", "reason"), [(60.0, None), (61.0, Reason.SIGNALS_MISSING), (300.0, Reason.SIGNALS_MISSING)]
)
def test_age(age: float, reason: Reason | None) -> None:
    verdict = judge(snapshot(fleet(4, kv=0.3, age=age)))
    assert (verdict.decision, verdict.reason) == ((ALLOW, Reason.SAFE_TO_REMOVE) if reason is None else (HOLD, reason))


def test_one_stale_replica_holds_as_partial() -> None:
    verdict = judge(snapshot([replica(kv=0.3, age=100.0), *fleet(3, kv=0.3)]))
    assert outcome(verdict) == (HOLD, Reason.PARTIAL_COVERAGE, Test.SAMPLE_AGE)


def test_one_sample_is_no_window() -> None:
    once = replica(kv=[0.1], waiting=[0.0], running=[1.0])
    verdict = judge(snapshot([once, once]))
    assert outcome(verdict) == (HOLD, Reason.SIGNALS_MISSING, Test.COVERAGE)
    assert "seen only once" in verdict.message
    assert outcome(judge(snapshot([once, replica(kv=0.1)])))[:2] == (HOLD, Reason.PARTIAL_COVERAGE)
    full = replica(kv=[0.9], waiting=[0.0], running=[1.0])
    assert judge(snapshot([full, full])).reason is Reason.KV_CACHE_PRESSURE


def test_an_engine_without_kv_needs_the_other_tests() -> None:
    never = Absent("the engine exports no KV-cache usage", for_good=True)
    known = {"eff_batch": 4.0, "max_num_seqs": 64}
    assert outcome(judge(snapshot(fleet(4, kv=never, **known)))) == (HOLD, Reason.SIGNALS_MISSING, Test.COVERAGE)
    served = {"e2e_p99": reading("e2e_p99", 3.0, observations=100)}
    objectives = Objectives(e2e_p99=30.0)
    assert judge(snapshot(fleet(4, kv=never, **known), service=served, objectives=objectives)).decision is ALLOW


def test_a_stuck_replica_is_not_spare_and_not_load() -> None:
    sick = replica(kv=1.0, waiting=9.0, running=1.0, gen_tps=0.0, finish_rate=0.0)
    snap = snapshot([sick, *fleet(3, kv=0.2)])
    assert outcome(judge(snap)) == (HOLD, Reason.REPLICA_STUCK, Test.STUCK_REPLICA)
    long_ago = History(since=AT - 9000, stuck_since=AT - 1800)
    lapsed = snapshot([sick, *fleet(3, kv=0.2)], history=long_ago)
    assert judge(lapsed).decision is ALLOW


# Zero, not-ready pods, ordered targets -------------------------------------------------------------------------------


def test_zero_only_when_idle() -> None:
    busy = snapshot([replica(kv=0.0, running=[0.0] * 20 + [1.0] + [0.0] * 19)])
    assert outcome(judge(busy, 0)) == (DENY, Reason.REQUESTS_IN_FLIGHT, Test.REQUESTS_IN_FLIGHT)
    idle = snapshot([replica(kv=0.0, running=0.0)])
    verdict = judge(idle, 0, findings=(IDLE,))
    assert (verdict.decision, verdict.reason, verdict.safe_replicas) == (ALLOW, Reason.GENUINELY_IDLE, 0)


def test_zero_on_too_little_data_holds() -> None:
    assert outcome(judge(snapshot([replica(kv=0.0, running=[0.0, 0.0])]), 0))[:2] == (HOLD, Reason.SIGNALS_MISSING)


def test_zero_is_never_offered() -> None:
    snap = snapshot(fleet(3, kv=0.0, running=0.0))
    assert judge(snap, findings=(IDLE,)).safe_replicas == 1


def test_pods_that_are_not_ready_may_go() -> None:
    snap = snapshot([*fleet(3, kv=0.72), replica(ready=False, kv=None, unready_since=AT - 10)])
    assert outcome(judge(snap))[:2] == (ALLOW, Reason.NOT_READY_PODS_ONLY)


@pytest.mark.parametrize(("unready", "decision"), [(10.0, HOLD), (301.0, ALLOW)])
def test_a_service_in_need_keeps_pods_that_may_still_come(unready: float, decision: Decision) -> None:
    snap = snapshot([*fleet(3, kv=0.9), replica(ready=False, kv=None, unready_since=AT - unready)])
    verdict = judge(snap)
    assert verdict.decision is decision
    assert verdict.reason is (Reason.IN_TRANSITION if decision is HOLD else Reason.NOT_READY_PODS_ONLY)


def test_a_statefulset_loses_its_highest_ordinals_ready_or_not() -> None:
    pods = [replica(kv=kv, ordinal=n, ready=n != 1) for n, kv in enumerate((0.5, 0.0, 0.1, 0.1))]
    snap = snapshot(pods, target=target("StatefulSet"))
    verdict = judge(snap, 3)
    # ordinal 3 goes with its 0.1, although the pod of ordinal 1 is not ready
    assert verdict.predicted.kv_cache_usage == pytest.approx(0.5 + 0.1 / 2)


# Time ----------------------------------------------------------------------------------------------------------------


def settled(**more: Any) -> History:
    return History(since=AT - 9000, **more)


def test_allow_must_have_held() -> None:
    young = calm(history=History(since=AT - 299))
    assert outcome(judge(young)) == (HOLD, Reason.STABILIZING, Test.STABILIZATION)
    assert judge(young).safe_replicas == 4
    broken = calm(history=settled(safe_counts=(Point(AT - 100, 4.0), Point(AT - 50, 2.0))))
    assert judge(broken).reason is Reason.STABILIZING
    assert judge(broken).safe_replicas == 4
    held = calm(history=settled(safe_counts=(Point(AT - 301, 4.0), Point(AT - 299, 3.0), Point(AT - 50, 2.0))))
    assert (judge(held).decision, judge(held).safe_replicas) == (ALLOW, 3)
    assert judge(held, 2).reason is Reason.STABILIZING


def test_after_a_deny_the_prediction_must_fall_below_the_band() -> None:
    just_under = snapshot(fleet(4, kv=0.50), history=settled(kv_denied={3: AT - 60}))
    assert outcome(judge(just_under)) == (HOLD, Reason.KV_CACHE_PRESSURE, Test.KV_CACHE_USAGE)
    clear = snapshot(fleet(4, kv=0.48), history=settled(kv_denied={3: AT - 60}))
    assert judge(clear).decision is ALLOW
    lapsed = snapshot(fleet(4, kv=0.50), history=settled(kv_denied={3: AT - 3600}))
    assert judge(lapsed).decision is ALLOW


def test_dwell_after_a_replica_became_ready() -> None:
    def warming(ago: float, cold_start: float | None = None) -> Verdict:
        pods = [*fleet(3, kv=0.3), replica(kv=0.0, ready_since=AT - ago)]
        return judge(snapshot(pods, cold_start=cold_start))

    assert outcome(warming(299)) == (HOLD, Reason.IN_TRANSITION, Test.TRANSITION)
    assert warming(300).decision is ALLOW
    assert warming(300, cold_start=700).reason is Reason.IN_TRANSITION


def test_what_just_left_must_still_be_carried() -> None:
    left = replica("gone", kv=0.50)
    recent = snapshot(fleet(3, kv=0.50), history=settled(removed=(Removed(left, AT - 299),)))
    assert outcome(judge(recent)) == (DENY, Reason.KV_CACHE_PRESSURE, Test.KV_CACHE_USAGE)
    assert judge(recent).predicted.kv_cache_usage == pytest.approx(0.5 + 1.0 / 2)
    earlier = snapshot(fleet(3, kv=0.40), history=settled(removed=(Removed(left, AT - 300),)))
    assert judge(earlier).predicted.kv_cache_usage == pytest.approx(0.6)


def test_a_deny_outlives_its_signals_until_it_expires() -> None:
    deny = DenyMemory(4, Reason.KV_CACHE_PRESSURE, Test.KV_CACHE_USAGE, AT + 60)
    blind = fleet(4, kv=None, waiting=None, running=None)
    verdict = judge(snapshot(blind, history=settled(last_deny=deny)))
    assert (verdict.decision, verdict.reason, verdict.expires_at) == (DENY, Reason.KV_CACHE_PRESSURE, AT + 60)
    expired = DenyMemory(4, Reason.KV_CACHE_PRESSURE, Test.KV_CACHE_USAGE, AT)
    assert judge(snapshot(blind, history=settled(last_deny=expired))).reason is Reason.SIGNALS_MISSING


def test_break_glass_allows_until_it_expires() -> None:
    snap = snapshot(fleet(4, kv=0.9))
    assert judge(snap, policy=Policy(break_glass_until=AT + 1, break_glass_reason="drill")).reason is Reason.BREAK_GLASS
    assert judge(snap, policy=Policy(break_glass_until=AT)).decision is DENY


# Words and order ------------------------------------------------------------------------------------------------------


def test_reasons_come_in_their_order_at_the_worst_level() -> None:
    everything = fleet(4, kv=0.95, waiting=30.0, preemptions=3, eff_batch=79.0, max_num_seqs=80)
    assert judge(snapshot(everything)).reason is Reason.KV_CACHE_PRESSURE
    roomy = fleet(4, kv=0.10, waiting=30.0, preemptions=3, eff_batch=79.0, max_num_seqs=80)
    assert judge(snapshot(roomy)).reason is Reason.PREEMPTING


def test_the_message_gives_the_number_and_the_way_out() -> None:
    verdict = judge(snapshot(fleet(8, kv=0.20)), 2)
    assert verdict.message.startswith(
        "8→2 is refused: KV-cache usage of the fullest replica that stays would peak at 0.80"
    )
    assert "8→3 is safe" in verdict.message
    assert "stabilization not applied" in verdict.message
    short = judge(snapshot(fleet(4, kv=0.95)))
    assert short.safe_replicas == 4
    assert "short of replicas" in short.message


def test_skipped_tests_are_named() -> None:
    verdict = judge(calm())
    skipped = {result.test for result in verdict.tests if result.skipped}
    assert {Test.CONCURRENCY, Test.THROUGHPUT, Test.INTER_TOKEN_LATENCY, Test.PREEMPTIONS} <= skipped


def test_an_absent_signal_is_not_zero_waiting() -> None:
    verdict = judge(snapshot(fleet(4, kv=0.2, waiting=None)))
    assert verdict.decision is HOLD
    assert verdict.predicted.waiting_per_replica is None
    assert SignalName.WAITING.value in verdict.message


def test_a_fitted_batch_cost_raises_the_predicted_itl() -> None:
    # ITL = 20 ms + 2 ms a sequence, seen between 8 and 20 sequences
    running = [8.0 + n % 13 for n in range(41)]
    itl = [0.020 + 0.002 * batch for batch in running]
    pods = fleet(4, kv=0.2, running=running, itl_mean=itl, eff_batch=20.0)
    measured = {"itl_p95": reading("itl_p95", 0.060, observations=400)}
    snap = snapshot(pods, objectives=Objectives(itl_p95=0.090), service=measured)
    itl_result = next(one for one in judge(snap).tests if one.test is Test.INTER_TOKEN_LATENCY)
    # 20 sequences on four replicas become 26.7 on three
    assert itl_result.value == pytest.approx(0.060 + 0.002 * 20 / 3, abs=1e-4)
    assert itl_result.decision is HOLD


def test_a_flat_batch_gives_no_fit() -> None:
    pods = fleet(4, kv=0.2, running=10.0, itl_mean=0.04, eff_batch=10.0)
    measured = {"itl_p95": reading("itl_p95", 0.060, observations=400)}
    itl_result = judge(snapshot(pods, objectives=Objectives(itl_p95=0.090), service=measured)).tests
    assert next(one.value for one in itl_result if one.test is Test.INTER_TOKEN_LATENCY) == pytest.approx(0.060)
