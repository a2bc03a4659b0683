"""The guard's answers: who is refused, warned or trimmed, and what is told afterwards."""

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.model.policy import AutoscalerScaleDown, Mode, OnHold, Policy
from scalewarden.model.workload import Target
from scalewarden.surfaces.admission_record import Outcome
from scalewarden.surfaces.admission_state import STATUS_FRESH, Guarded, Ref
from tests.unit.surfaces.admission_cases import (
    DENIED,
    DEPLOYMENT,
    HELD,
    HPA,
    NOW,
    ask,
    cpu,
    entry,
    guarded,
    hpa,
    parent,
    pods,
    scale,
    state,
)

FENCED = {"fence": entry()}


def refusal(response: dict[str, Any]) -> str:
    """The text of a refusal; fails where it is none, or not 403."""
    assert response["allowed"] is False
    assert (response["status"]["code"], response["status"]["reason"]) == (403, "Forbidden")
    return str(response["status"]["message"])


@pytest.mark.parametrize("user", ["alice", HPA])
def test_nobody_goes_below_the_first_floor(user: str) -> None:
    response, (record,) = ask(scale(4, 2, user), state(**FENCED))
    assert refusal(response) == DENIED
    assert (record.outcome, record.verdict, record.reason) == (Outcome.REFUSED, "Deny", "KVCachePressure")
    assert record.note == f"{user}: deployments/scale 4→2. {DENIED}"


def test_between_the_floors_autoscalers_are_refused_and_people_warned() -> None:
    response, (record,) = ask(scale(4, 3, HPA), state(**FENCED))
    assert refusal(response) == HELD
    assert (record.outcome, record.verdict, record.reason) == (Outcome.HELD, "Hold", "Stabilizing")
    response, (record,) = ask(scale(4, 3), state(**FENCED))
    assert response == {"uid": "review-1", "allowed": True, "warnings": [HELD]}
    assert (record.outcome, record.verdict) == (Outcome.WARNED, "Hold")


def test_to_the_safe_count_everybody_passes_and_it_is_told() -> None:
    for user in ("alice", HPA):
        response, (record,) = ask(scale(6, 4, user), state(**FENCED))
        assert response["allowed"] and "warnings" not in response
        assert (record.outcome, record.verdict, record.reason) == (Outcome.ALLOWED, "Allow", "SafeToRemove")
        assert not record.is_warning


@given(before=st.integers(0, 50), more=st.integers(0, 50), floor=st.integers(0, 60), user=st.sampled_from([HPA, "a"]))
def test_an_increase_passes_without_a_trace_whatever_the_fence_says(
    before: int, more: int, floor: int, user: str
) -> None:
    fenced = state(fence=entry(floor, floor))
    for review in (scale(before, before + more, user), parent(before, before + more, user)):
        assert ask(review, fenced) == ({"uid": "review-1", "allowed": True}, ())


@given(before=st.integers(1, 20), after=st.integers(0, 19), nobody=st.integers(0, 20), more=st.integers(0, 5))
def test_the_guard_refuses_exactly_what_the_policy_refuses(before: int, after: int, nobody: int, more: int) -> None:
    fenced = state(fence=entry(nobody, nobody + more))
    for user, floor in (("alice", nobody), (HPA, nobody + more)):
        response, _ = ask(scale(before, after, user), fenced)
        assert response["allowed"] is (after >= before or after >= floor)


def test_a_missing_count_is_zero_in_a_scale_and_one_elsewhere() -> None:
    known = state(fence=entry(1, 1))
    assert ask(scale(4, 0), known)[0]["allowed"] is False
    assert ask(parent(4, None), known)[0]["allowed"] is True
    assert ask(parent(4, 0), known)[0]["allowed"] is False


@pytest.mark.parametrize(
    "changes",
    [
        {"operation": "DELETE", "object": None},
        {"oldObject": None},
        {"object": None},
        {"operation": "CREATE", "oldObject": None},
        {"name": "another"},
        {"namespace": "elsewhere"},
        {"resource": {"group": "other.io", "version": "v1", "resource": "deployments"}},
        {"resource": {"group": "apps", "version": "v1", "resource": "replicasets"}},
    ],
    ids=lambda changes: "+".join(changes),
)
def test_what_is_no_decrease_of_a_described_target_passes_without_a_trace(changes: dict[str, Any]) -> None:
    response, records = ask(scale(4, 0, **changes), state(**FENCED))
    assert response["allowed"] is True and records == ()


