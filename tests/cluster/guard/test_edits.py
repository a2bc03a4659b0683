"""Edits of autoscalers with the guard up and gone: lower bounds, looser behaviors, KEDA's pauses, deletions."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.guard.bench import WAITING, Answer, Bench, Guard
from tests.cluster.keda import keda
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

WEBHOOK = 'admission webhook "autoscalers.guard.scalewarden.dev" denied the request: '
DENIED = "Scalewarden: KVCachePressure: the KV cache of the replicas that stay would overflow; the safe count is 4."
HELD = "Scalewarden: Stabilizing: it has not been safe for long enough; the safe count is 4."
ONE_A_MINUTE = {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}
KUBE_SYSTEM = "system:serviceaccount:kube-system"
PAUSED_AT = "autoscaling.keda.sh/paused-replicas"


@pytest.fixture(scope="module")
def guard(start_guard: Callable[..., Guard]) -> Guard:
    """The guard of this module."""
    return start_guard()


@pytest.fixture
def fenced(guard: Guard, bench: Bench) -> Bench:
    """A judged service with an HPA from 4 to 8: nobody below 3, autoscalers not below 4."""
    bench.judge(safe=4, replicas={"desired": 4})
    bench.fence()
    bench.cluster.wait_for(
        lambda: "admission webhook" in bench.scale(0, "--dry-run=server").said, "the guard to know the service", 15
    )
    assert bench.kubectl("apply", "-f", "-", obj=bench.hpa(WAITING, minimum=4, behavior=ONE_A_MINUTE)).done
    return bench


def edit(bench: Bench, spec: dict[str, Any], *more: str, kind: str = "hpa") -> Answer:
    """A merge patch of an autoscaler's spec."""
    return bench.kubectl("patch", kind, "llama", "--type=merge", "-p", json.dumps({"spec": spec}), *more)


def told(bench: Bench, reason: str) -> list[dict[str, Any]]:
    """Events of one reason, once they are on both objects."""

    def both() -> list[dict[str, Any]]:
        found = bench.events(reason)
        return found if len({event["regarding"]["kind"] for event in found}) == 2 else []

    return bench.cluster.wait_for(both, f"{reason} on both objects", 15)


def test_a_maximum_under_the_floor_is_refused_with_403_and_told(fenced: Bench) -> None:
    assert not edit(fenced, {"minReplicas": 1, "maxReplicas": 1}, "--dry-run=server").done
    answer = edit(fenced, {"minReplicas": 1, "maxReplicas": 2})
    assert not answer.done and "(Forbidden)" in answer.said
    assert f"{WEBHOOK}{DENIED} Evidence: kubectl describe infd llama -n {fenced.namespace}" in answer.said
    events = told(fenced, "ScaleDownRefused")
    assert {event["regarding"]["kind"] for event in events} == {"InferenceDeployment", "HorizontalPodAutoscaler"}
    (note,) = {event["note"] for event in events}
    assert note.startswith(f"admin: update horizontalpodautoscalers/llama maxReplicas 8→2, refused. {DENIED}")
    (decision,) = fenced.cluster.wait_for(fenced.decisions, "the decision in status", 15)
    assert (decision["path"], decision["from"], decision["to"]) == ("horizontalpodautoscalers", 4, 2)
    assert (decision["verdict"], decision["reason"]) == ("Deny", "KVCachePressure")


def test_between_the_floors_a_person_is_warned_and_raising_is_never_refused(fenced: Bench) -> None:
    answer = edit(fenced, {"minReplicas": 3, "maxReplicas": 3})
    assert answer.done and f"Warning: {HELD}" in answer.said
    assert told(fenced, "ScaleDownWarned")
    assert edit(fenced, {"maxReplicas": 4}).done and edit(fenced, {"maxReplicas": 50}).done
    assert edit(fenced, {"minReplicas": 9}).said.count("Warning") == 0


def test_a_lower_minimum_is_warned_about(fenced: Bench) -> None:
    answer = edit(fenced, {"minReplicas": 2})
    lets = "minReplicas 2 lets HorizontalPodAutoscaler/llama go below what is safe; the safe count is 4."
    assert answer.done and f"Warning: Scalewarden: Stabilizing: {lets}" in answer.said
    assert "minReplicas 4→2, warned." in told(fenced, "AutoscalerUnsound")[0]["note"]


def test_a_looser_behavior_is_warned_about(fenced: Bench) -> None:
    answer = edit(fenced, {"behavior": None})
    what = "HorizontalPodAutoscaler/llama may remove 8 of 8 replicas at once, before it was 1."
    assert answer.done and f"Warning: Scalewarden: ASC604: {what}" in answer.said
    assert told(fenced, "AutoscalerUnsound")


def test_a_deletion_is_warned_about_and_never_refused(fenced: Bench) -> None:
    fenced.fence(nobody=9, autoscalers=9)
    cleared = ("delete", "hpa", "llama", "--dry-run=server", "--as-group=system:masters")
    assert "Warning" not in fenced.kubectl(*cleared, user=f"{KUBE_SYSTEM}:namespace-controller").said
    assert "Warning" in fenced.kubectl(*cleared, user=f"{KUBE_SYSTEM.removesuffix('kube-system')}argocd:sync").said
    answer = fenced.kubectl("delete", "hpa", "llama")
    assert answer.done and "Warning: Scalewarden: without HorizontalPodAutoscaler/llama no autoscaler" in answer.said
    assert fenced.kubectl("get", "hpa", "llama").done is False


def test_what_is_not_judged_leaves_no_warning(fenced: Bench) -> None:
    for arguments in (("annotate", "hpa", "llama", "team=a"), ("label", "hpa", "llama", "team=a")):
        answer = fenced.kubectl(*arguments)
        assert answer.done and "Warning" not in answer.said


