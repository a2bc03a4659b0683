"""Edits of autoscalers that lower their bounds: a maximum is a decrease in effect, a minimum is room below."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.model.policy import AutoscalerScaleDown, Mode, OnHold, Policy
from scalewarden.surfaces.admission_record import Outcome, Record
from scalewarden.surfaces.admission_state import Ref
from tests.unit.surfaces.admission_cases import (
    DENIED,
    HELD,
    HPA,
    NOW,
    ask,
    edited,
    entry,
    guarded,
    hpa_object,
    scaled_object,
    state,
)

SILENT: Any = ({"uid": "review-1", "allowed": True}, ())
GLASS = Policy(break_glass_until=NOW + 60, break_glass_reason="incident 12")
OBJECTS = {"maxReplicas": hpa_object, "maxReplicaCount": scaled_object}
fields = pytest.mark.parametrize("field", OBJECTS)


def lowered(field: str, before: int, after: int, user: str = "alice", **more: Any) -> Any:
    """A review of a maximum that is changed."""
    make = OBJECTS[field]
    return edited(make(**{field: before}), make(**{field: after}), user, **more)


def refusal(response: dict[str, Any]) -> str:
    assert response["allowed"] is False
    assert (response["status"]["code"], response["status"]["reason"]) == (403, "Forbidden")
    return str(response["status"]["message"])


def fenced(**service: Any) -> Any:
    """Nobody below 3, autoscalers not below 4; 4 are safe."""
    return state(guarded(**service), entry())


class TestMaximum:
    """`maxReplicas` and `maxReplicaCount`."""

    @fields
    @pytest.mark.parametrize("user", ["alice", HPA])
    def test_under_the_first_floor_it_is_refused_as_the_scale_would_be(self, field: str, user: str) -> None:
        response, (record,) = ask(lowered(field, 8, 2, user), fenced(judged_replicas=4))
        assert refusal(response) == DENIED
        assert (record.outcome, record.verdict, record.reason) == (Outcome.REFUSED, "Deny", "KVCachePressure")
        assert f"{user}: update " in record.note and f"/llama {field} 8→2, refused. {DENIED}" in record.note
        assert record.decision is not None
        assert (record.decision.from_, record.decision.to, record.decision.actor) == (4, 2, user)
        assert record.about[0].kind in ("HorizontalPodAutoscaler", "ScaledObject")

    @fields
    def test_between_the_floors_a_person_is_warned_an_autoscaler_refused(self, field: str) -> None:
        response, (record,) = ask(lowered(field, 8, 3), fenced(judged_replicas=4))
        assert response == {"uid": "review-1", "allowed": True, "warnings": [HELD]}
        assert (record.outcome, record.verdict) == (Outcome.WARNED, "Hold")
        response, (record,) = ask(lowered(field, 8, 3, HPA), fenced(judged_replicas=4))
        assert refusal(response) == HELD
        assert (record.outcome, record.verdict) == (Outcome.HELD, "Hold")

    def test_a_hold_follows_what_the_owner_said_of_people(self) -> None:
        silent = fenced(policy=Policy(on_hold_user=OnHold.ALLOW), judged_replicas=4)
        assert ask(lowered("maxReplicas", 8, 3), silent) == SILENT
        strict = state(guarded(policy=Policy(on_hold_user=OnHold.REFUSE)), entry(4, 4))
        assert refusal(ask(lowered("maxReplicas", 8, 3), strict)[0]) == DENIED

    @given(
        before=st.integers(1, 12),
        after=st.integers(1, 12),
        nobody=st.integers(0, 12),
        more=st.integers(0, 4),
        judged=st.none() | st.integers(0, 12),
        field=st.sampled_from(sorted(OBJECTS)),
    )
    def test_the_guard_refuses_exactly_what_the_policy_refuses(
        self, before: int, after: int, nobody: int, more: int, judged: int | None, field: str
    ) -> None:
        known = state(guarded(judged_replicas=judged), entry(nobody, nobody + more))
        for user, floor in (("alice", nobody), (HPA, nobody + more)):
            response, records = ask(lowered(field, before, after, user), known)
            assert response["allowed"] is (after >= before or after >= floor)
            if after >= before:
                assert (response, records) == SILENT, "raising is not even told"

    @fields
    def test_a_new_one_and_one_that_moves_here_are_judged_like_a_lowered_one(self, field: str) -> None:
        make, known = OBJECTS[field], fenced()
        assert refusal(ask(edited(None, make(**{field: 2})), known)[0]) == DENIED
        elsewhere = make(**{field: 2}, scaleTargetRef={"kind": "Deployment", "name": "another"})
        assert refusal(ask(edited(elsewhere, make(**{field: 2})), known)[0]) == DENIED
        assert ask(edited(None, make(**{field: 4})), known) == SILENT
        (record,) = ask(edited(None, make(**{field: 2})), known)[1]
        assert record.decision is not None
        assert (record.decision.from_, record.decision.to) == (None, 2), "how many there are is not known"

    def test_what_silences_the_rules_does_not_silence_a_decrease(self) -> None:
        new = hpa_object(maxReplicas=2)
        new["metadata"]["annotations"] = {"scalewarden.dev/ignore": "a CPU build"}
        assert refusal(ask(edited(hpa_object(), new), fenced())[0]) == DENIED

    def test_a_target_without_gpus_is_guarded_alike(self) -> None:
        known = state(guarded(), entry(), autoscaling=None)
        assert refusal(ask(lowered("maxReplicas", 8, 2), known)[0]) == DENIED

    @pytest.mark.parametrize(("mode", "ceiling"), [(Mode.WARN, Mode.ENFORCE), (Mode.ENFORCE, Mode.WARN)])
    def test_in_warn_it_is_warned_about_with_the_reason(self, mode: Mode, ceiling: Mode) -> None:
        known = state(guarded(policy=Policy(mode=mode), judged_replicas=6), entry(), ceiling=ceiling)
        response, (record,) = ask(lowered("maxReplicas", 8, 2), known)
        assert response["warnings"] == [
            "Scalewarden: KVCachePressure: the KV cache of the replicas that stay would overflow; the safe count is 4. "
            "Evidence: kubectl describe infd llama -n serving"
        ]
        assert (record.outcome, record.loud) == (Outcome.WARNED, True)

    @pytest.mark.parametrize(("mode", "ceiling"), [(Mode.OBSERVE, Mode.ENFORCE), (Mode.ENFORCE, Mode.OBSERVE)])
    def test_in_observe_nothing_is_said(self, mode: Mode, ceiling: Mode) -> None:
        known = state(guarded(policy=Policy(mode=mode), judged_replicas=6), entry(), ceiling=ceiling)
        assert ask(lowered("maxReplicas", 8, 2), known) == SILENT
        assert ask(edited(hpa_object(), hpa_object(minReplicas=1)), known) == SILENT
        assert ask(edited(hpa_object(), None), known) == SILENT

    def test_a_maximum_over_what_runs_removes_nothing(self) -> None:
        short = state(guarded(policy=Policy(mode=Mode.WARN), judged_replicas=2))
        assert ask(lowered("maxReplicas", 8, 3), short) == SILENT, "the rule ASC612 speaks of that"
        assert ask(lowered("maxReplicas", 8, 1), short)[0]["warnings"]

    def test_broken_glass_lets_it_pass_and_is_told(self) -> None:
        response, (record,) = ask(lowered("maxReplicas", 8, 2), fenced(policy=GLASS, judged_replicas=4))
        assert response == {"uid": "review-1", "allowed": True}
        assert record.outcome is Outcome.BREAK_GLASS and "maxReplicas 8→2, passed." in record.note
        assert ask(lowered("maxReplicas", 8, 4), fenced(policy=GLASS, judged_replicas=4)) == SILENT
        quiet = replace(GLASS, mode=Mode.OBSERVE)
        assert ask(lowered("maxReplicas", 8, 2), fenced(policy=quiet, judged_replicas=4))[1][0].loud is False

    def test_a_maximum_is_never_trimmed(self) -> None:
        trims = fenced(policy=Policy(autoscaler_scale_down=AutoscalerScaleDown.TRIM), judged_replicas=4)
        response, (record,) = ask(lowered("maxReplicas", 8, 2, HPA), trims)
        assert refusal(response) == DENIED and record.outcome is Outcome.REFUSED
        assert ask(lowered("maxReplicas", 8, 3, HPA), trims)[1][0].outcome is Outcome.HELD

    def test_a_dry_run_gets_the_answer_and_leaves_no_record(self) -> None:
        response, records = ask(lowered("maxReplicas", 8, 2, dryRun=True), fenced())
        assert refusal(response) == DENIED and records == ()

    def test_the_hpa_that_keda_makes_is_judged_at_its_scaled_object(self) -> None:
        new = hpa_object(maxReplicas=2)
        new["metadata"]["ownerReferences"] = [{"kind": "ScaledObject", "name": "llama"}]
        assert ask(edited(hpa_object(), new), fenced()) == SILENT

    def test_another_target_is_left_alone(self) -> None:
        other = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "llama"}
        new = hpa_object(maxReplicas=2, scaleTargetRef=other)
        assert ask(edited(hpa_object(scaleTargetRef=other), new), fenced()) == SILENT


class TestMinimum:
    """`minReplicas`, `minReplicaCount` and `idleReplicaCount`: warned about at most."""

    @pytest.mark.parametrize(
        ("old", "new", "lets"),
        [
            (hpa_object(minReplicas=4), hpa_object(minReplicas=3), "minReplicas 3 lets HorizontalPodAutoscaler/llama"),
            (hpa_object(minReplicas=4), hpa_object(minReplicas=None), "minReplicas 1 lets "),
            (scaled_object(minReplicaCount=4), scaled_object(minReplicaCount=0), "minReplicaCount 0 lets ScaledObject"),
            (scaled_object(), scaled_object(idleReplicaCount=0), "idleReplicaCount 0 lets ScaledObject/llama"),
        ],
    )
    def test_under_the_safe_count_it_is_warned_about(self, old: Any, new: Any, lets: str) -> None:
        for known in (fenced(), state(guarded(policy=Policy(mode=Mode.WARN)))):
            response, (record,) = ask(edited(old, new), known)
            (warning,) = response["warnings"]
            assert response["allowed"] is True and lets in warning
            assert warning.endswith(
                " go below what is safe; the safe count is 4. Evidence: kubectl describe infd llama -n serving"
            )
            assert (record.outcome, record.verdict, record.decision) == (Outcome.UNSOUND, "Allow", None)
            assert "warned." in record.note

    def test_the_reason_is_the_one_that_holds_autoscalers(self) -> None:
        old, new = hpa_object(minReplicas=4), hpa_object(minReplicas=3)
        assert ask(edited(old, new), fenced())[0]["warnings"][0].startswith("Scalewarden: Stabilizing: ")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (hpa_object(minReplicas=8), hpa_object(minReplicas=4)),
            (hpa_object(minReplicas=2), hpa_object(minReplicas=3)),
            (hpa_object(minReplicas=3), hpa_object(minReplicas=3, maxReplicas=9)),
            (None, hpa_object(minReplicas=1)),
            (scaled_object(idleReplicaCount=0), scaled_object(idleReplicaCount=0, maxReplicaCount=9)),
            (scaled_object(idleReplicaCount=0), scaled_object(idleReplicaCount=1)),
        ],
        ids=["to the safe count", "raised", "as it was", "new", "idle as it was", "idle raised"],
    )
    def test_the_rest_passes_in_silence(self, old: Any, new: Any) -> None:
        assert ask(edited(old, new), fenced()) == SILENT

    def test_where_no_metric_removes_a_replica_a_minimum_opens_nothing(self) -> None:
        still = {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}
        old, new = hpa_object(minReplicas=4, **still), hpa_object(minReplicas=1, **still)
        assert ask(edited(old, new), fenced()) == SILENT

    def test_with_the_glass_broken_or_an_old_status_nothing_is_said(self) -> None:
        review = edited(hpa_object(minReplicas=4), hpa_object(minReplicas=1))
        assert ask(review, fenced(policy=GLASS)) == SILENT
        assert ask(review, state(), NOW + 10_000) == SILENT


class TestPauses:
    """KEDA's annotations."""

    def test_paused_at_a_count_below_the_floor_is_a_decrease(self) -> None:
        new = scaled_object({"paused-replicas": "2"})
        response, (record,) = ask(edited(scaled_object(), new), fenced(judged_replicas=4))
        assert refusal(response) == DENIED
        assert "autoscaling.keda.sh/paused-replicas 2, refused." in record.note
        lower = edited(scaled_object({"paused-replicas": "6"}), new)
        assert "autoscaling.keda.sh/paused-replicas 6→2, refused." in ask(lower, fenced())[1][0].note
        zero = edited(scaled_object(), scaled_object({"paused-replicas": "0", "paused": "true"}))
        assert refusal(ask(zero, fenced())[0]) == DENIED
        between = edited(scaled_object(), scaled_object({"paused-replicas": "3"}))
        assert ask(between, fenced(judged_replicas=4))[0]["warnings"] == [HELD]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (scaled_object(), scaled_object({"paused-replicas": "4"})),
            (scaled_object({"paused-replicas": "2"}), scaled_object({"paused-replicas": "3"})),
            (scaled_object({"paused-replicas": "2"}), scaled_object()),
            (scaled_object(), scaled_object({"paused": "true"})),
            (scaled_object(), scaled_object({"paused-scale-in": "true"})),
            (scaled_object({"paused": "true"}), scaled_object({"paused": "true"}, maxReplicaCount=1)),
            (scaled_object({"paused": "true"}), scaled_object({"paused": "true"}, minReplicaCount=0)),
            (scaled_object({"paused-scale-in": "true"}), scaled_object({"paused-scale-in": "true"}, minReplicaCount=0)),
            (scaled_object({"paused": "true"}), scaled_object()),
        ],
    )
    def test_what_removes_nothing_passes_in_silence(self, old: Any, new: Any) -> None:
        assert ask(edited(old, new), fenced(judged_replicas=6)) == SILENT

    def test_a_pause_says_nothing_of_what_the_rules_find_anyway(self) -> None:
        cpu_alone = {"triggers": [{"type": "cpu", "metadata": {"value": "60"}}]}
        paused = scaled_object({"paused": "true"}, **cpu_alone)
        assert ask(edited(None, paused), state(autoscaling=Mode.ENFORCE))[0]["allowed"] is False
        assert ask(edited(scaled_object(**cpu_alone), paused), state(autoscaling=Mode.ENFORCE)) == SILENT

    def test_waking_one_whose_maximum_is_under_the_floor_is_a_decrease(self) -> None:
        asleep, awake = scaled_object({"paused": "true"}, maxReplicaCount=2), scaled_object(maxReplicaCount=2)
        assert refusal(ask(edited(asleep, awake), fenced())[0]) == DENIED

    def test_a_maximum_goes_past_a_paused_scale_in(self) -> None:
        held = {"paused-scale-in": "true"}
        review = edited(scaled_object(held), scaled_object(held, maxReplicaCount=2))
        assert refusal(ask(review, fenced())[0]) == DENIED


