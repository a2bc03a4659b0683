"""Services that nothing guards although they say Enforce: told once, in the condition, and counted by why."""

from typing import Any

import pytest

from scalewarden.app.covering import EVERY
from scalewarden.model.policy import Mode
from scalewarden.sources.kubeapi import ApiError
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS, NAMESPACES, POLICIES, POLICY_BINDINGS
from scalewarden.surfaces.coverage import Why
from tests.unit.app.service import NOW, Service, described

NEXT = NOW + 15
KIND = "admission does not look at deployments.apps: decreases pass"
GONE = "the policy scalewarden-fence is not in force"


def uncover(service: Service) -> None:
    """The chart was installed without Deployments."""
    rules = [{"apiGroups": ["apps"], "resources": ["statefulsets", "statefulsets/scale"]}]
    service.put_api(
        POLICIES, {"metadata": {"name": "scalewarden-fence"}, "spec": {"matchConstraints": {"resourceRules": rules}}}
    )


def told(service: Service) -> list[tuple[str, str]]:
    """(reason, kind) of events about it."""
    events = [obj for method, plural, obj in service.api.writes if (method, plural) == ("create", "events")]
    return [
        (event["reason"], event["regarding"]["kind"])
        for event in events
        if event["reason"] in ("GuardBypassed", "GuardDegraded")
    ]


def ready(service: Service) -> str:
    conditions = service.held(INFERENCE_DEPLOYMENTS, "llama")["status"]["conditions"]
    return next(str(one["message"]) for one in conditions if one["type"] == "Ready")


def counted(service: Service) -> dict[str, float]:
    page = service.publisher.metrics.page({}, leader=True, suppressed=0).decode()
    lines = [line for line in page.splitlines() if line.startswith("scalewarden_unguarded_services{")]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines if not line.endswith(" 0.0")}


async def test_a_guarded_service_has_no_gap() -> None:
    service = Service()
    await service.turn()
    assert told(service) == [] and counted(service) == {}
    assert "admission" not in ready(service)


async def test_a_kind_that_admission_does_not_look_at_is_told_once_and_stands_in_the_condition() -> None:
    service = Service()
    uncover(service)
    await service.turn()
    await service.turn(NEXT)
    assert told(service) == [("GuardBypassed", "InferenceDeployment"), ("GuardBypassed", "Deployment")]
    assert KIND in ready(service)
    assert counted(service) == {Why.KIND_NOT_COVERED: 1.0}


async def test_a_binding_that_somebody_deletes_is_told_and_counted_until_it_is_back() -> None:
    service = Service()
    at = [0.0]
    service.publisher.unguarded.covering.clock = lambda: at[0]
    await service.turn()
    binding = service.api.objects.pop((POLICY_BINDINGS.plural, "", "scalewarden-fence"))
    await service.turn(NEXT)
    assert told(service) == [], "not asked at every turn"
    at[0] += EVERY
    await service.turn(NOW + 75)  # a status whose words alone differ waits for its minute
    assert told(service) == [("GuardDegraded", "InferenceDeployment")]
    assert GONE in ready(service) and counted(service) == {Why.POLICY_MISSING: 1.0}
    service.api.objects[POLICY_BINDINGS.plural, "", "scalewarden-fence"] = binding
    at[0] += EVERY
    await service.turn(NOW + 150)
    assert GONE not in ready(service) and counted(service) == {}


async def test_three_requests_a_minute_are_enough_for_any_number_of_services(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service()
    asked: list[str] = []
    find = service.api.find

    async def counting(resource: Any, namespace: str, name: str, subresource: str = "") -> Any:
        asked.append(resource.plural)
        return await find(resource, namespace, name, subresource)

    monkeypatch.setattr(service.api, "find", counting)
    for number in range(20):
        service.put(INFERENCE_DEPLOYMENTS, described(f"more-{number}"))
    for step in range(4):
        await service.turn(NOW + 15 * step)
    assert len([plural for plural in asked if "webhook" in plural or "policies" in plural or "binding" in plural]) == 3


async def test_what_may_not_be_read_is_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service()
    uncover(service)
    find = service.api.find

    async def forbidden(resource: Any, namespace: str, name: str, subresource: str = "") -> Any:
        if resource is POLICIES:
            raise ApiError("forbidden", status=403)
        return await find(resource, namespace, name, subresource)

    monkeypatch.setattr(service.api, "find", forbidden)
    await service.turn()
    assert told(service) == [] and counted(service) == {}


async def test_a_label_that_is_taken_away_is_a_loss_one_that_never_was_there_is_none() -> None:
    service = Service()
    await service.turn()
    service.put(NAMESPACES, {"metadata": {"name": "serving", "labels": {}}})
    await service.turn(NEXT)
    await service.turn(NEXT + 15)
    assert told(service) == [("GuardDegraded", "InferenceDeployment")]
    assert counted(service) == {Why.NOT_OPTED_IN: 1.0}
    never = Service(opted_in=False)
    await never.turn()
    await never.turn(NEXT)
    assert told(never) == [] and counted(never) == {Why.NOT_OPTED_IN: 1.0}


@pytest.mark.parametrize(
    ("service", "spec", "metadata", "why"),
    [
        (Service(max_mode=Mode.WARN), {}, {}, {Why.MODE_CAPPED: 1.0}),
        (Service(), {"policy": {"mode": "Warn"}}, {}, {}),
        (
            Service(),
            {},
            {"scalewarden.dev/break-glass": "drain", "scalewarden.dev/break-glass-until": "2099-01-01T00:00:00Z"},
            {Why.GLASS_BROKEN: 1.0},
        ),
    ],
    ids=["capped by --max-mode", "the owner's own choice", "glass"],
)
async def test_the_other_ways_out_are_counted(
    service: Service, spec: dict[str, Any], metadata: dict[str, str], why: dict[str, float]
) -> None:
    declared = described(**spec)
    declared["metadata"]["annotations"] = metadata
    service.put(INFERENCE_DEPLOYMENTS, declared)
    await service.turn()
    assert counted(service) == why


async def test_a_standby_counts_nothing() -> None:
    service = Service()
    uncover(service)
    await service.turn()
    service.publisher.stand_by()
    assert counted(service) == {}
