"""An InferenceDeployment that is edited: what protects less than before is said, and nothing is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.model.crd_spec import InferenceDeploymentSpec
from scalewarden.model.looser import ABOVE, BELOW, looser
from scalewarden.model.policy import Mode
from scalewarden.model.thresholds import CATALOGUE, Thresholds
from scalewarden.surfaces.admission_record import Outcome
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.weaker import weaker
from tests.unit.surfaces.admission_cases import ask, guarded, service_edited, state

SILENT: Any = ({"uid": "review-1", "allowed": True}, ())


def spec(policy: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A spec as the object holds it."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    return {"targetRef": target, "policy": policy or {}, **more}


def clauses(before: dict[str, Any], after: dict[str, Any], ceiling: Mode = Mode.ENFORCE) -> list[str]:
    return list(weaker(*(InferenceDeploymentSpec.model_validate(one) for one in (before, after)), ceiling))


def objectives(text: str | None) -> dict[str, Any]:
    return {"objectives": {"timeToFirstToken": {"p95": text}} if text else {}}


LOOSENED = {
    "mode Warn instead of Enforce: unsafe scale-downs are warned about, no longer refused": (
        spec(),
        spec({"mode": "Warn"}),
    ),
    "mode Observe instead of Enforce: unsafe scale-downs are written into status, nobody is stopped or warned": (
        spec(),
        spec({"mode": "Observe"}),
    ),
    "autoscaling Observe instead of Warn: unsound autoscalers are written into status, nobody is stopped or warned": (
        spec(),
        spec({"autoscaling": "Observe"}),
    ),
    "autoscaling Warn instead of Enforce: unsound autoscalers are warned about, no longer refused": (
        spec({"autoscaling": "Enforce"}),
        spec(),
    ),
    "minReplicas 2 instead of 4": (spec({"minReplicas": 4}), spec({"minReplicas": 2})),
    "minReplicas none instead of 4": (spec({"minReplicas": 4}), spec()),
    "maxHold 3600 s instead of 21600 s": (spec(), spec({"maxHold": "1h"})),
    "onHold.user Allow instead of Warn": (spec(), spec({"onHold": {"user": "Allow"}})),
    "onHold.autoscaler Warn instead of Refuse": (spec(), spec({"onHold": {"autoscaler": "Warn"}})),
    "stabilization 60 s instead of 300 s": (spec(), spec({"stabilization": "1m"})),
    "annotate false instead of true: verdicts and findings are not written on autoscalers and targets": (
        spec(),
        spec({"annotate": False}),
    ),
    "thresholds.kvUsageDeny 0.95 instead of 0.8": (spec(), spec({"thresholds": {"kvUsageDeny": "0.95"}})),
    "thresholds.dwell 300 instead of 600": (spec({"thresholds": {"dwell": "600"}}), spec()),
    "signals.window 60 s instead of 600 s": (spec(), spec(signals={"window": "1m"})),
    "objectives.timeToFirstToken.p95 5 s instead of 2 s": (spec(**objectives("2s")), spec(**objectives("5s"))),
    "objectives.timeToFirstToken.p95 none instead of 2 s": (spec(**objectives("2s")), spec(**objectives(None))),
    "targetRef StatefulSet/llama instead of Deployment/llama: Deployment/llama is described here no longer": (
        spec(),
        {**spec(), "targetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "llama"}},
    ),
}


@pytest.mark.parametrize("clause", LOOSENED)
def test_each_loosening_is_named_and_the_way_back_is_not(clause: str) -> None:
    before, after = LOOSENED[clause]
    assert clauses(before, after) == [clause]
    back = clauses(after, before)
    assert back == [] or back[0].startswith("targetRef ")
    assert clauses(before, before) == []


@pytest.mark.parametrize("clause", LOOSENED)
def test_where_nothing_is_guarded_nothing_is_lost(clause: str) -> None:
    before, after = LOOSENED[clause]
    kept = list(clauses(before, after, Mode.OBSERVE))
    assert kept == ([clause] if clause.startswith("annotate") else [])


def test_a_ceiling_hides_what_it_does_not_let_happen() -> None:
    assert clauses(spec(), spec({"mode": "Warn"}), Mode.WARN) == []
    assert clauses(spec({"mode": "Observe"}), spec({"mode": "Observe", "stabilization": "0s"})) == []


def test_the_editor_is_warned_and_an_event_says_who() -> None:
    review = service_edited(spec({"minReplicas": 4}), spec({"mode": "Warn"}))
    response, (record,) = ask(review, state())
    said = (
        "weaker from now on: mode Warn instead of Enforce: unsafe scale-downs are warned about, no longer refused; "
        "minReplicas none instead of 4"
    )
    assert response == {
        "uid": "review-1",
        "allowed": True,
        "warnings": [f"Scalewarden: {said}. Evidence: kubectl describe infd llama -n serving"],
    }
    assert record.outcome is Outcome.WEAKENED and record.is_warning and record.loud
    assert record.note == f"alice: update inferencedeployments/llama, {said}"
    assert (record.service.kind, record.service.uid, record.about) == ("InferenceDeployment", "uid-infd", ())
    assert record.decision is None


def test_a_dry_run_is_warned_and_not_told() -> None:
    response, records = ask(service_edited(spec(), spec({"mode": "Warn"}), dryRun=True), state())
    assert response["warnings"] and records == ()


@pytest.mark.parametrize(
    "changes",
    [{"operation": "CREATE", "oldObject": None}, {"operation": "DELETE", "object": None, "oldObject": None}],
    ids=["new", "a whole collection"],
)
def test_what_is_no_edit_passes_in_silence(changes: dict[str, Any]) -> None:
    assert ask(service_edited(spec(), spec({"mode": "Warn"}), **changes), state()) == SILENT


def deleted(policy: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return service_edited(spec(policy), {}, **{"operation": "DELETE", "object": None, **changes})


@pytest.mark.parametrize(
    ("policy", "lost"),
    [
        ({}, "unsafe scale-downs of it pass from now on"),
        ({"mode": "Warn"}, "nobody is warned of unsafe scale-downs of it from now on"),
    ],
)
def test_whoever_deletes_it_is_warned_and_an_event_says_who(policy: dict[str, Any], lost: str) -> None:
    response, (record,) = ask(deleted(policy), state())
    said = f"Deployment/llama is no longer guarded: {lost}"
    assert response == {"uid": "review-1", "allowed": True, "warnings": [f"Scalewarden: {said}"]}
    assert record.outcome is Outcome.WEAKENED and record.is_warning and record.loud
    assert record.note == f"alice: delete inferencedeployments/llama, {said}"
    assert (record.service.kind, record.service.uid) == ("InferenceDeployment", "uid-infd")
    assert [(ref.api_version, ref.kind, ref.name) for ref in record.about] == [("apps/v1", "Deployment", "llama")]
    assert ask(deleted(policy, dryRun=True), state())[1] == ()


def test_nobody_is_warned_of_a_deletion_that_takes_nothing_away() -> None:
    assert ask(deleted({"mode": "Observe"}), state()) == SILENT
    assert ask(deleted(), state(ceiling=Mode.OBSERVE)) == SILENT
    twice = state()
    twice.put(guarded(ref=Ref("scalewarden.dev/v1alpha1", "InferenceDeployment", "serving", "another")))
    assert ask(deleted(), twice) == SILENT, "the other one guards the target from now on"


def test_a_deletion_of_what_cannot_be_read_passes_with_a_note() -> None:
    response, records = ask(deleted(oldObject={"spec": {"targetRef": 1}}), state())
    assert response["allowed"] is True and records == ()
    assert response["auditAnnotations"]["note"].startswith("not judged: ")


@pytest.mark.parametrize("bad", [{}, spec({"mode": "Loud"}), spec({"thresholds": {"kvUsageDeny": "much"}})])
def test_what_cannot_be_read_passes_with_a_note(bad: dict[str, Any]) -> None:
    for review in (service_edited(spec(), bad), service_edited(bad, spec())):
        response, records = ask(review, state())
        assert response["allowed"] is True and records == ()
        assert response["auditAnnotations"]["note"].startswith("not judged: ")


def test_directions_are_of_lines_that_exist_and_hold_every_pair() -> None:
    assert ABOVE.isdisjoint(BELOW) and set(CATALOGUE) >= ABOVE | BELOW
    assert {name for name in CATALOGUE if name.endswith(("Allow", "Deny"))} <= ABOVE


@pytest.mark.parametrize("name", sorted(ABOVE | BELOW))
def test_a_line_is_looser_one_way_only(name: str) -> None:
    line = CATALOGUE[name].default
    up, down = Thresholds({name: line + 0.01}), Thresholds({name: line - 0.01})
    first, second = (up, down) if name in BELOW else (down, up)
    assert [found[0] for found in looser(first, second)] == [name]
    assert not list(looser(second, first))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("targetRef", "policy", "objectives", "signals", "baseline", "engine")


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), JSON)
def test_no_object_makes_it_raise_or_refuse(junk: dict[str, Any], whole: object) -> None:
    for body in (service_edited(spec(), {**spec(), **junk}), service_edited(spec(), spec(), object=whole)):
        assert ask(body, state())[0]["allowed"] is True
