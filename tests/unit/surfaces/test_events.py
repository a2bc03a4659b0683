"""Which transitions between two statuses are told, on which object, and under which key."""

from scalewarden.model.status import (
    AutoscalerStatus,
    Condition,
    DiagnosisStatus,
    FenceStatus,
    FindingStatus,
    InferenceDeploymentStatus,
)
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.events import MEANING, EventReason, Notice, Subjects, standing, transitions

SERVICE = Ref("scalewarden.dev/v1alpha1", "InferenceDeployment", "serving", "llama", "1")
TARGET = Ref("apps/v1", "Deployment", "serving", "llama", "2")
HPA = Ref("autoscaling/v2", "HorizontalPodAutoscaler", "serving", "on-cpu", "3")
ABOUT = Subjects(SERVICE, TARGET, {"HorizontalPodAutoscaler/on-cpu": HPA})
NOTHING = InferenceDeploymentStatus()


def with_regime(regime: str) -> InferenceDeploymentStatus:
    return InferenceDeploymentStatus(diagnosis=DiagnosisStatus(regime=regime, summary="so it is.", advice="do this."))


def with_condition(kind: str, status: str, reason: str, message: str = "m") -> InferenceDeploymentStatus:
    found = Condition(type=kind, status=status, reason=reason, message=message, last_transition_time="x")
    return InferenceDeploymentStatus(conditions=(found,))


def with_autoscaler(*rules: str) -> InferenceDeploymentStatus:
    findings = tuple(FindingStatus(rule=rule, name="n", status="Fired", message="it reads CPU") for rule in rules)
    worst = "Fired" if rules else "Clear"
    found = AutoscalerStatus(kind="HorizontalPodAutoscaler", name="on-cpu", status=worst, findings=findings)
    return InferenceDeploymentStatus(autoscalers=(found,))


def with_fence(replicas: int, autoscalers: int) -> InferenceDeploymentStatus:
    fence = FenceStatus(replicas=replicas, autoscaler_replicas=autoscalers, reason="KVCachePressure")
    return InferenceDeploymentStatus(fence=fence)


def told(before: InferenceDeploymentStatus, after: InferenceDeploymentStatus) -> list[Notice]:
    return list(transitions(before, after, ABOUT))


def reasons(before: InferenceDeploymentStatus, after: InferenceDeploymentStatus) -> list[str]:
    return [notice.reason for notice in told(before, after)]


def test_the_same_status_tells_nothing() -> None:
    for status in (NOTHING, with_regime("Idle"), with_autoscaler("ASC601"), with_fence(3, 4)):
        assert not told(status, status)


def test_a_scale_up_without_tokens_has_a_reason_of_its_own() -> None:
    found = told(with_autoscaler("ASC601"), with_autoscaler("ASC601", "ASC605"))
    assert {(notice.reason, notice.regarding) for notice in found} == {
        ("IneffectiveScaleUp", SERVICE),
        ("IneffectiveScaleUp", HPA),
    }


def test_a_new_regime_is_told_with_where_it_came_from_and_what_to_do() -> None:
    (notice,) = told(with_regime("Healthy"), with_regime("KVCacheBound"))
    assert notice.reason == "DiagnosisChanged" and notice.warning and notice.regarding == SERVICE
    assert notice.note.startswith("Healthy → KVCacheBound: so it is.") and "do this." in notice.note


def test_a_healthy_beginning_is_no_news_but_a_sick_one_is() -> None:
    assert not told(NOTHING, with_regime("Healthy"))
    assert reasons(NOTHING, with_regime("QueueBound")) == ["DiagnosisChanged"]


def test_recovery_is_told_as_normal() -> None:
    (notice,) = told(with_regime("KVCacheBound"), with_regime("Healthy"))
    assert not notice.warning


