"""A decrease that passed below the fence is found, told once with what it does, and told again with what came of it."""

from typing import Any

import pytest

from scalewarden.model.duration import rfc3339
from scalewarden.model.policy import Mode
from scalewarden.sources.kubeapi import ApiError
from scalewarden.sources.kuberesource import DEPLOYMENTS, INFERENCE_DEPLOYMENTS, PODS
from scalewarden.sources.managedfields import replicas_writer
from tests.unit.app.service import NOW, Service, deployment, described

NEXT = NOW + 15


def scaled(service: Service, replicas: int, **metadata: Any) -> None:
    """Somebody writes the count, and the pods follow."""
    obj = deployment(replicas)
    obj["metadata"] |= metadata
    service.put(DEPLOYMENTS, obj)
    for number in range(replicas, 4):
        pod = service.world.get(PODS, "serving", f"llama-{number}")
        if pod is not None:
            service.world.drop(PODS, pod)


def told(service: Service) -> list[dict[str, Any]]:
    """Events about it, in the order of being told."""
    events = [obj for method, plural, obj in service.api.writes if (method, plural) == ("create", "events")]
    return [event for event in events if event["reason"] == "GuardBypassed"]


def owned(manager: str, at: str = "2026-11-21T23:00:00Z", **more: str) -> dict[str, Any]:
    return {"manager": manager, "time": at, "fieldsV1": {"f:spec": {"f:replicas": {}}}, **more}


async def test_it_is_told_on_both_objects_with_who_what_and_what_it_does() -> None:
    service = Service()
    await service.turn()
    scaled(service, 2, managedFields=[owned("kubectl", subresource="scale"), owned("helm", "2025-01-01T00:00:00Z")])
    await service.turn(NEXT)
    on_service, on_target = told(service)
    assert (on_service["regarding"]["kind"], on_service["related"]["kind"]) == ("InferenceDeployment", "Deployment")
    assert (on_target["regarding"]["kind"], on_target["related"]["kind"]) == ("Deployment", "InferenceDeployment")
    assert on_service["type"] == "Warning"
    assert on_service["note"] == (
        "deployments/llama 4→2 passed below the floor of 4 (KVCachePressure: the KV cache of the replicas that stay "
        "would overflow), written by kubectl (scale, 2026-11-21T23:00:00Z). The 2 that stay are predicted at KV-cache "
        "usage 1.80. Admission did not refuse it: kubectl get validatingadmissionpolicybinding scalewarden-fence shows "
        "whether the policy is in force"
    )


async def test_it_is_told_once_and_not_again_while_nothing_changes() -> None:
    service = Service()
    await service.turn()
    scaled(service, 2)
    for step in range(1, 5):
        await service.turn(NOW + 15 * step)
    assert len(told(service)) == 2


async def test_where_the_namespace_is_not_opted_in_it_says_so() -> None:
    service = Service(opted_in=False)
    await service.turn()
    scaled(service, 3)
    await service.turn(NEXT)
    assert "not opted in: label it scalewarden.dev/guard=enabled" in told(service)[0]["note"]


async def test_what_became_of_it_is_told_when_it_is_known() -> None:
    service = Service()
    await service.turn()
    scaled(service, 2)
    await service.turn(NEXT)
    for minute in range(1, 12):
        await service.turn(NEXT + 60 * minute)
    first, _, end, on_target = told(service)
    assert end["note"].startswith("deployments/llama 4→2, which passed below the floor of 4, came to this: Regretted: ")
    assert "KV-cache usage predicted 1.80, measured 0.90" in end["note"]
    assert end["regarding"] == first["regarding"] and on_target["regarding"]["kind"] == "Deployment"


async def test_to_zero_nobody_is_left() -> None:
    service = Service()
    await service.turn()
    scaled(service, 0)
    await service.turn(NEXT)
    assert "4→0 passed below the floor of 4" in told(service)[0]["note"]
    assert "No replica is left to serve" in told(service)[0]["note"]