def behavior(**rules: Any) -> dict[str, Any]:
    return {"behavior": {"scaleDown": rules}}


ONE_A_MINUTE = behavior(policies=[{"type": "Pods", "value": 1, "periodSeconds": 60}])
ALL = behavior(policies=[{"type": "Percent", "value": 100, "periodSeconds": 15}], stabilizationWindowSeconds=300)


class TestBehavior:
    """`behavior.scaleDown` that is taken away or loosened."""

    @pytest.mark.parametrize(
        ("old", "new", "what"),
        [
            (ONE_A_MINUTE, {}, "may remove 8 of 8 replicas at once, before it was 1"),
            (ONE_A_MINUTE, ALL, "may remove 8 of 8 replicas at once, before it was 1"),
            (behavior(selectPolicy="Disabled"), {}, "may remove replicas again: scale-down was disabled before"),
            (
                behavior(stabilizationWindowSeconds=600),
                {},
                "waits 300 s before it removes replicas, before it was 600 s",
            ),
        ],
    )
    def test_it_is_warned_about_in_the_words_of_the_rule(self, old: Any, new: Any, what: str) -> None:
        response, (record,) = ask(edited(hpa_object(**old), hpa_object(**new)), state())
        (warning,) = response["warnings"]
        assert warning.startswith(
            f"Scalewarden: ASC604: HorizontalPodAutoscaler/llama {what}. Limit behavior.scaleDown"
        )
        assert (record.outcome, record.reason) == (Outcome.UNSOUND, "ASC604")
        assert ask(edited(hpa_object(**old), hpa_object(**new)), state(autoscaling=Mode.ENFORCE))[0]["allowed"] is True

    def test_it_is_said_once_where_the_rule_accuses_what_is_left(self) -> None:
        hasty = behavior(stabilizationWindowSeconds=0)
        (warning,) = ask(edited(hpa_object(**ONE_A_MINUTE), hpa_object(**hasty)), state())[0]["warnings"]
        assert "before it was 1" in warning

    def test_a_scaled_object_has_it_inside_advanced(self) -> None:
        advanced = {"horizontalPodAutoscalerConfig": ONE_A_MINUTE}
        response, _ = ask(edited(scaled_object(advanced=advanced), scaled_object()), state())
        assert "ASC604: ScaledObject/llama may remove 8 of 8 replicas at once" in response["warnings"][0]
        held = {"paused-scale-in": "true"}
        assert ask(edited(scaled_object(held, advanced=advanced), scaled_object(held)), state()) == SILENT

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ({}, ONE_A_MINUTE),
            (ALL, {}),
            ({}, ALL),
            (ONE_A_MINUTE, {**ONE_A_MINUTE, "maxReplicas": 99}),
            ({}, behavior(selectPolicy="Disabled")),
        ],
        ids=["tightened", "defaults taken away", "defaults written", "more replicas", "disabled"],
    )
    def test_what_is_no_faster_passes_in_silence(self, old: Any, new: Any) -> None:
        assert ask(edited(hpa_object(**old), hpa_object(**new)), state()) == SILENT

    def test_for_a_reason_it_is_ignored_and_in_observe_nothing_is_said(self) -> None:
        new = hpa_object()
        assert ask(edited(hpa_object(**ONE_A_MINUTE), new), state(autoscaling=Mode.OBSERVE)) == SILENT
        assert ask(edited(hpa_object(**ONE_A_MINUTE), new), state(autoscaling=None)) == SILENT
        new["metadata"]["annotations"] = {"scalewarden.dev/ignore": "tested by hand"}
        assert ask(edited(hpa_object(**ONE_A_MINUTE), new), state()) == SILENT


