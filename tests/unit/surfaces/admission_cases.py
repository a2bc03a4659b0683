"""Builders for admission tests: the guard's state around one guarded service, and reviews of requests for it."""

from dataclasses import replace
from typing import Any

from scalewarden.model.fence import ScaleFence
from scalewarden.model.policy import Mode, Policy
from scalewarden.model.workload import Target
from scalewarden.sources.autoscalers import READERS
from scalewarden.surfaces import admission
from scalewarden.surfaces.admission_record import Record
from scalewarden.surfaces.admission_state import Guarded, GuardState, Ref
from scalewarden.surfaces.fence import autoscaling_entry

NOW = 1_766_370_000.0
HPA = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
OWNER = "serving/llama"
DEPLOYMENT = Target("apps/v1", "Deployment", "llama", "deployments")
STATEFUL_SET = Target("apps/v1", "StatefulSet", "qwen", "statefulsets")
DENIED = "Scalewarden: KVCachePressure: refused to everybody"
_HPAS = "horizontalpodautoscalers"
HELD = "Scalewarden: Stabilizing: refused to autoscalers"


def guarded(target: Target = DEPLOYMENT, **changes: Any) -> Guarded:
    """A service that was judged just now: 4 replicas are safe."""
    ref = Ref("scalewarden.dev/v1alpha1", "InferenceDeployment", "serving", "llama", "uid-infd")
    whole = Guarded(ref, target, Policy(), safe_replicas=4, reason="KVCachePressure", evaluated_at=NOW)
    return replace(whole, **changes)


def entry(replicas: int = 3, autoscaler_replicas: int = 4, **changes: Any) -> dict[str, Any]:
    """A fence entry: nobody below 3, autoscalers not below 4."""
    whole = {
        "replicas": replicas,
        "autoscalerReplicas": autoscaler_replicas,
        "reason": "KVCachePressure",
        "message": DENIED,
        "autoscalerReason": "Stabilizing",
        "autoscalerMessage": HELD,
        "owner": "llama",
    }
    return {**whole, **changes}


def state(
    service: Guarded | None = None,
    fence: dict[str, Any] | None = None,
    *,
    autoscaling: Mode | None = Mode.WARN,
    ceiling: Mode = Mode.ENFORCE,
) -> GuardState:
    """The guard's memory. fence: the entry of the service's target; autoscaling: None leaves its entry out."""
    service = service or guarded()
    made = GuardState(frozenset({HPA}), READERS, ceiling)
    made.put(service)
    objects: dict[str, Any] = {"fences": {service.target.key: fence} if fence else {}}
    if autoscaling:
        answer = autoscaling_entry(Policy(autoscaling=autoscaling), Mode.ENFORCE, OWNER, service.target.key)
        objects["autoscaling"] = {"Deployment/llama": answer}
    made.fences["serving"] = ScaleFence.model_validate(objects)
    return made


def scale(before: int, after: int, user: str = "alice", **changes: Any) -> dict[str, Any]:
    """A review of a Scale update, as the API server sends it: zero is left out."""
    return _review("deployments", "scale", _scale(before), _scale(after), user, **changes)


def parent(before: int | None, after: int | None, user: str = "alice", **changes: Any) -> dict[str, Any]:
    """A review of an update of the Deployment itself; None is a null replica count."""
    return _review("deployments", "", _deployment(before), _deployment(after), user, **changes)


def hpa(
    *metrics: dict[str, Any],
    before: tuple[dict[str, Any], ...] | None = None,
    annotations: dict[str, str] | None = None,
    user: str = "alice",
    **spec: Any,
) -> dict[str, Any]:
    """A review of a new HPA on the Deployment (of a changed one where `before` gives its metrics)."""
    new, old = _hpa(metrics, annotations or {}, spec), _hpa(before, {}, {}) if before is not None else None
    review = _review("horizontalpodautoscalers", "", old, new, user)
    review["request"]["resource"] = {"group": "autoscaling", "version": "v2", "resource": "horizontalpodautoscalers"}
    review["request"]["operation"] = "CREATE" if old is None else "UPDATE"
    return review


