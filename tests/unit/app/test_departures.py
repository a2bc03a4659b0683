"""A deleted InferenceDeployment is told on the target that it guarded, once, by the operator that saw it go."""

from typing import Any

import pytest

from scalewarden.model.policy import Mode
from scalewarden.sources.kuberesource import DEPLOYMENTS, INFERENCE_DEPLOYMENTS
from tests.unit.app.service import NOW, Service, described

NEXT = NOW + 15


def gone(service: Service, name: str = "llama") -> None:
    service.world.drop(INFERENCE_DEPLOYMENTS, service.held(INFERENCE_DEPLOYMENTS, name))


def told(service: Service) -> list[dict[str, Any]]:
    events = [obj for method, plural, obj in service.api.writes if (method, plural) == ("create", "events")]
    return [event for event in events if event["reason"] == "GuardDegraded"]


async def test_it_is_told_once_on_the_target() -> None:
    service = Service()
    await service.turn()
    gone(service)
    await service.turn(NEXT)
    await service.turn(NEXT + 15)
    (event,) = told(service)
    assert (event["regarding"]["kind"], event["related"]["kind"]) == ("Deployment", "InferenceDeployment")
    assert event["regarding"]["uid"] == service.held(DEPLOYMENTS, "llama")["metadata"]["uid"]
    assert event["type"] == "Warning"
    said = "InferenceDeployment llama was deleted: unsafe scale-downs of it pass from now on"
    assert event["note"] == said


async def test_the_fence_goes_with_it() -> None:
    service = Service()
    await service.turn()
    gone(service)
    await service.turn(NEXT)
    fence = service.api.objects["scalefences", "serving", "scalewarden"]
    assert fence.get("fences", {}) == {}


async def test_a_service_that_could_not_be_judged_in_between_is_still_known() -> None:
    service = Service()
    await service.turn()
    target = service.held(DEPLOYMENTS, "llama")
    service.world.drop(DEPLOYMENTS, target)
    await service.turn(NEXT)
    service.world.put(DEPLOYMENTS, target)
    gone(service)
    await service.turn(NEXT + 15)
    assert len(told(service)) == 1


async def test_where_another_one_describes_the_target_nothing_is_lost() -> None:
    service = Service()
    service.put(INFERENCE_DEPLOYMENTS, described("younger", "2025-06-01T00:00:00Z"))
    await service.turn()
    gone(service)
    await service.turn(NEXT)
    assert told(service) == []


@pytest.mark.parametrize("ceiling", [Mode.OBSERVE, Mode.ENFORCE])
async def test_in_observe_nothing_is_lost(ceiling: Mode) -> None:
    service = Service(max_mode=ceiling)
    service.put(INFERENCE_DEPLOYMENTS, described(policy={"mode": "Observe" if ceiling is Mode.ENFORCE else "Enforce"}))
    await service.turn()
    gone(service)
    await service.turn(NEXT)
    assert told(service) == []


async def test_a_standby_says_nothing_of_what_went_while_another_one_led() -> None:
    service = Service()
    await service.turn()
    service.publisher.stand_by()
    gone(service)
    await service.turn(NEXT)
    assert told(service) == []