def test_a_dry_run_gets_the_same_answer_and_leaves_no_record() -> None:
    response, records = ask(scale(4, 2, dryRun=True), state(**FENCED))
    assert refusal(response) == DENIED
    assert records == ()


@pytest.mark.parametrize(
    ("mode", "ceiling", "warned", "loud"),
    [
        (Mode.ENFORCE, Mode.WARN, True, True),
        (Mode.WARN, Mode.ENFORCE, True, True),
        (Mode.OBSERVE, Mode.ENFORCE, False, False),
        (Mode.ENFORCE, Mode.OBSERVE, False, False),
    ],
)
def test_below_enforce_nothing_is_refused_not_even_by_a_fence_left_over(
    mode: Mode, ceiling: Mode, warned: bool, loud: bool
) -> None:
    response, (record,) = ask(scale(4, 2), state(guarded(policy=Policy(mode=mode)), entry(), ceiling=ceiling))
    assert response["allowed"] is True
    assert bool(response.get("warnings")) is warned
    assert record.loud is loud
    assert (record.verdict, record.reason) == ("Hold", "KVCachePressure")


def test_a_warning_names_reason_safe_count_and_command() -> None:
    response, _ = ask(scale(4, 3), state(guarded(policy=Policy(mode=Mode.WARN))))
    assert response["warnings"] == [
        "Scalewarden: KVCachePressure: the KV cache of the replicas that stay would overflow; the safe count is 4. "
        "Evidence: kubectl describe infd llama -n serving"
    ]


def test_where_one_less_is_safe_but_more_is_asked_no_wrong_reason_is_given() -> None:
    known = state(guarded(policy=Policy(mode=Mode.WARN), reason="SafeToRemove"))
    response, (record,) = ask(scale(5, 2), known)
    assert record.reason == "BelowSafeCount"
    assert "SafeToRemove" not in response["warnings"][0]


def test_a_hold_can_be_declared_to_pass_in_silence() -> None:
    policy = Policy(on_hold_user=OnHold.ALLOW)
    response, (record,) = ask(scale(4, 3), state(guarded(policy=policy), entry()))
    assert "warnings" not in response
    assert (record.outcome, record.verdict) == (Outcome.ALLOWED, "Hold")


def test_a_status_that_is_too_old_says_nothing() -> None:
    known = state(guarded(policy=Policy(mode=Mode.WARN)))
    assert ask(scale(4, 2), known, NOW + STATUS_FRESH)[0]["warnings"]
    response, records = ask(scale(4, 2), known, NOW + STATUS_FRESH + 1)
    assert response["auditAnnotations"] == {"note": "the service has not been judged lately"}
    assert records == ()


def test_a_fence_holds_although_the_status_is_old() -> None:
    assert ask(scale(4, 2), state(**FENCED), NOW + 10_000)[0]["allowed"] is False


def test_broken_glass_lets_everything_pass_until_its_hour_and_is_told() -> None:
    policy = Policy(break_glass_until=NOW + 60, break_glass_reason="incident 12")
    known = state(guarded(policy=policy), entry())
    response, (record,) = ask(scale(4, 0), known)
    assert response["allowed"] is True
    assert record.outcome is Outcome.BREAK_GLASS and "incident 12" in record.note
    assert ask(scale(4, 0), known, NOW + 60)[0]["allowed"] is False


@pytest.mark.parametrize(("before", "asked", "given"), [(6, 2, 4), (4, 1, 4), (4, 3, 4), (3, 1, 3)])
def test_trim_raises_an_autoscalers_count_to_the_safe_one_never_above_what_there_is(
    before: int, asked: int, given: int
) -> None:
    policy = Policy(autoscaler_scale_down=AutoscalerScaleDown.TRIM)
    response, (record,) = ask(scale(before, asked, HPA), state(guarded(policy=policy), entry()))
    assert response["allowed"] is True and response["patchType"] == "JSONPatch"
    assert json.loads(b64decode(response["patch"])) == [{"op": "add", "path": "/spec/replicas", "value": given}]
    assert record.outcome is Outcome.TRIMMED