def test_signals_are_told_when_they_go_and_when_they_come_back() -> None:
    good = with_condition("SignalsFresh", "True", "SignalsFresh")
    bad = with_condition("SignalsFresh", "False", "SignalsMissing")
    assert reasons(good, bad) == reasons(NOTHING, bad) == ["SignalsStale"]
    assert reasons(bad, good) == ["SignalsRecovered"]
    assert reasons(NOTHING, good) == []


def test_an_unsound_autoscaler_is_told_on_both_objects() -> None:
    on_service, on_hpa = told(with_autoscaler(), with_autoscaler("ASC601"))
    assert (on_service.regarding, on_service.related) == (SERVICE, HPA)
    assert (on_hpa.regarding, on_hpa.related) == (HPA, SERVICE)
    assert on_service.reason == on_hpa.reason == "AutoscalerUnsound" and on_hpa.warning
    assert "ASC601" in on_hpa.note and "it reads CPU" in on_hpa.note


def test_only_the_rule_that_is_new_is_told() -> None:
    notices = told(with_autoscaler("ASC601"), with_autoscaler("ASC601", "ASC602"))
    assert len(notices) == 2 and all("ASC602" in notice.note for notice in notices)


def test_a_mended_autoscaler_is_told_a_deleted_one_is_not() -> None:
    assert reasons(with_autoscaler("ASC601"), with_autoscaler()) == ["AutoscalerSound"] * 2
    assert reasons(with_autoscaler("ASC601"), NOTHING) == []


def test_a_fence_is_told_when_it_rises_and_when_it_goes() -> None:
    assert reasons(NOTHING, with_fence(3, 4)) == ["FenceRaised"] * 2
    assert reasons(with_fence(3, 4), with_fence(4, 4)) == ["FenceRaised"] * 2
    assert reasons(with_fence(4, 4), with_fence(3, 4)) == []
    assert reasons(with_fence(3, 4), NOTHING) == ["FenceReleased"] * 2
    on_service, on_target = told(NOTHING, with_fence(3, 4))
    assert (on_service.regarding, on_target.regarding) == (SERVICE, TARGET)
    assert on_target.note.startswith("nobody goes below 3 replicas, autoscalers do not go below 4. KVCachePressure: ")
    for_autoscalers, _ = told(NOTHING, with_fence(0, 4))
    assert for_autoscalers.note.startswith("autoscalers do not go below 4. ")


def test_break_glass_is_told_when_used_and_when_it_ends() -> None:
    broken = with_condition("ScaleDownSafe", "True", "BreakGlass", "glass broken: incident 7")
    whole = with_condition("ScaleDownSafe", "False", "KVCachePressure")
    (used,) = told(whole, broken)
    assert used.reason == "BreakGlassUsed" and used.warning and "incident 7" in used.note
    assert reasons(broken, whole) == ["BreakGlassExpired"]


def test_people_are_reminded_of_what_is_wrong_and_of_nothing_else() -> None:
    sick = with_autoscaler("ASC601").model_copy(update={"diagnosis": DiagnosisStatus(regime="KVCacheBound")})
    assert {notice.reason for notice in standing(sick, ABOUT)} == {"AutoscalerUnsound", "DiagnosisChanged"}
    assert not list(standing(with_regime("Healthy"), ABOUT))


def test_a_reminder_is_of_the_same_series_as_the_first_notice() -> None:
    before, after = with_autoscaler(), with_autoscaler("ASC601")
    keys = {(notice.reason, notice.regarding, notice.key) for notice in told(before, after)}
    assert keys == {(notice.reason, notice.regarding, notice.key) for notice in standing(after, ABOUT)}


def test_notes_are_one_line_of_at_most_1024_bytes() -> None:
    long = InferenceDeploymentStatus(diagnosis=DiagnosisStatus(regime="QueueBound", summary="ü\n" * 2000))
    (notice,) = told(NOTHING, long)
    assert len(notice.note.encode()) <= 1024 and "\n" not in notice.note


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANING) == set(EventReason)