@pytest.fixture
def scaled(fenced: Bench) -> Bench:
    """The same with a ScaledObject from 4 to 8 in place of the HPA."""
    assert fenced.kubectl("delete", "hpa", "llama").done
    fenced.cluster.apply(keda())
    trigger = {"query": "sum(vllm:num_requests_waiting)", "threshold": "2", "ignoreNullValues": "false"}
    spec = {
        "scaleTargetRef": {"name": "llama"},
        "minReplicaCount": 4,
        "maxReplicaCount": 8,
        "triggers": [{"type": "prometheus", "metadata": trigger}],
    }
    metadata = {"name": "llama", "namespace": fenced.namespace}
    obj = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec}
    fenced.cluster.wait_for(lambda: fenced.kubectl("apply", "-f", "-", obj=obj).done, "KEDA's kind to be served", 15)
    return fenced


def pause(bench: Bench, *annotations: str) -> Answer:
    """Write KEDA's annotations."""
    return bench.kubectl("annotate", "scaledobject", "llama", "--overwrite", *annotations)


def test_a_scaled_object_is_judged_alike(scaled: Bench) -> None:
    refused = edit(scaled, {"maxReplicaCount": 2}, kind="scaledobject")
    assert not refused.done and "(Forbidden)" in refused.said and f"{WEBHOOK}{DENIED}" in refused.said
    assert told(scaled, "ScaleDownRefused")
    assert f"Warning: {HELD}" in edit(scaled, {"minReplicaCount": 3, "maxReplicaCount": 3}, kind="scaledobject").said
    assert edit(scaled, {"maxReplicaCount": 9}, kind="scaledobject").done
    idle = edit(scaled, {"idleReplicaCount": 0}, kind="scaledobject")
    assert idle.done and "idleReplicaCount 0 lets ScaledObject/llama go below what is safe" in idle.said
    lower = edit(scaled, {"minReplicaCount": 1}, kind="scaledobject")
    assert lower.done and "minReplicaCount 1 lets ScaledObject/llama go below what is safe" in lower.said
    gone = scaled.kubectl("delete", "scaledobject", "llama")
    assert gone.done and "without ScaledObject/llama no autoscaler is left" in gone.said


def test_a_pause_below_the_floor_is_a_decrease_other_pauses_are_not(scaled: Bench) -> None:
    refused = pause(scaled, f"{PAUSED_AT}=2")
    assert not refused.done and "(Forbidden)" in refused.said and f"{WEBHOOK}{DENIED}" in refused.said
    assert f"Warning: {HELD}" in pause(scaled, f"{PAUSED_AT}=3").said
    for harmless in (f"{PAUSED_AT}=6", f"{PAUSED_AT}-", "autoscaling.keda.sh/paused=true"):
        answer = pause(scaled, harmless)
        assert answer.done and "Warning" not in answer.said
    assert "Warning" not in edit(scaled, {"minReplicaCount": 1}, kind="scaledobject").said
    answer = pause(scaled, "autoscaling.keda.sh/paused-", "autoscaling.keda.sh/paused-scale-in=true")
    assert answer.done and "Warning" not in answer.said


def policy(bench: Bench, changes: dict[str, Any], *more: str) -> Answer:
    """A merge patch of the InferenceDeployment's policy."""
    return edit(bench, {"policy": changes}, *more, kind="infd")


def test_a_service_that_weakens_its_own_policy_is_warned_and_told(fenced: Bench) -> None:
    strict = policy(fenced, {"minReplicas": 4, "stabilization": "10m"})
    assert strict.done and "Warning" not in strict.said
    assert "Warning" in policy(fenced, {"mode": "Observe"}, "--dry-run=server").said
    answer = policy(fenced, {"mode": "Warn", "minReplicas": None})
    said = (
        "weaker from now on: mode Warn instead of Enforce: unsafe scale-downs are warned about, no longer refused; "
        "minReplicas none instead of 4"
    )
    assert answer.done and f"Warning: Scalewarden: {said}. Evidence: kubectl describe infd llama" in answer.said
    (event,) = fenced.cluster.wait_for(lambda: fenced.events("GuardDegraded"), "an event", 15)
    assert event["note"] == f"admin: update inferencedeployments/llama, {said}"
    assert (event["type"], event["action"], event["regarding"]["kind"]) == (
        "Warning",
        "ChangePolicy",
        "InferenceDeployment",
    )
    assert "GuardDegraded" in fenced.kubectl("describe", "infd", "llama").said
    bad = policy(fenced, {"mode": "Loud"})
    assert not bad.done and "Unsupported value" in bad.said, "the API server says what is wrong"
    assert "Warning" not in fenced.kubectl("annotate", "infd", "llama", "team=a").said


def test_killed_the_policy_refuses_with_the_same_words(fenced: Bench, guard: Guard, installed: LocalCluster) -> None:
    asked = {"minReplicas": 1, "maxReplicas": 2}
    with_guard = edit(fenced, asked).said
    guard.kill()
    without = edit(fenced, asked)
    assert not without.done and "ValidatingAdmissionPolicy 'scalewarden-autoscalers'" in without.said
    text = "Scalewarden: KVCachePressure: "
    assert without.said.partition(text)[2] == with_guard.partition(text)[2]
    assert edit(fenced, {"maxReplicas": 9}).done and edit(fenced, {"minReplicas": 1}).done
    weaker = policy(fenced, {"mode": "Warn"})
    assert weaker.done and "Warning" not in weaker.said
    assert fenced.kubectl("delete", "hpa", "llama").done