async def test_a_new_operator_finds_what_passed_while_there_was_none() -> None:
    service = Service()
    await service.turn()
    scaled(service, 2)
    await successor(service).turn(NOW + 90)
    assert len(told(service)) == 2


async def test_not_what_passed_after_the_janitor_had_released_the_fence() -> None:
    service = Service()
    await service.turn()
    scaled(service, 2)
    await successor(service).turn(NOW + 101)
    assert told(service) == []


def successor(service: Service) -> Service:
    """The same cluster as a new operator meets it."""
    fresh = Service()
    fresh.api.objects |= service.api.objects
    fresh.api.writes = service.api.writes
    for resource in (INFERENCE_DEPLOYMENTS, DEPLOYMENTS):
        fresh.put(resource, service.held(resource, "llama"))
    return fresh


async def test_a_standby_that_leads_again_does_not_speak_of_what_it_saw_long_ago() -> None:
    service = Service()
    await service.turn()
    service.publisher.stand_by()
    scaled(service, 2)
    await service.turn(NOW + 400)
    assert told(service) == []


@pytest.mark.parametrize(
    "policy", [{"mode": "Warn"}, {"mode": "Observe"}], ids=["warned about by design", "only observed"]
)
async def test_what_is_let_pass_by_design_is_no_bypass(policy: dict[str, Any]) -> None:
    service = Service()
    service.put(INFERENCE_DEPLOYMENTS, described(policy=policy))
    await service.turn()
    scaled(service, 2)
    await service.turn(NEXT)
    assert told(service) == []


async def test_below_the_administrators_ceiling_nothing_is_bypassed() -> None:
    service = Service(max_mode=Mode.WARN)
    await service.turn()
    scaled(service, 2)
    await service.turn(NEXT)
    assert told(service) == []


async def test_broken_glass_is_no_bypass() -> None:
    service = Service()
    await service.turn()
    held = service.held(INFERENCE_DEPLOYMENTS, "llama")
    glass = {"scalewarden.dev/break-glass": "why", "scalewarden.dev/break-glass-until": rfc3339(NOW + 3600)}
    service.put(INFERENCE_DEPLOYMENTS, held | {"metadata": {"name": "llama", "annotations": glass}})
    scaled(service, 2)
    await service.turn(NEXT)
    assert told(service) == []


@pytest.mark.parametrize("replicas", [4, 6])
async def test_no_decrease_is_no_bypass(replicas: int) -> None:
    service = Service()
    await service.turn()
    scaled(service, replicas)
    await service.turn(NEXT)
    assert told(service) == []


async def test_a_decrease_of_an_idle_fleet_is_no_bypass() -> None:
    service = Service(kv=0.05)
    await service.turn()
    scaled(service, 3)
    await service.turn(NEXT)
    assert told(service) == []


async def test_a_target_that_was_made_anew_passed_nothing() -> None:
    service = Service()
    await service.turn()
    service.world.drop(DEPLOYMENTS, service.held(DEPLOYMENTS, "llama"))
    scaled(service, 2, uid="another")
    await service.turn(NEXT)
    assert told(service) == []


async def test_that_the_writer_cannot_be_read_costs_only_the_name() -> None:
    service = Service()
    await service.turn()
    scaled(service, 2)
    judged = await service.judge(NEXT)
    service.api.refuse["find"] = ApiError("forbidden", status=403)
    await service.publisher.publish(judged, NEXT)
    assert "written by" not in told(service)[0]["note"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (None, ""),
        ([], ""),
        ("junk", ""),
        ([{"manager": "helm", "fieldsV1": {"f:spec": {"f:template": {}}}}], ""),
        ([owned("argocd", "")], "argocd"),
        ([owned("a", "2026-01-01T00:00:00Z"), owned("b", "2026-01-02T00:00:00Z")], "b (2026-01-02T00:00:00Z)"),
        ([{"fieldsV1": {"f:spec": {"f:replicas": {}}}}, 5, {"fieldsV1": None}], "unknown"),
    ],
)
def test_the_last_writer_of_the_count_is_named(fields: object, said: str) -> None:
    assert replicas_writer({"metadata": {"managedFields": fields}}) == said
