"""KServe's services as what they become: a pod template, and the autoscaler that KServe makes for them.

Names are those of KServe's v1beta1 InferenceService and v1alpha1 LLMInferenceService.
"""

from collections.abc import Mapping
from typing import Any

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource, ScalingRules, TargetType
from scalewarden.sources.behavior import count, ignored, scaling_rules
from scalewarden.sources.quantity import quantity
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

_NOTES = "serving.kserve.io"
_KNATIVE = "autoscaling.knative.dev"
_SUFFIXES = {"InferenceService": "-predictor", "LLMInferenceService": "-kserve"}
"""What KServe adds to a service's name for the Deployment that it makes; of several nodes it makes none."""
_CPU = 80.0
"""Percent that KServe's own HPA aims at, unless told otherwise."""
_RUNTIMES = {"huggingface": "kserve/huggingfaceserver", "vllm": "vllm/vllm-openai", "triton": "nvcr.io/tritonserver"}
"""The image that a model format is served by, where the service names none."""
_LLMD = "llm-d-cuda"
"""What a container of an LLMInferenceService runs that names no image: KServe's own template does."""
_TARGETS = (
    ("averageUtilization", TargetType.UTILIZATION),
    ("averageValue", TargetType.AVERAGE_VALUE),
    ("value", TargetType.VALUE),
)


def template_of(service: Object) -> Object:
    """The pod template of an InferenceService or LLMInferenceService."""
    if service.get("kind") == "LLMInferenceService":
        pod = child(service, "spec", "template")
        listed = children(pod, "containers") or [pod]
        return {"spec": {**pod, "containers": [{"image": _LLMD, **one} for one in listed]}}
    predictor = child(service, "spec", "predictor")
    model = child(predictor, "model") or _old_style(predictor)
    if not model:
        return {"spec": predictor}
    served = str(child(model, "modelFormat").get("name") or "").lower()
    runtime = str(model.get("runtime") or "").lower()
    image = model.get("image") or _RUNTIMES.get(served) or _by_runtime(runtime)
    return {"spec": {**predictor, "containers": [{**model, "image": image}]}}


def _old_style(predictor: Object) -> Object:
    """`predictor.huggingface: {…}`, as services were written before `model`."""
    named = next((name for name in _RUNTIMES if child(predictor, name)), None)
    return {**child(predictor, named), "modelFormat": {"name": named}} if named else {}


def _by_runtime(runtime: str) -> str | None:
    return next((image for name, image in _RUNTIMES.items() if name in runtime), None)


def deployment_name(service: str) -> str:
    """What KServe calls the Deployment that it makes of an InferenceService."""
    return f"{service}{_SUFFIXES['InferenceService']}"


def made_for(deployment: str, kind: str) -> str:
    """The service of a kind whose Deployment has this name."""
    return deployment.removesuffix(_SUFFIXES[kind])


def autoscaler_of(service: Object) -> Autoscaler | None:
    """The HPA or ScaledObject that KServe makes; None where it makes none, or Knative scales on requests.

    CPU and memory that are asked for by name are an HPA in every mode: Knative scales on them by one. Of a behavior
    KServe passes on nothing to an HPA, and the windows to KEDA.
    """
    annotations, predictor = child(service, "metadata", "annotations"), child(service, "spec", "predictor")
    made = str(annotations.get(f"{_NOTES}/autoscalerClass") or "").lower()
    named = _named(predictor, annotations)
    metrics = named or _listed(predictor, keda=made == "keda")
    low, high = count(predictor.get("minReplicas"), 1), count(predictor.get("maxReplicas"))
    scales = bool(metrics) or (high or 0) > (low or 1)
    if made in ("none", "external") or not (is_raw(service) or named or made in ("hpa", "keda")) or not scales:
        return None
    name = str(child(service, "metadata").get("name", ""))
    behavior = child(predictor, "autoScaling", "behavior") if made == "keda" else {}
    return Autoscaler(
        kind="InferenceService",
        name=name,
        target_kind="InferenceService",
        target_name=name,
        metrics=metrics or (_resource("cpu", _CPU, "spec.predictor"),),
        min_replicas=low,
        max_replicas=high or low,
        ignore_reason=ignored(service),
        scale_down=_window(behavior, "scaleDown"),
        scale_up=_window(behavior, "scaleUp"),
    )


def is_raw(service: Object) -> bool:
    """True where KServe itself makes a Deployment, and no Knative."""
    mode = child(service, "metadata", "annotations").get(f"{_NOTES}/deploymentMode")
    return str(mode or "").lower() in ("rawdeployment", "standard")


def _window(behavior: Object, direction: str) -> ScalingRules | None:
    rules = scaling_rules(behavior, direction)
    return ScalingRules(rules.stabilization) if rules else None


def _named(predictor: Object, annotations: Object) -> tuple[AutoscalerMetric, ...]:
    """CPU or memory, by `scaleMetric` or by Knative's annotation."""
    name, aim = str(predictor.get("scaleMetric") or "").lower(), quantity(predictor.get("scaleTarget"))
    field = "spec.predictor.scaleMetric"
    if not name:
        name, aim = str(annotations.get(f"{_KNATIVE}/metric") or ""), quantity(annotations.get(f"{_KNATIVE}/target"))
        field = f'metadata.annotations["{_KNATIVE}/metric"]'
    return (_resource(name, aim or _CPU, field),) if name in ("cpu", "memory") else ()


def _listed(predictor: Object, *, keda: bool) -> tuple[AutoscalerMetric, ...]:
    listed = children(child(predictor, "autoScaling"), "metrics")
    return tuple(one for index, metric in enumerate(listed) if (one := _metric(metric, index, keda=keda)) is not None)


def _metric(metric: Object, index: int, *, keda: bool) -> AutoscalerMetric | None:
    """One entry; an HPA gets CPU and memory only. Of the others KEDA gets the query and the number in `value`, which it
    holds against the mean over the replicas; a `podmetric` is summed by KServe."""
    field = f"spec.predictor.autoScaling.metrics[{index}]"
    if resource := child(metric, "resource"):
        return _resource(str(resource.get("name", "")), _target(resource)[1], f"{field}.resource")
    kind = "external" if child(metric, "external") else "podmetric"
    query = str(child(metric, kind, "metric").get("query") or "")
    if not keda or not query:
        return None
    text = f"sum({query})" if kind == "podmetric" and "(" not in query else query
    target = child(metric, kind, "target")
    aim = quantity(target.get("value", target.get("averageValue")))
    return AutoscalerMetric(
        MetricSource.TRIGGER, "prometheus", TargetType.AVERAGE_VALUE, aim, text, f"{field}.{kind}.metric"
    )


def _target(body: Object) -> tuple[TargetType | None, float | None]:
    found = child(body, "target")
    return next(((kind, quantity(found[key])) for key, kind in _TARGETS if found.get(key) is not None), (None, None))


def _resource(name: str, target: float | None, field: str) -> AutoscalerMetric:
    return AutoscalerMetric(MetricSource.RESOURCE, name, TargetType.UTILIZATION, target, field=field)
