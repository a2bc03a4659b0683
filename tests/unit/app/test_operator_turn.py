"""One turn of the operator over a fake API server: what is judged, written, kept and left alone."""

import pytest

from scalewarden.app import judging as judging_module
from scalewarden.model.duration import rfc3339
from scalewarden.model.fence import FENCE_NAME
from scalewarden.model.policy import Mode
from scalewarden.model.snapshot import Snapshot
from scalewarden.sources.kubeapi import ApiError
from scalewarden.sources.kuberesource import DEPLOYMENTS, HPAS, INFERENCE_DEPLOYMENTS, NAMESPACES, SCALE_FENCES
from tests.unit.app.service import NAMESPACE, NOW, Service, deployment, described

KEY = "deployments/llama"


def fences(service: Service) -> dict[str, dict[str, object]]:
    found = service.api.objects.get(("scalefences", NAMESPACE, FENCE_NAME), {})
    return dict(found.get("fences", {}))


def reason(service: Service, kind: str, name: str = "llama") -> str:
    conditions = service.held(INFERENCE_DEPLOYMENTS, name)["status"]["conditions"]
    return next(str(one["reason"]) for one in conditions if one["type"] == kind)


async def test_a_turn_writes_fence_before_status_and_then_tells() -> None:
    service = Service()
    wrote = [plural for _, plural in await service.turn()]
    assert wrote.index("scalefences") < wrote.index("inferencedeployments") < wrote.index("events")
    assert fences(service)[KEY]["replicas"] == 4
    status = service.held(INFERENCE_DEPLOYMENTS, "llama")["status"]
    assert (status["safeReplicas"], status["fence"]["replicas"]) == (4, 4)
    assert "Unsound" in service.held(HPAS, "on-cpu")["metadata"]["annotations"]["scalewarden.dev/verdict"]


async def test_the_second_turn_writes_nothing() -> None:
    service = Service()
    await service.turn()
    assert await service.turn(NOW + 15) == []


async def test_a_minute_later_the_status_alone_is_refreshed() -> None:
    service = Service()
    await service.turn()
    assert await service.turn(NOW + 61) == [("apply", "inferencedeployments")]


async def test_the_janitors_removal_is_repaired_while_it_is_still_wanted() -> None:
    service = Service()
    await service.turn()
    service.put(SCALE_FENCES, {"metadata": {"name": FENCE_NAME}, "fences": {}})
    assert ("apply", "scalefences") in await service.turn(NOW + 15)
    assert KEY in fences(service)


async def test_entries_that_someone_else_left_are_removed() -> None:
    service = Service(replicas=0)
    stray = {"replicas": 9, "autoscalerReplicas": 9, "reason": "x", "message": "x", "owner": "nobody"}
    service.put(SCALE_FENCES, {"metadata": {"name": FENCE_NAME}, "fences": {"deployments/other": stray}})
    await service.turn()
    assert "deployments/other" not in fences(service)


@pytest.mark.parametrize(
    ("setup", "words"),
    [({"opted_in": False}, "scalewarden.dev/guard=enabled"), ({"max_mode": Mode.WARN}, "capped to Warn")],
)
async def test_where_nothing_is_enforced_there_is_no_fence_and_ready_says_why(
    setup: dict[str, object], words: str
) -> None:
    service = Service(**setup)
    await service.turn()
    assert not fences(service)
    status = service.held(INFERENCE_DEPLOYMENTS, "llama")["status"]
    assert "fence" not in status and status["safeReplicas"] == 4
    assert words in status["conditions"][0]["message"]


@pytest.mark.parametrize(("limits", "mode"), [({"nvidia.com/gpu": "1"}, "Warn"), ({}, "Observe")])
async def test_every_target_says_where_its_floor_is_and_only_gpus_answer_for_cpu(
    limits: dict[str, str], mode: str
) -> None:
    service, target = Service(), deployment(4)
    container = target["spec"]["template"]["spec"]["containers"][0]
    container |= {"image": "vllm/vllm-openai-cpu:v0.32.0", "resources": {"limits": limits}}
    service.put(DEPLOYMENTS, target)
    await service.turn()
    (found,) = service.held(SCALE_FENCES, FENCE_NAME)["autoscaling"].items()
    assert (found[0], found[1]["mode"], found[1]["target"]) == ("Deployment/llama", mode, KEY)


async def test_a_namespace_that_opts_out_loses_its_fence() -> None:
    service = Service()
    await service.turn()
    service.put(NAMESPACES, {"metadata": {"name": NAMESPACE, "labels": {}}})
    await service.turn(NOW + 15)
    assert not fences(service)


