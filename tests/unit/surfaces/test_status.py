"""Evaluation → status: what is kept, what is rounded, and when it is worth a write."""

from dataclasses import replace

import pytest

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.model.duration import rfc3339
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Absent, SignalName
from scalewarden.model.status import DecisionStatus, InferenceDeploymentStatus
from scalewarden.surfaces.conditions import Cause, Problem, Stamp, Trouble
from scalewarden.surfaces.status import REFRESH, Context, is_due, status_of, status_without, to_object
from tests import builders as build

NOW = build.AT
NOTHING = InferenceDeploymentStatus()
FENCE = {"replicas": 4, "autoscalerReplicas": 4, "reason": "KVCachePressure", "message": "m", "owner": "llama"}


def judged(**changes: object) -> Evaluation:
    return evaluate(build.snapshot(replicas=build.fleet(4, kv=0.85), **changes), Policy())


def written(
    evaluation: Evaluation, before: InferenceDeploymentStatus = NOTHING, now: float = NOW, **context: object
) -> InferenceDeploymentStatus:
    return status_of(evaluation, Context(Stamp(3, now, before), **context))


def test_the_essentials_of_a_pressed_service() -> None:
    status = written(judged(), fence=FENCE)
    assert (status.safe_replicas, status.binding_test, status.target) == (4, "KVCacheUsage", "deployments/llama-70b")
    assert status.replicas is not None and (status.replicas.desired, status.replicas.fresh) == (4, 4)
    assert status.summary is not None and status.summary.kv_usage == 0.85
    assert status.fence is not None and status.fence.replicas == 4
    safe = status.condition("ScaleDownSafe")
    assert safe is not None and (safe.status, safe.reason) == ("False", "KVCachePressure")
    assert safe.observed_generation == status.observed_generation == 3
    assert {finding.status for finding in status.findings} <= {"Fired", "Unknown"}


def test_what_is_applied_never_names_decisions_nor_holds_empty_objects() -> None:
    before = NOTHING.model_copy(update={"decisions": (DecisionStatus(time=rfc3339(NOW)),)})
    blind = evaluate(build.snapshot(replicas=build.fleet(2, kv=None, waiting=None, running=None)), Policy())
    for status in (written(blind, before), status_without(Problem(Cause.NO_REPLICAS, "m"), _context(before))):
        applied = to_object(status)
        assert "decisions" not in applied and "summary" not in applied
        assert {} not in applied.values() and [] not in applied.values()


def _context(before: InferenceDeploymentStatus, now: float = NOW, **more: object) -> Context:
    return Context(Stamp(3, now, before), **more)


def test_conditions_keep_their_transition_time_until_the_status_changes() -> None:
    first = written(judged())
    again = written(judged(), first, NOW + 30)
    calm = evaluate(build.snapshot(replicas=build.fleet(4, kv=0.2)), Policy())
    changed = written(calm, again, NOW + 60)
    times = [s.condition("ScaleDownSafe").last_transition_time for s in (first, again, changed)]
    assert times == [rfc3339(NOW), rfc3339(NOW), rfc3339(NOW + 60)]


def test_a_regime_keeps_the_time_since_when_it_holds() -> None:
    seen = evaluate(build.snapshot(replicas=build.fleet(4, kv=0.9)), Policy())
    first = written(seen)
    again = written(evaluate(build.snapshot(replicas=build.fleet(4, kv=0.9), history=seen.history), Policy()), first)
    quiet = replace(build.snapshot(replicas=build.fleet(4, kv=0.2)), at=NOW + 60)
    calm = written(evaluate(quiet, Policy()), again, NOW + 60)
    assert [status.diagnosis.since for status in (first, again, calm)] == [
        rfc3339(NOW),
        rfc3339(NOW),
        rfc3339(NOW + 60),
    ]


def test_numbers_alone_wait_a_minute_and_are_then_refreshed() -> None:
    first = written(judged())
    moved = written(evaluate(build.snapshot(replicas=build.fleet(4, kv=0.87)), Policy()), first, NOW + 30)
    assert moved.summary != first.summary
    assert not is_due(first, moved, NOW + 30)
    assert is_due(first, moved, NOW + REFRESH)


def test_the_same_evaluation_is_not_due() -> None:
    first = written(judged(), fence=FENCE)
    assert not is_due(first, written(judged(), first, NOW + 1, fence=FENCE), NOW + 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"safe_replicas": 3},
        {"binding_test": "Concurrency"},
        {"fence": None},
        {"observed_generation": 4},
        {"findings": ()},
        {"autoscalers": ()},
        {"conditions": ()},
        {"diagnosis": None},
    ],
)
def test_what_matters_is_written_at_once(changed: dict[str, object]) -> None:
    autoscaler = build.hpa(build.resource("cpu", 80))
    first = written(judged(autoscalers=[autoscaler]), fence=FENCE)
    assert first.findings and first.autoscalers
    assert is_due(first, first.model_copy(update=changed), NOW + 1)


def test_a_moved_expiry_alone_is_not_worth_a_write() -> None:
    first = written(judged(), fence=FENCE | {"expiresAt": rfc3339(NOW + 300)})
    later = written(judged(), first, NOW + 5, fence=FENCE | {"expiresAt": rfc3339(NOW + 600)})
    assert not is_due(first, later, NOW + 5)