JUST_ADDED = (
    "Scalewarden: InTransition: replicas were added since the safe count was found; the safe count is 2. "
    "Evidence: kubectl describe infd llama -n serving"
)


def short(**policy: Any) -> Any:
    """A service judged when it was short of replicas: 2 of 2 are needed."""
    return guarded(safe_replicas=2, judged_replicas=2, policy=Policy(**policy))


@pytest.mark.parametrize("fence", [None, entry(2, 2)])
@pytest.mark.parametrize("to", [2, 4])
def test_what_was_just_added_is_not_safe_to_remove_before_it_was_judged(fence: dict[str, Any] | None, to: int) -> None:
    response, (record,) = ask(scale(6, to, HPA), state(short(), fence))
    assert refusal(response) == JUST_ADDED
    assert (record.outcome, record.verdict, record.reason) == (Outcome.HELD, "Hold", "InTransition")
    response, (record,) = ask(scale(6, to), state(short(), fence))
    assert response["allowed"] is True and response["warnings"] == [JUST_ADDED]
    assert (record.outcome, record.verdict, record.reason) == (Outcome.WARNED, "Hold", "InTransition")


def test_a_decrease_from_the_judged_count_rests_on_the_safe_count() -> None:
    response, (record,) = ask(scale(6, 4, HPA), state(guarded(judged_replicas=6)))
    assert response["allowed"] is True and record.reason == "SafeToRemove"


def test_the_fence_speaks_before_the_transition() -> None:
    response, (record,) = ask(scale(6, 1), state(short(), entry(2, 2)))
    assert refusal(response) == DENIED
    assert record.verdict == "Deny"


@pytest.mark.parametrize(
    ("user", "policy", "ceiling", "outcome"),
    [
        (HPA, {"mode": Mode.WARN}, Mode.ENFORCE, Outcome.WARNED),
        (HPA, {}, Mode.WARN, Outcome.WARNED),
        (HPA, {"mode": Mode.OBSERVE}, Mode.ENFORCE, Outcome.ALLOWED),
        (HPA, {"on_hold_autoscaler": OnHold.WARN}, Mode.ENFORCE, Outcome.WARNED),
        (HPA, {"on_hold_autoscaler": OnHold.ALLOW}, Mode.ENFORCE, Outcome.ALLOWED),
        ("alice", {"on_hold_user": OnHold.REFUSE}, Mode.ENFORCE, Outcome.HELD),
        ("alice", {"on_hold_user": OnHold.ALLOW}, Mode.ENFORCE, Outcome.ALLOWED),
    ],
)
def test_a_hold_in_transition_follows_mode_and_policy(
    user: str, policy: dict[str, Any], ceiling: Mode, outcome: Outcome
) -> None:
    response, (record,) = ask(scale(6, 2, user), state(short(**policy), ceiling=ceiling))
    assert (record.outcome, record.verdict, record.reason) == (outcome, "Hold", "InTransition")
    assert response["allowed"] is (outcome is not Outcome.HELD)
    assert bool(response.get("warnings")) is (outcome is Outcome.WARNED)


def test_in_transition_trim_leaves_an_autoscaler_what_there_is() -> None:
    known = state(short(autoscaler_scale_down=AutoscalerScaleDown.TRIM))
    response, (record,) = ask(scale(6, 2, HPA), known)
    assert json.loads(b64decode(response["patch"]))[0]["value"] == 6
    assert record.outcome is Outcome.TRIMMED
    assert ask(scale(6, 2), known)[1][0].outcome is Outcome.WARNED


def test_in_transition_broken_glass_still_lets_pass() -> None:
    known = state(short(break_glass_until=NOW + 60, break_glass_reason="incident 12"))
    assert ask(scale(6, 2, HPA), known)[1][0].outcome is Outcome.BREAK_GLASS


def test_a_status_that_is_too_old_does_not_hold_what_was_added() -> None:
    response, records = ask(scale(6, 2, HPA), state(short()), NOW + STATUS_FRESH + 1)
    assert response["allowed"] is True and records == ()


@pytest.mark.parametrize("ago", [-STATUS_FRESH - 1, STATUS_FRESH + 1])
def test_a_status_of_a_clock_that_is_far_off_says_nothing(ago: float) -> None:
    response, records = ask(scale(4, 1, HPA), state(guarded(evaluated_at=NOW - ago)))
    assert response["allowed"] and not records
    assert ask(scale(4, 1, HPA), state(guarded(evaluated_at=NOW - ago / 2)))[1]