class TestDeletion:
    """Warned about at most."""

    KEDAS = Ref("autoscaling/v2", "HorizontalPodAutoscaler", "serving", "keda-hpa-llama", "uid-keda")

    @pytest.mark.parametrize("old", [hpa_object(), scaled_object()], ids=["HPA", "ScaledObject"])
    def test_the_last_one_is_warned_about_and_no_event_is_left(self, old: Any) -> None:
        known = fenced()
        known.autoscalers.put(Ref(old["apiVersion"], old["kind"], "serving", "llama"), PLACE)
        response, records = ask(edited(old, None), known)
        assert response["allowed"] is True and records == ()
        assert response["warnings"] == [
            f"Scalewarden: without {old['kind']}/llama no autoscaler is left to add replicas to deployments/llama when "
            "its load grows. Evidence: kubectl describe infd llama -n serving"
        ]

    def test_not_the_last_one(self) -> None:
        known = fenced()
        known.autoscalers.put(Ref("autoscaling/v2", "HorizontalPodAutoscaler", "serving", "another"), PLACE)
        assert ask(edited(hpa_object(), None), known) == SILENT

    def test_the_hpa_of_a_scaled_object_goes_with_it(self) -> None:
        known = fenced()
        known.autoscalers.put(self.KEDAS, PLACE)
        assert ask(edited(scaled_object(), None), known)[0]["warnings"]
        assert ask(edited(hpa_object(), None), known) == SILENT

    def test_of_something_else_nothing_is_said(self) -> None:
        other = hpa_object(scaleTargetRef={"kind": "Deployment", "name": "web"})
        assert ask(edited(other, None), fenced()) == SILENT
        assert ask(edited(hpa_object(), None, oldObject=None), fenced()) == SILENT