async def test_a_lost_target_keeps_the_fence_until_it_expires() -> None:
    service = Service()
    await service.turn()
    service.world.drop(DEPLOYMENTS, service.held(DEPLOYMENTS, "llama"))
    await service.turn(NOW + 15)
    assert reason(service, "Ready") == "TargetNotFound"
    assert KEY in fences(service) and "fence" in service.held(INFERENCE_DEPLOYMENTS, "llama")["status"]
    await service.turn(NOW + 4000)
    assert not fences(service) and "fence" not in service.held(INFERENCE_DEPLOYMENTS, "llama")["status"]


async def test_broken_glass_removes_the_fence_even_of_a_lost_target() -> None:
    service = Service()
    await service.turn()
    service.world.drop(DEPLOYMENTS, service.held(DEPLOYMENTS, "llama"))
    held = service.held(INFERENCE_DEPLOYMENTS, "llama")
    glass = {"scalewarden.dev/break-glass": "why", "scalewarden.dev/break-glass-until": rfc3339(NOW + 3600)}
    service.put(INFERENCE_DEPLOYMENTS, held | {"metadata": {"name": "llama", "annotations": glass}})
    await service.turn(NOW + 15)
    assert not fences(service)


async def test_a_defect_in_one_service_is_its_condition_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service()
    await service.turn()
    other = described(
        "other", "2025-02-01T00:00:00Z", targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
    )
    service.put(INFERENCE_DEPLOYMENTS, other)

    def broken(snapshot: Snapshot, policy: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(judging_module, "evaluate", broken)
    await service.turn(NOW + 15)
    assert service.defects == 1
    assert reason(service, "Ready") == "InternalError" and reason(service, "Ready", "other") == "TargetNotFound"
    assert fences(service)[KEY]["replicas"] == 4
    assert service.held(INFERENCE_DEPLOYMENTS, "llama")["status"]["safeReplicas"] == 4


async def test_a_spec_that_cannot_be_read_is_said_with_its_field() -> None:
    service = Service()
    service.put(INFERENCE_DEPLOYMENTS, described(policy={"mode": "Maybe"}))
    await service.turn()
    (ready, *_) = service.held(INFERENCE_DEPLOYMENTS, "llama")["status"]["conditions"]
    assert ready["reason"] == "InvalidSpec" and "spec.policy.mode" in ready["message"]


async def test_of_two_on_one_target_the_older_one_has_it() -> None:
    service = Service()
    service.put(INFERENCE_DEPLOYMENTS, described("a-younger", "2025-06-01T00:00:00Z"))
    await service.turn()
    assert reason(service, "Ready") == "Evaluated" and reason(service, "Ready", "a-younger") == "TargetTaken"
    assert fences(service)[KEY]["owner"] == "llama"


async def test_the_status_that_cannot_be_written_is_not_told_and_tried_again() -> None:
    service = Service()
    service.api.refuse["apply"] = ApiError("forbidden", status=403)
    assert await service.turn() == []
    service.api.refuse.clear()
    assert ("create", "events") in await service.turn(NOW + 15)


async def test_annotations_go_with_the_opt_out_and_with_the_service() -> None:
    service = Service()
    await service.turn()
    service.put(INFERENCE_DEPLOYMENTS, service.held(INFERENCE_DEPLOYMENTS, "llama") | _without_annotations())
    await service.turn(NOW + 15)
    for resource, name in ((HPAS, "on-cpu"), (DEPLOYMENTS, "llama")):
        assert not service.held(resource, name)["metadata"]["annotations"]


def _without_annotations() -> dict[str, object]:
    return {"spec": described(policy={"annotate": False})["spec"]}


async def test_a_deleted_service_leaves_nothing_behind() -> None:
    service = Service()
    await service.turn()
    service.world.drop(INFERENCE_DEPLOYMENTS, service.held(INFERENCE_DEPLOYMENTS, "llama"))
    await service.turn(NOW + 15)
    assert not fences(service)
    assert not service.held(HPAS, "on-cpu")["metadata"]["annotations"]


async def test_a_new_operator_holds_until_its_record_is_long_enough() -> None:
    service = Service(kv=0.3)
    (first,) = await service.judge()
    assert first.evaluation is not None and first.evaluation.verdict.reason == "Stabilizing"
    for seconds in range(15, 330, 15):
        (last,) = await service.judge(NOW + seconds)
    assert last.evaluation is not None and last.evaluation.verdict.decision == "Allow"


async def test_an_unsound_status_from_before_is_as_good_as_none() -> None:
    service = Service()
    service.put(INFERENCE_DEPLOYMENTS, described() | {"status": {"conditions": "none"}})
    await service.turn()
    assert reason(service, "Ready") == "Evaluated"
