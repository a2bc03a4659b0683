"""The worked cases of the interpretation, to the number: fleet as KV usage per replica, no queue, one removal."""

import pytest

from scalewarden.judgement.decide import decide
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.verdict import Decision, Reason, Test, Verdict
from tests.builders import fleet, replica, snapshot


def judge(*kv: float | None, to: int | None = None, policy: Policy = Policy(), **more: object) -> Verdict:
    count = len(kv)
    snap = snapshot([replica(kv=one) for one in kv], **more)
    return decide(snap, (), Intent(count, count - 1 if to is None else to, Actor.AUTOSCALER), policy)


@pytest.mark.parametrize(
    ("kv", "to", "decision", "predicted"),
    [
        ((0.60,) * 4, None, Decision.DENY, 0.80),
        ((0.50,) * 4, None, Decision.ALLOW, 0.6667),
        ((0.36,) * 2, None, Decision.HOLD, 0.72),
        ((0.95,) * 8 + (0.10,) * 2, None, Decision.DENY, 1.0556),
        ((0.78, 0.05, 0.05), None, Decision.DENY, 0.805),
        ((0.90,) * 8, 4, Decision.DENY, 1.8),
        ((0.20,) * 8, 3, Decision.ALLOW, 0.5333),
        ((0.20,) * 8, 2, Decision.DENY, 0.80),
    ],
)
def test_worst_survivor(kv: tuple[float, ...], to: int | None, decision: Decision, predicted: float) -> None:
    verdict = judge(*kv, to=to)
    assert verdict.decision is decision
    assert verdict.predicted.kv_cache_usage == pytest.approx(predicted, abs=1e-4)
    assert verdict.binding_test is Test.KV_CACHE_USAGE
    if decision is not Decision.ALLOW:
        assert verdict.reason is Reason.KV_CACHE_PRESSURE


def test_the_safe_count_is_the_last_allowed_one() -> None:
    assert judge(*(0.20,) * 8).safe_replicas == 3


def test_a_deny_on_what_is_seen_stands_at_any_coverage() -> None:
    verdict = judge(0.60, 0.60, None, None)
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.KV_CACHE_PRESSURE)
    assert verdict.predicted.kv_cache_usage == pytest.approx(0.80)


def test_partial_coverage_holds_what_would_be_allowed() -> None:
    verdict = judge(0.30, 0.30, None, None)
    assert (verdict.decision, verdict.reason, verdict.binding_test) == (
        Decision.HOLD,
        Reason.PARTIAL_COVERAGE,
        Test.COVERAGE,
    )
    assert verdict.safe_replicas == 4


def test_a_large_fleet_does_not_freeze_on_one_hot_replica() -> None:
    verdict = judge(*(0.35,) * 63, 0.82)
    assert verdict.decision is Decision.ALLOW
    assert "llama-70b-63" in verdict.named
    assert "llama-70b-63" in verdict.message


def test_nineteen_replicas_are_not_yet_a_large_fleet() -> None:
    assert judge(*(0.35,) * 18, 0.82).decision is Decision.DENY


def test_an_increase_and_no_change_are_allowed_whatever_the_pressure() -> None:
    snap = snapshot(fleet(4, kv=1.0, waiting=50))
    for to in (4, 5, 40):
        verdict = decide(snap, (), Intent(4, to), Policy())
        assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.NOT_A_DECREASE)
