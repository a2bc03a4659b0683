"""Removals of replicas that are ready but sick, of everything, and of pods that were never made."""

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.judgement.decide import decide
from scalewarden.model.intent import Intent
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import History, Snapshot
from scalewarden.model.verdict import Decision, Reason, Verdict
from scalewarden.model.workload import EngineState, Replica, Target
from tests.builders import AT, fleet, replica, snapshot, target

SICK: dict[str, Any] = {"kv": 0.4, "waiting": 5.0, "running": 1.0, "gen_tps": 0.0, "finish_rate": 0.0}


def judge(snap: Snapshot, to: int) -> Verdict:
    return decide(snap, (), Intent(snap.replicas_desired, to), Policy())


def test_a_fleet_of_stuck_replicas_is_held_and_not_emptied() -> None:
    sick = snapshot([replica(**SICK), replica(**SICK)])
    assert (judge(sick, 1).decision, judge(sick, 1).reason) == (Decision.HOLD, Reason.REPLICA_STUCK)
    assert (judge(sick, 0).decision, judge(sick, 0).reason) == (Decision.DENY, Reason.REQUESTS_IN_FLIGHT)


def test_a_dead_queue_does_not_refuse_for_ever() -> None:
    """With one idle replica beside them stuck ones were refused for good, though without it they were only held."""
    idle, dead = replica(kv=0.0, running=0.0, gen_tps=0.0), [replica(**SICK), replica(**SICK)]
    beside = snapshot([idle, *dead])
    assert (judge(beside, 2).decision, judge(beside, 2).reason) == (Decision.HOLD, Reason.REPLICA_STUCK)
    lapsed = replace(beside, history=History(since=AT - 9000, stuck_since=AT - 1800))
    assert judge(lapsed, 2).decision is Decision.ALLOW
    assert (judge(lapsed, 0).decision, judge(lapsed, 0).reason) == (Decision.DENY, Reason.REQUESTS_IN_FLIGHT)


def test_the_last_replica_that_serves_stays_while_it_works() -> None:
    busy, dead = replica(kv=0.1, running=2.0, gen_tps=90.0), [replica(**SICK), replica(**SICK)]
    verdict = judge(snapshot([busy, *dead]), 2)
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.REQUESTS_IN_FLIGHT)


def test_the_stuck_pod_of_a_statefulset_is_ready_and_would_go() -> None:
    pods = [replica(kv=0.2, ordinal=0), replica(kv=0.2, ordinal=1), replica(ordinal=2, **SICK)]
    verdict = judge(snapshot(pods, target=target("StatefulSet")), 2)
    assert (verdict.decision, verdict.reason) == (Decision.HOLD, Reason.REPLICA_STUCK)


def test_zero_asks_the_pods_that_are_not_ready_too() -> None:
    starting = snapshot([replica(ready=False, kv=0.1, running=9.0)])
    assert judge(starting, 0).reason is Reason.REQUESTS_IN_FLIGHT


def test_zero_on_stale_samples_holds() -> None:
    stale = snapshot(fleet(2, kv=0.0, running=0.0, age=200.0))
    assert judge(stale, 0).decision is Decision.HOLD


def test_pods_that_do_not_exist_yet_may_still_come() -> None:
    needy = snapshot(fleet(3, kv=0.9), desired=5)
    assert (judge(needy, 4).decision, judge(needy, 4).reason) == (Decision.HOLD, Reason.IN_TRANSITION)
    assert judge(snapshot(fleet(3, kv=0.3), desired=5), 4).reason is Reason.NOT_READY_PODS_ONLY


def test_ordinals_count_from_where_the_target_starts() -> None:
    numbered = Target("apps/v1", "StatefulSet", "llama-70b", "statefulsets", first_ordinal=5)
    pods = [replica(kv=kv, ordinal=5 + n) for n, kv in enumerate((0.3, 0.3, 0.6))]
    assert judge(snapshot(pods, target=numbered), 2).predicted.kv_cache_usage == pytest.approx(0.6)


@pytest.mark.parametrize("name", ["largeFleet", "latencyObservations"])
def test_a_line_of_zero_is_no_crash(name: str) -> None:
    sizes = {"input_tokens": 100.0, "output_tokens": 100.0, "kv_tokens": 1000.0}
    assert judge(snapshot(fleet(3, kv=0.2, **sizes), thresholds={name: 0.0}), 2).decision is not None


def asleep(**more: Any) -> Replica:
    return replace(replica(kv=0.0, running=0.0, waiting=0.0, **more), engine_state=EngineState.ASLEEP)


def test_a_sleeping_replica_is_no_spare_capacity() -> None:
    """Three at 0.36: one may go, 0.54. With one of them asleep only two carry the load: 0.72 on the last one."""
    awake = snapshot(fleet(3, kv=0.36))
    one_sleeps = snapshot([*fleet(2, kv=0.36), asleep()])
    assert judge(awake, 2).decision is Decision.ALLOW
    assert (judge(one_sleeps, 2).decision, judge(one_sleeps, 2).predicted.kv_cache_usage) == (Decision.HOLD, 0.72)


def test_where_all_sleep_nothing_is_carried_and_some_may_go() -> None:
    assert judge(snapshot([asleep(), asleep(), asleep()]), 2).decision is Decision.ALLOW


def test_a_pod_that_is_to_relieve_a_stuck_one_does_not_go() -> None:
    """Preempting it was held for the pod that starts; with a queue as well it is stuck, and no calmer for that."""
    pressed = {"kv": 0.4, "running": 1.0, "gen_tps": 0.0, "finish_rate": 0.0, "preemptions": 3.0}
    starting = replica(ready=False, unready_since=AT - 30)
    before = judge(snapshot([replica(waiting=0.0, **pressed), starting]), 1)
    after = judge(snapshot([replica(waiting=5.0, **pressed), starting]), 1)
    assert (before.decision, before.reason) == (Decision.HOLD, Reason.IN_TRANSITION)
    assert (after.decision, after.reason) == (Decision.HOLD, Reason.REPLICA_STUCK)