def hpa_object(**changes: Any) -> dict[str, Any]:
    """An HPA on the Deployment from 2 to 8 replicas, on waiting requests; None leaves a field out."""
    spec = {"minReplicas": 2, "metrics": [pods("vllm:num_requests_waiting")], **changes}
    made = _hpa((), {}, spec)
    made["spec"] = {key: value for key, value in made["spec"].items() if value is not None}
    return made


def scaled_object(annotations: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """A ScaledObject on the Deployment from 2 to 8 replicas; annotations by the name after KEDA's prefix."""
    load = "sum(vllm:num_requests_waiting) + sum(vllm:num_requests_running)"
    query = {"query": load, "threshold": "2", "ignoreNullValues": "false"}
    spec = {
        "scaleTargetRef": {"name": "llama"},
        "minReplicaCount": 2,
        "maxReplicaCount": 8,
        "triggers": [{"type": "prometheus", "metadata": query}],
        **changes,
    }
    written = {f"autoscaling.keda.sh/{key}": value for key, value in (annotations or {}).items()}
    metadata = {**_metadata("scaled"), "annotations": written}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec}


def edited(old: dict[str, Any] | None, new: dict[str, Any] | None, user: str = "alice", **changes: Any) -> Any:
    """A review of an autoscaler that is made (no old), changed, or deleted (no new)."""
    kind = (new or old or {})["kind"]
    group, plural = ("keda.sh", "scaledobjects") if kind == "ScaledObject" else ("autoscaling", _HPAS)
    operation = "CREATE" if old is None else "DELETE" if new is None else "UPDATE"
    resource = {"group": group, "version": "v1", "resource": plural}
    return _review(plural, "", old, new, user, **{"resource": resource, "operation": operation, **changes})


def service_edited(old: dict[str, Any], new: dict[str, Any], user: str = "alice", **changes: Any) -> dict[str, Any]:
    """A review of an update of the InferenceDeployment, by its specs."""
    resource = {"group": "scalewarden.dev", "version": "v1alpha1", "resource": "inferencedeployments"}
    before, after = (
        {
            "apiVersion": "scalewarden.dev/v1alpha1",
            "kind": "InferenceDeployment",
            "metadata": _metadata("infd"),
            "spec": spec,
        }
        for spec in (old, new)
    )
    return _review("inferencedeployments", "", before, after, user, **{"resource": resource, **changes})


def cpu(percent: int = 70) -> dict[str, Any]:
    """A Resource metric on CPU."""
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def pods(name: str) -> dict[str, Any]:
    """A Pods metric."""
    target = {"type": "AverageValue", "averageValue": "2"}
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": target}}


def ask(body: object, known: GuardState, now: float = NOW) -> tuple[dict[str, Any], tuple[Record, ...]]:
    """The response inside the answer, and its records."""
    found = admission.answer(body, known, now)
    assert found.review["kind"] == "AdmissionReview"
    return found.review["response"], found.records


def _review(
    plural: str, part: str, old: dict[str, Any] | None, new: dict[str, Any] | None, user: str, **changes: Any
) -> dict[str, Any]:
    request = {
        "uid": "review-1",
        "resource": {"group": "apps", "version": "v1", "resource": plural},
        "subResource": part,
        "name": "llama",
        "namespace": "serving",
        "operation": "UPDATE",
        "userInfo": {"username": user},
        "object": new,
        "oldObject": old,
        "dryRun": False,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**request, **changes}}


def _metadata(kind: str) -> dict[str, Any]:
    return {"name": "llama", "namespace": "serving", "uid": f"uid-{kind}"}


def _scale(replicas: int) -> dict[str, Any]:
    spec = {"replicas": replicas} if replicas else {}
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": _metadata("deployment"), "spec": spec}


def _deployment(replicas: int | None) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": _metadata("deployment"), "spec": {"replicas": replicas}}


def _hpa(metrics: Any, annotations: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {**_metadata("hpa"), "annotations": annotations},
        "spec": {"scaleTargetRef": target, "maxReplicas": 8, "metrics": list(metrics), **spec},
    }