def test_of_a_silent_operator_only_the_fence_is_left() -> None:
    known = state(guarded(judged_replicas=4))
    assert ask(scale(6, 5, HPA), known)[0]["allowed"] is False, "it was just added"
    known.operator_silent = True
    response, records = ask(scale(6, 1, HPA), known)
    assert response["allowed"] and "warnings" not in response and not records
    fenced = state(guarded(judged_replicas=4), entry())
    fenced.operator_silent = True
    assert ask(scale(6, 2), fenced)[0]["allowed"] is False, "until the janitor has removed it"
    assert ask(scale(6, 5, HPA), fenced)[0]["allowed"]


def test_trim_is_for_autoscalers_only() -> None:
    policy = Policy(autoscaler_scale_down=AutoscalerScaleDown.TRIM)
    assert refusal(ask(scale(4, 2), state(guarded(policy=policy), entry()))[0]) == DENIED


def test_an_autoscalers_request_is_told_on_its_hpa_a_persons_on_the_target() -> None:
    known = state(**FENCED)
    acting = Ref("autoscaling/v2", "HorizontalPodAutoscaler", "serving", "llama", "uid-hpa")
    known.autoscalers.put(acting, ("serving", "Deployment", "llama"))
    assert ask(scale(4, 2, HPA), known)[1][0].about == (acting,)
    (record,) = ask(scale(4, 2), known)[1]
    assert [(ref.kind, ref.name, ref.uid) for ref in record.about] == [("Deployment", "llama", "uid-deployment")]


def test_a_decision_is_kept_with_who_asked_for_what() -> None:
    (record,) = ask(scale(4, 2, HPA), state(**FENCED))[1]
    assert record.decision is not None
    assert record.decision.model_dump(by_alias=True) == {
        "time": "2025-12-22T02:20:00Z",
        "actor": HPA,
        "path": "deployments/scale",
        "from": 4,
        "to": 2,
        "verdict": "Deny",
        "reason": "KVCachePressure",
    }


class TestAutoscalers:
    """Requests that make or change an HPA."""

    def test_cpu_alone_is_refused_where_it_is_enforced(self) -> None:
        response, (record,) = ask(hpa(cpu()), state(autoscaling=Mode.ENFORCE))
        assert "ASC601" in refusal(response)
        assert record.outcome is Outcome.UNSOUND and record.note.startswith("alice: create horizontalpodautoscalers")
        assert record.decision is None

    def test_by_default_it_is_warned_about(self) -> None:
        response, (record,) = ask(hpa(cpu()), state())
        assert response["allowed"] is True and "ASC601" in response["warnings"][0]
        assert record.is_warning

    def test_beside_another_metric_it_is_only_warned_about(self) -> None:
        response, _ = ask(hpa(cpu(), pods("vllm:num_requests_waiting")), state(autoscaling=Mode.ENFORCE))
        assert response["allowed"] is True and "ASC601" in response["warnings"][0]

    def test_gpu_utilization_is_warned_about(self) -> None:
        response, _ = ask(hpa(pods("DCGM_FI_DEV_GPU_UTIL")), state(autoscaling=Mode.ENFORCE))
        assert response["allowed"] is True and "ASC602" in response["warnings"][0]

    def test_an_edit_that_leaves_the_metrics_alone_is_never_refused(self) -> None:
        review = hpa(cpu(), before=(cpu(),), maxReplicas=99)
        response, _ = ask(review, state(autoscaling=Mode.ENFORCE))
        assert response["allowed"] is True and response["warnings"]
        assert ask(hpa(cpu(), before=(pods("waiting"),)), state(autoscaling=Mode.ENFORCE))[0]["allowed"] is False

    @pytest.mark.parametrize(
        ("review", "known"),
        [
            (hpa(pods("vllm:num_requests_waiting")), state(autoscaling=Mode.ENFORCE)),
            (hpa(cpu(), annotations={"scalewarden.dev/ignore": "a CPU build"}), state(autoscaling=Mode.ENFORCE)),
            (hpa(cpu()), state(autoscaling=Mode.OBSERVE)),
            (hpa(cpu()), state(autoscaling=Mode.ENFORCE, ceiling=Mode.OBSERVE)),
            (hpa(cpu()), state(autoscaling=None)),
        ],
        ids=["sound", "ignored", "observe", "ceiling", "not described or no GPU"],
    )
    def test_the_rest_passes_in_silence(self, review: dict[str, Any], known: Any) -> None:
        assert ask(review, known) == ({"uid": "review-1", "allowed": True}, ())

    def test_a_paused_scaled_object_is_judged_as_it_will_act(self) -> None:
        review = hpa()
        review["request"]["object"] |= {
            "kind": "ScaledObject",
            "metadata": {"name": "llama", "annotations": {"autoscaling.keda.sh/paused": "true"}},
            "spec": {"scaleTargetRef": {"name": "llama"}, "triggers": [{"type": "cpu", "metadata": {"value": "60"}}]},
        }
        response, _ = ask(review, state(autoscaling=Mode.ENFORCE))
        assert "ASC601" in refusal(response) and "paused" not in refusal(response)

    def test_what_keda_makes_is_judged_at_its_scaled_object(self) -> None:
        review = hpa(cpu())
        review["request"]["object"]["metadata"]["ownerReferences"] = [{"kind": "ScaledObject", "name": "llama"}]
        assert ask(review, state(autoscaling=Mode.ENFORCE))[0]["allowed"] is True


