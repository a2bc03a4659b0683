"""Reading an InferenceDeployment offline: the same objects pass and fail as in the API server."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.errors import BadObject
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.policy import AutoscalerScaleDown, Mode, Objectives, OnHold, Policy, Way
from scalewarden.model.thresholds import Thresholds
from tests.unit.model.objects import BAD, GOOD, Bad, deployment

UNTIL = "scalewarden.dev/break-glass-until"
REASON = "scalewarden.dev/break-glass"


def annotated(annotations: dict[str, str] | None) -> InferenceDeployment:
    obj = deployment({})
    obj["metadata"]["annotations"] = annotations
    return InferenceDeployment.parse(obj)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_object_is_refused_with_its_field_and_advice(bad: Bad) -> None:
    with pytest.raises(BadObject) as refused:
        InferenceDeployment.parse(deployment(bad.spec))
    error = refused.value
    assert error.where == f"InferenceDeployment serving/llama-70b: {bad.field}"
    assert bad.file in f"{error.message} {error.hint}"


@pytest.mark.parametrize("name", GOOD)
def test_a_good_object_is_read(name: str) -> None:
    assert InferenceDeployment.parse(deployment(GOOD[name])).key == "serving/llama-70b"


def test_the_defaults_are_those_of_the_core() -> None:
    read = InferenceDeployment.parse(deployment({}))
    assert read.policy == Policy()
    assert read.spec.to_objectives() == Objectives()
    assert dict(read.spec.to_thresholds().overrides) == {}
    assert read.spec.window == 600.0


def test_everything_declared_reaches_the_core() -> None:
    read = InferenceDeployment.parse(deployment(GOOD["everything"]))
    assert read.policy == Policy(
        mode=Mode.OBSERVE,
        autoscaling=Mode.ENFORCE,
        min_replicas=0,
        max_hold=1800.0,
        on_hold_autoscaler=OnHold.ALLOW,
        on_hold_user=OnHold.REFUSE,
        autoscaler_scale_down=AutoscalerScaleDown.TRIM,
        stabilization=0.0,
        annotate=False,
        cooperate=frozenset(Way),
    )
    assert read.spec.to_objectives() == Objectives(ttft_p95=2.0, itl_p95=0.08, e2e_p99=90.0)
    assert read.spec.to_thresholds()["kvUsageAllow"] == 0.65
    assert read.spec.to_thresholds()["kvUsageDeny"] == 0.80
    assert read.spec.baseline.sustainable_tps(4) == 3250.0


def test_without_a_baseline_or_gpus_the_sustainable_rate_is_unknown() -> None:
    assert InferenceDeployment.parse(deployment({})).spec.baseline.sustainable_tps(4) is None
    everything = InferenceDeployment.parse(deployment(GOOD["everything"]))
    assert everything.spec.baseline.sustainable_tps(None) is None


def test_a_file_may_give_the_spec_alone() -> None:
    read = InferenceDeployment.parse({"spec": deployment({})["spec"]})
    assert (read.name, read.namespace) == ("llama-70b", "default")


@pytest.mark.parametrize("obj", [None, [], "text", 3, {}, {"spec": None}, {"spec": [1]}, {"metadata": 4, "spec": {}}])
def test_what_is_no_object_at_all_is_refused(obj: Any) -> None:
    with pytest.raises(BadObject):
        InferenceDeployment.parse(obj)


def test_another_kind_is_refused() -> None:
    with pytest.raises(BadObject, match=r"kind: 'Deployment' is not one of its values"):
        InferenceDeployment.parse({**deployment({}), "kind": "Deployment"})


def test_several_problems_are_counted_and_the_mistyped_field_named_first() -> None:
    with pytest.raises(BadObject) as refused:
        InferenceDeployment.parse({"spec": {"targetReff": {}}})
    assert str(refused.value) == "InferenceDeployment: spec.targetReff: this field does not exist (and 1 more)"
    assert refused.value.hint == "did you mean targetRef?"


def test_where_names_the_file_if_given() -> None:
    with pytest.raises(BadObject, match=r"^recording.yaml, inferenceDeployment: spec"):
        InferenceDeployment.parse({}, where="recording.yaml, inferenceDeployment")


def test_a_status_from_a_newer_operator_is_read() -> None:
    obj = {**deployment({}), "status": {"safeReplicas": 3, "novelty": 1, "diagnosis": {"regime": "NewRegime"}}}
    status = InferenceDeployment.parse(obj).status
    assert status.safe_replicas == 3
    assert status.diagnosis is not None
    assert status.diagnosis.regime == "NewRegime"
    assert status.condition("Ready") is None


def test_broken_glass_reaches_the_policy() -> None:
    read = annotated({REASON: "moving to other nodes", UNTIL: "2026-11-21T23:00:00Z"})
    assert read.policy.break_glass_until == 1795302000.0
    assert read.policy.break_glass_reason == "moving to other nodes"
    assert read.break_glass_problem is None


@pytest.mark.parametrize(
    ("annotations", "annotation", "said"),
    [
        ({REASON: "because"}, UNTIL, "without an end"),
        ({REASON: "because", UNTIL: "tomorrow"}, UNTIL, "'tomorrow' is not an instant"),
        ({REASON: "because", UNTIL: "2026-11-21T23:00:00"}, UNTIL, "with its zone"),
        ({REASON: "because", UNTIL: ""}, UNTIL, "is not an instant"),
        ({UNTIL: "2026-11-21T23:00:00Z"}, REASON, "no glass is broken without a reason"),
        ({REASON: " ", UNTIL: "2026-11-21T23:00:00Z"}, REASON, "no glass is broken without a reason"),
    ],
)
def test_unreadable_glass_stays_whole_and_says_why(annotations: dict[str, str], annotation: str, said: str) -> None:
    read = annotated(annotations)
    assert read.policy == Policy()
    problem = read.break_glass_problem
    assert problem is not None
    assert annotation in problem.where
    assert said in problem.message
    assert "scalewarden release" in problem.hint


@pytest.mark.parametrize("annotations", [None, {}, {"other": "x"}])
def test_no_glass_is_no_problem(annotations: dict[str, str] | None) -> None:
    assert annotated(annotations).break_glass_problem is None


@given(st.dictionaries(st.sampled_from([REASON, UNTIL]), st.text(max_size=40)))
def test_annotations_never_raise_and_the_end_is_a_number(annotations: dict[str, str]) -> None:
    until = annotated(annotations).policy.break_glass_until
    assert until is None or math.isfinite(until)


@pytest.mark.parametrize(
    ("spec", "field", "advice"),
    [
        ({"metrics": {"port": [1]}}, "spec.metrics.port", ""),
        ({"objectives": {"interTokenLatency": {"p90": "80ms"}}}, "spec.objectives.interTokenLatency.p90", "p95"),
        ({"signals": {"custom": [{"signal": "kv_usage", "promq": "x"}]}}, "spec.signals.custom[0].promq", "promql"),
        ({"policy": {"thresholds": {"kvUsageAlow": "0.6"}}}, "spec.policy.thresholds", "scalewarden rules"),
    ],
)
def test_a_mistake_deep_inside_is_found_by_its_path(spec: dict[str, Any], field: str, advice: str) -> None:
    with pytest.raises(BadObject) as refused:
        InferenceDeployment.parse(deployment(spec))
    assert field in refused.value.where and advice in f"{refused.value.message} {refused.value.hint}"


def test_thresholds_are_numbers_with_known_names() -> None:
    assert Thresholds.parse({"kvUsageAllow": "0.6"})["kvUsageAllow"] == 0.6
    for bad, where in (({"kvUsage": "0.6"}, "spec.policy.thresholds"), ({"kvUsageAllow": "much"}, ".kvUsageAllow")):
        with pytest.raises(BadObject) as refused:
            Thresholds.parse(bad)
        assert refused.value.where.endswith(where) and refused.value.hint