def test_a_problem_keeps_the_last_good_status_and_says_why() -> None:
    first = written(judged(), fence=FENCE)
    context = _context(first, NOW + 60, fence=FENCE)
    lost = status_without(Problem(Cause.TARGET_NOT_FOUND, "Deployment a/b does not exist"), context)
    assert (lost.safe_replicas, lost.diagnosis, lost.fence) == (first.safe_replicas, first.diagnosis, first.fence)
    assert {one.type: (one.status, one.reason) for one in lost.conditions} == {
        "Ready": ("False", "TargetNotFound"),
        "SignalsFresh": ("Unknown", "TargetNotFound"),
        "ScaleDownSafe": ("Unknown", "TargetNotFound"),
        "AutoscalerSound": ("True", "NoAutoscaler"),
    }
    assert is_due(first, lost, NOW + 1)


def test_a_problem_does_not_keep_a_fence_that_is_not_in_force() -> None:
    first = written(judged(), fence=FENCE)
    assert status_without(Problem(Cause.TARGET_NOT_FOUND, "gone"), _context(first)).fence is None


SIGNAL_CASES = {
    "all fresh": ({}, Trouble(), ("True", "SignalsFresh", "all 2 ready replicas")),
    "all absent": ({"kv": None, "waiting": None, "running": None}, Trouble(), ("False", "SignalsMissing", "0 of 2")),
    "stale": ({"age": 200.0}, Trouble(), ("False", "SignalsStale", "its newest sample is stale")),
    "source down": ({"age": 200.0}, Trouble("http://p: refuses"), ("False", "SourceUnavailable", "http://p: refuses")),
    "source down, samples fresh": ({}, Trouble("http://p: refuses"), ("True", "SignalsFresh", "fresh on all")),
    "pod answers HTML": (
        {"age": 200.0},
        Trouble(pods={"llama-70b-0": "the pod answers HTML"}),
        ("False", "SignalsStale", "llama-70b-0: the pod answers HTML"),
    ),
}


@pytest.mark.parametrize(("signals", "trouble", "expected"), SIGNAL_CASES.values(), ids=SIGNAL_CASES.keys())
def test_signals_fresh_says_what_is_wrong(
    signals: dict[str, object], trouble: Trouble, expected: tuple[str, str, str]
) -> None:
    evaluation = evaluate(build.snapshot(replicas=build.fleet(2, **{"kv": 0.3, **signals})), Policy())
    found = written(evaluation, trouble=trouble).condition("SignalsFresh")
    assert found is not None
    assert (found.status, found.reason) == expected[:2]
    assert expected[2] in found.message


def test_one_silent_replica_is_named_with_its_cause() -> None:
    quiet = Absent("the pod answers HTTP 404")
    silent = build.replica(kv=quiet, waiting=quiet, running=quiet)
    evaluation = evaluate(build.snapshot(replicas=[build.replica(kv=0.3), silent]), Policy())
    found = written(evaluation).condition("SignalsFresh")
    assert found is not None and found.reason == "PartialCoverage"
    assert "1 of 2" in found.message and "answers HTTP 404" in found.message


def test_no_ready_replica_is_said() -> None:
    ready = written(evaluate(build.snapshot(replicas=[]), Policy())).condition("Ready")
    assert ready is not None and (ready.status, ready.reason) == ("False", "NoReplicas")


def test_the_note_reaches_the_reader_of_ready() -> None:
    ready = written(judged(), note="; nothing is refused").condition("Ready")
    assert ready is not None and ready.message.endswith("; nothing is refused")


def test_an_unsound_autoscaler_is_named_with_its_rules() -> None:
    found = written(judged(autoscalers=[build.hpa(build.resource("cpu", 80))])).condition("AutoscalerSound")
    assert found is not None and (found.status, found.reason) == ("False", "AutoscalerUnsound")
    assert "ASC601" in found.message


def test_evidence_of_a_large_fleet_is_cut() -> None:
    evaluation = evaluate(build.snapshot(replicas=build.fleet(19, kv=0.9)), Policy())
    assert max(len(finding.evidence) for finding in evaluation.findings) > 8
    assert max(len(finding.evidence) for finding in written(evaluation).findings) == 8


def test_an_evaluation_of_old_samples_is_the_same_object_as_schema_allows() -> None:
    status = written(judged())
    assert InferenceDeploymentStatus.model_validate(to_object(status)) == replace_empty(status)


def replace_empty(status: InferenceDeploymentStatus) -> InferenceDeploymentStatus:
    return InferenceDeploymentStatus.model_validate(status.model_dump(by_alias=True, exclude_none=True))


def test_gen_tps_absent_is_not_zero() -> None:
    snapshot = replace(build.snapshot(replicas=build.fleet(2, kv=0.3)), signals={SignalName.GEN_TPS: Absent("no page")})
    status = written(evaluate(snapshot, Policy()))
    assert status.summary is not None and status.summary.tokens_per_second is None


def test_the_way_out_stands_beside_what_is_refused() -> None:
    context = _context(NOTHING, fence=FENCE, key="serving/llama-70b")
    for status in (status_of(judged(), context), status_without(Problem(Cause.TARGET_NOT_FOUND, "gone"), context)):
        assert status.fence is not None
        assert status.fence.way_out == "scalewarden release llama-70b -n serving --reason WHY --for 1h"
        assert to_object(status)["fence"]["wayOut"] == status.fence.way_out
    assert written(judged()).fence is None
