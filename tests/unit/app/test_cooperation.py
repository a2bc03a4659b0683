"""What one turn arranges with KEDA, ReplicaSets and drains; when it is taken back, and when it is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from scalewarden.model.marks import COST, PAUSE
from scalewarden.model.policy import Way
from scalewarden.sources.kubeapi import ApiError
from scalewarden.sources.kuberesource import (
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    INFERENCE_DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SCALED_OBJECTS,
    Resource,
)
from tests.unit.app.service import NAMESPACE, NOW, Service, described, pod

EVERYTHING = {way.value: True for way in Way}
BUDGET = "llama-scalewarden"


def service(*, kv: float = 0.9, allowed: frozenset[Way] = frozenset(Way), **cooperate: bool) -> Service:
    """Four replicas with a ScaledObject, asked to cooperate in these ways (in all where none is named)."""
    made = Service(kv=kv)
    made.cooperation.allowed = allowed
    made.put(SCALED_OBJECTS, scaled_object())
    made.put(INFERENCE_DEPLOYMENTS, described(policy={"cooperate": cooperate or EVERYTHING}))
    return made


def scaled_object(**annotations: str) -> dict[str, Any]:
    trigger = {"type": "prometheus", "metadata": {"query": "sum(x)", "threshold": "1"}}
    metadata = {"name": "by-keda", "annotations": {"team": "llm", **annotations}}
    return {"metadata": metadata, "spec": {"scaleTargetRef": {"name": "llama"}, "triggers": [trigger]}}


def annotations(made: Service, resource: Resource, name: str) -> dict[str, str]:
    return dict(made.held(resource, name)["metadata"].get("annotations") or {})


def costs(made: Service) -> dict[str, str | None]:
    return {f"llama-{n}": annotations(made, PODS, f"llama-{n}").get(COST.key) for n in range(4)}


def budgets(made: Service) -> dict[str, Any]:
    return {name: obj for (plural, _, name), obj in made.api.objects.items() if plural == DISRUPTION_BUDGETS.plural}


def paused(made: Service) -> str | None:
    return annotations(made, SCALED_OBJECTS, "by-keda").get(PAUSE.key)


def told(made: Service) -> list[str]:
    events = [obj for (plural, _, _), obj in made.api.objects.items() if plural == "events"]
    return [str(one["note"]) for one in events if one["reason"] == "CooperationBackedOff"]


def ready(made: Service) -> str:
    return str(made.held(INFERENCE_DEPLOYMENTS, "llama")["status"]["conditions"][0]["message"])


async def allowed_to_shrink(made: Service) -> float:
    """Turns until a removal is allowed; the instant of the last one."""
    for seconds in range(0, 330, 15):
        await made.turn(NOW + seconds)
    return NOW + 315


async def test_while_nothing_may_go_keda_is_paused_and_the_budget_is_at_the_fence() -> None:
    made = service()
    await made.turn()
    assert paused(made) == "true" and annotations(made, SCALED_OBJECTS, "by-keda")["team"] == "llm"
    assert budgets(made)[BUDGET]["spec"]["minAvailable"] == 4
    assert set(costs(made).values()) == {None}
    assert await made.turn(NOW + 15) == []


async def test_nothing_is_arranged_unless_it_is_asked_for() -> None:
    made = service(pauseScaleIn=False)
    await made.turn()
    assert paused(made) is None and not budgets(made)
    await allowed_to_shrink(made)
    assert set(costs(made).values()) == {None}


@pytest.mark.parametrize("change", ["released", "asked no more", "deleted", "opted out", "observed"])
async def test_it_is_taken_back_with_the_fence_the_wish_or_the_service(change: str) -> None:
    made = service()
    await made.turn()
    if change == "released":
        glass = {"scalewarden.dev/break-glass": "why", "scalewarden.dev/break-glass-until": "2099-01-01T00:00:00Z"}
        spec = described(policy={"cooperate": EVERYTHING})["spec"]
        made.put(INFERENCE_DEPLOYMENTS, {"metadata": {"name": "llama", "annotations": glass}, "spec": spec})
    elif change == "asked no more":
        made.put(INFERENCE_DEPLOYMENTS, described())
    elif change == "deleted":
        made.world.drop(INFERENCE_DEPLOYMENTS, made.held(INFERENCE_DEPLOYMENTS, "llama"))
    elif change == "opted out":
        made.put(NAMESPACES, {"metadata": {"name": NAMESPACE, "labels": {}}})
    else:
        made.put(INFERENCE_DEPLOYMENTS, described(policy={"mode": "Observe", "cooperate": EVERYTHING}))
    await made.turn(NOW + 15)
    assert paused(made) is None and not budgets(made)
    assert PAUSE.ours not in annotations(made, SCALED_OBJECTS, "by-keda")
    assert annotations(made, SCALED_OBJECTS, "by-keda")["team"] == "llm"


async def test_a_service_that_cannot_be_judged_keeps_what_its_fence_stands_behind() -> None:
    made = service()
    await made.turn()
    made.world.drop(DEPLOYMENTS, made.held(DEPLOYMENTS, "llama"))
    await made.turn(NOW + 15)
    assert paused(made) == "true" and BUDGET in budgets(made)
    await made.turn(NOW + 4000)
    assert paused(made) is None and not budgets(made)


@pytest.mark.parametrize("value", ["true", "false"])
async def test_a_pause_of_somebody_else_is_left_and_that_is_said_once(value: str) -> None:
    made = service(pauseScaleIn=True)
    made.put(SCALED_OBJECTS, scaled_object(**{PAUSE.key: value}))
    managed = {"manager": "argocd-controller", "fieldsV1": {"f:metadata": {"f:annotations": {f"f:{PAUSE.key}": {}}}}}
    made.held(SCALED_OBJECTS, "by-keda")["metadata"]["managedFields"] = [managed]
    await made.turn()
    assert paused(made) == value and PAUSE.ours not in annotations(made, SCALED_OBJECTS, "by-keda")
    (note,) = told(made)
    assert "of ScaledObject by-keda is set by argocd-controller: take it out there, or set" in note
    assert "cooperate.pauseScaleIn backs off" in ready(made)
    assert await made.turn(NOW + 15) == []


async def test_what_somebody_writes_over_ours_is_theirs() -> None:
    made = service(pauseScaleIn=True)
    await made.turn()
    made.put(SCALED_OBJECTS, scaled_object(**{PAUSE.key: "false", PAUSE.ours: "true"}))
    made.api._annotations.clear()
    await made.turn(NOW + 15)
    assert paused(made) == "false" and told(made)


async def test_our_own_pause_does_not_change_how_the_autoscaler_is_judged() -> None:
    made = service(pauseScaleIn=True)
    (before,) = [one.evaluation.autoscalers for one in await made.judge() if one.evaluation]
    await made.turn()
    (after,) = [one.evaluation.autoscalers for one in await made.judge(NOW + 15) if one.evaluation]
    assert paused(made) == "true"
    assert [(one.name, one.status) for one in after] == [(one.name, one.status) for one in before]


async def test_the_idlest_pods_are_marked_while_they_may_go_and_only_then() -> None:
    made = service(kv=0.2, podDeletionCost=True)
    at = await allowed_to_shrink(made)
    status = made.held(INFERENCE_DEPLOYMENTS, "llama")["status"]
    removable = 4 - status["safeReplicas"]
    assert removable > 0 and [one for one in costs(made).values() if one] == [str(n) for n in range(-removable, 0)]
    assert ("apply", PODS.plural) not in await made.turn(at + 15)
    made.source.kv = 0.95
    await made.turn(at + 30)
    assert set(costs(made).values()) == {None}


async def test_costs_that_somebody_else_gave_are_left_and_ours_go() -> None:
    made = service(kv=0.2, podDeletionCost=True)
    at = await allowed_to_shrink(made)
    theirs = pod("llama-3", "10.0.0.4")
    theirs["metadata"]["annotations"] = {COST.key: "100"}
    made.put(PODS, theirs)
    await made.turn(at + 15)
    assert costs(made) == {"llama-0": None, "llama-1": None, "llama-2": None, "llama-3": "100"}
    assert "of Pod llama-3 is set by somebody else" in told(made)[0]


async def test_a_budget_of_somebody_else_for_the_same_pods_is_enough() -> None:
    made = service(disruptionBudget=True)
    await made.turn()
    assert BUDGET in budgets(made)
    theirs = {
        "metadata": {"name": "theirs"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "llama"}}},
    }
    made.put_api(DISRUPTION_BUDGETS, theirs)
    await made.turn(NOW + 15)
    assert set(budgets(made)) == {"theirs"}, "two budgets for one pod stop every drain"
    assert "PodDisruptionBudget theirs is there already" in told(made)[0]


async def test_budgets_of_other_pods_are_no_hindrance_one_of_our_name_is_left() -> None:
    made = service(disruptionBudget=True)
    other = {"metadata": {"name": "other"}, "spec": {"selector": {"matchLabels": {"app": "other"}}}}
    made.put_api(DISRUPTION_BUDGETS, other)
    await made.turn()
    assert set(budgets(made)) == {"other", BUDGET}
    taken = service(disruptionBudget=True)
    taken.put_api(DISRUPTION_BUDGETS, {**other, "metadata": {"name": BUDGET}})
    await taken.turn()
    assert budgets(taken)[BUDGET]["spec"] == other["spec"] and told(taken)


async def test_a_budget_of_a_former_operator_is_found_and_deleted() -> None:
    made = service(pauseScaleIn=True)
    labels = {"app.kubernetes.io/managed-by": "scalewarden-cooperate"}
    made.put_api(DISRUPTION_BUDGETS, {"metadata": {"name": BUDGET, "labels": labels}, "spec": {}})
    await made.turn()
    assert not budgets(made)


async def test_what_the_administrator_does_not_allow_is_said_and_not_done() -> None:
    made = service(allowed=frozenset({Way.PAUSE_SCALE_IN}))
    await made.turn()
    assert paused(made) == "true" and not budgets(made)
    assert len(told(made)) == 2 and any("the chart with cooperate.disruptionBudget=true" in note for note in told(made))


async def test_what_the_role_does_not_allow_is_said() -> None:
    made = service(disruptionBudget=True)
    made.api.refuse["list"] = ApiError("forbidden", status=403)
    await made.turn()
    assert "may not write poddisruptionbudgets" in told(made)[0]


async def test_an_api_server_that_fails_stops_neither_status_nor_events() -> None:
    made = service()
    made.api.refuse["list"] = ApiError("down", status=500)
    wrote = await made.turn()
    assert ("apply", INFERENCE_DEPLOYMENTS.plural) in wrote and paused(made) == "true"