@pytest.mark.parametrize(
    "body", [None, [], "text", {}, {"request": None}, {"request": {"uid": 1}}, {"request": {"uid": "u"}}]
)
def test_what_is_no_review_is_let_through_with_a_note(body: object) -> None:
    response, records = ask(body, state(**FENCED))
    assert response["allowed"] is True
    assert response["auditAnnotations"]["note"].startswith("not judged")
    assert records == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PARTS = ("object", "oldObject", "name", "namespace", "operation", "userInfo", "subResource", "dryRun", "kind")


@given(st.sampled_from([scale(4, 2), parent(4, 2), hpa(cpu())]), st.dictionaries(st.sampled_from(PARTS), JSON))
def test_no_body_makes_it_raise(review: dict[str, Any], junk: dict[str, Any]) -> None:
    body = {**review, "request": {**review["request"], **junk}}
    assert isinstance(ask(body, state(autoscaling=Mode.ENFORCE, fence=entry()))[0]["allowed"], bool)


@given(st.sampled_from(["metadata", "spec"]), JSON)
def test_no_object_makes_it_raise(part: str, junk: object) -> None:
    for review in (scale(4, 2), parent(4, 2), hpa(cpu(), before=(cpu(),))):
        for side in ("object", "oldObject"):
            body = {**review, "request": {**review["request"]}}
            body["request"][side] = {**(body["request"][side] or {}), part: junk}
            assert isinstance(ask(body, state(autoscaling=Mode.ENFORCE, fence=entry()))[0]["allowed"], bool)


def test_the_service_of_a_target_is_found_again_after_it_moved_on() -> None:
    known = state()
    known.put(guarded(Target("apps/v1", "Deployment", "other", "deployments")))
    assert known.service("serving", DEPLOYMENT.key) is None
    assert known.service("serving", "deployments/other") is not None
    known.drop("serving", "llama")
    assert known.service("serving", "deployments/other") is None


def test_of_two_services_on_one_target_the_older_answers_and_the_next_after_it() -> None:
    def born(name: str, created: str) -> Guarded:
        ref = Ref("scalewarden.dev/v1alpha1", "InferenceDeployment", "serving", name)
        return guarded(ref=ref, created=created)

    def answering() -> str | None:
        found = known.service("serving", DEPLOYMENT.key)
        return found.ref.name if found else None

    known = state(born("llama", "2026-01-02T00:00:00Z"))
    known.put(born("a-later-one", "2026-01-03T00:00:00Z"))
    assert answering() == "llama"
    known.put(born("zoe", "2026-01-01T00:00:00Z"))
    assert answering() == "zoe"
    known.put(born("yan", "2026-01-01T00:00:00Z"))
    assert answering() == "yan", "of one age, the first by name"
    answers = []
    for name in ("yan", "a-later-one", "zoe", "llama"):
        known.drop("serving", name)
        answers.append(answering())
    assert answers == ["zoe", "zoe", "llama", None]
    assert not known.claims