PLACE = ("serving", "Deployment", "llama")


def test_everything_there_is_to_say_is_said_at_once() -> None:
    old = hpa_object(minReplicas=4, **ONE_A_MINUTE)
    new = hpa_object(minReplicas=1, maxReplicas=3)
    response, records = ask(edited(old, new), fenced(judged_replicas=4))
    assert [warning.split(": ")[1] for warning in response["warnings"]] == ["ASC604", "Stabilizing", "Stabilizing"]
    assert [record.outcome for record in records] == [Outcome.UNSOUND, Outcome.WARNED, Outcome.UNSOUND]


def test_a_refusal_is_told_alone() -> None:
    old, new = hpa_object(minReplicas=4, **ONE_A_MINUTE), hpa_object(minReplicas=1, maxReplicas=2)
    response, records = ask(edited(old, new), fenced())
    assert refusal(response) == DENIED and "warnings" not in response
    assert [record.outcome for record in records] == [Outcome.REFUSED]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PARTS = ("minReplicas", "maxReplicas", "maxReplicaCount", "idleReplicaCount", "behavior", "scaleTargetRef", "metrics")


@given(st.dictionaries(st.sampled_from(PARTS), JSON), st.dictionaries(st.sampled_from(PARTS), JSON), st.booleans())
def test_no_spec_makes_it_raise(old: dict[str, Any], new: dict[str, Any], keda: bool) -> None:
    make = scaled_object if keda else hpa_object
    response, records = ask(edited(make(**old), make(**new)), fenced())
    assert isinstance(response["allowed"], bool)
    assert all(isinstance(record, Record) for record in records)
