"""HorizontalPodAutoscalers and ScaledObjects as plain facts about what they scale on."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource, TargetType
from scalewarden.model.workload import Target
from scalewarden.sources.quantity import quantity
from scalewarden.sources.workloads import child, children

Object = Mapping[str, Any]

IGNORE = "scalewarden.dev/ignore"
_DEFAULT_CPU = 80.0  # what the API server fills in for an HPA without metrics
_KEDA_MINIMUM, _KEDA_MAXIMUM = 0, 100
_TARGETS = (
    ("averageUtilization", TargetType.UTILIZATION),
    ("averageValue", TargetType.AVERAGE_VALUE),
    ("value", TargetType.VALUE),
)


def autoscaler_of_hpa(hpa: Object) -> Autoscaler:
    """An autoscaling/v2 (or v1) HorizontalPodAutoscaler."""
    spec = child(hpa, "spec")
    reference = child(spec, "scaleTargetRef")
    return Autoscaler(
        kind="HorizontalPodAutoscaler",
        name=str(child(hpa, "metadata").get("name", "")),
        target_kind=str(reference.get("kind", "")),
        target_name=str(reference.get("name", "")),
        metrics=_hpa_metrics(spec),
        min_replicas=_count(spec.get("minReplicas"), 1),
        max_replicas=_count(spec.get("maxReplicas"), None),
        has_scale_down_behavior=bool(child(spec, "behavior", "scaleDown")),
        ignore_reason=_ignored(hpa),
        uid=str(child(hpa, "metadata").get("uid", "")),
    )


def _count(value: object, default: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _ignored(obj: Object) -> str | None:
    reason = child(obj, "metadata", "annotations").get(IGNORE)
    return None if reason is None else str(reason)


def _hpa_metrics(spec: Object) -> tuple[AutoscalerMetric, ...]:
    if "targetCPUUtilizationPercentage" in spec:
        target, field = quantity(spec["targetCPUUtilizationPercentage"]), "spec.targetCPUUtilizationPercentage"
        return (AutoscalerMetric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, target, field=field),)
    metrics = children(spec, "metrics")
    if not metrics:
        return (
            AutoscalerMetric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, _DEFAULT_CPU, field="spec.metrics"),
        )
    return tuple(metric for index, one in enumerate(metrics) if (metric := _hpa_metric(one, index)) is not None)


def _hpa_metric(metric: Object, index: int) -> AutoscalerMetric | None:
    """One entry of spec.metrics; None for a type that no API version knows."""
    try:
        source = MetricSource(str(metric.get("type")))
    except ValueError:
        return None
    key = source.value[:1].lower() + source.value[1:]
    body = child(metric, key)
    name = body.get("name") or child(body, "metric").get("name") or ""
    kind, target, where = _target(child(body, "target"))
    return AutoscalerMetric(source, str(name), kind, target, field=f"spec.metrics[{index}].{key}{where}")


def _target(target: Object) -> tuple[TargetType | None, float | None, str]:
    for key, kind in _TARGETS:
        if target.get(key) is not None:
            return kind, quantity(target[key]), f".target.{key}"
    return None, None, ""


def autoscaler_of_scaledobject(scaled: Object) -> Autoscaler:
    """A KEDA ScaledObject, with KEDA's own defaults where it leaves something out."""
    spec = child(scaled, "spec")
    reference = child(spec, "scaleTargetRef")
    behavior = child(spec, "advanced", "horizontalPodAutoscalerConfig", "behavior")
    return Autoscaler(
        kind="ScaledObject",
        name=str(child(scaled, "metadata").get("name", "")),
        target_kind=str(reference.get("kind") or "Deployment"),
        target_name=str(reference.get("name", "")),
        metrics=tuple(_trigger(trigger, index) for index, trigger in enumerate(children(spec, "triggers"))),
        min_replicas=_count(spec.get("minReplicaCount"), _KEDA_MINIMUM),
        max_replicas=_count(spec.get("maxReplicaCount"), _KEDA_MAXIMUM),
        has_scale_down_behavior=bool(child(behavior, "scaleDown")),
        ignore_reason=_ignored(scaled),
        uid=str(child(scaled, "metadata").get("uid", "")),
    )


def _trigger(trigger: Object, index: int) -> AutoscalerMetric:
    """One trigger: cpu and memory hold their target in `value`, most others in `threshold`."""
    metadata, kind = child(trigger, "metadata"), str(trigger.get("type", ""))
    key = next((key for key in ("threshold", "value", "targetValue") if metadata.get(key) is not None), None)
    declared = trigger.get("metricType") or (metadata.get("type") if kind in {"cpu", "memory"} else None)
    default = TargetType.UTILIZATION if kind in {"cpu", "memory"} else TargetType.AVERAGE_VALUE
    return AutoscalerMetric(
        source=MetricSource.TRIGGER,
        name=kind,
        target_type=next((one for one in TargetType if one == declared), default),
        target=quantity(metadata[key]) if key else None,
        query=str(metadata.get("query", "")),
        field=f"spec.triggers[{index}]" + (f".metadata.{key}" if key else ""),
    )


READERS: Mapping[str, Callable[[Object], Autoscaler]] = {
    "HorizontalPodAutoscaler": autoscaler_of_hpa,
    "ScaledObject": autoscaler_of_scaledobject,
}


def autoscalers_for(target: Target, objects: Iterable[Object]) -> tuple[Autoscaler, ...]:
    """The autoscalers among some objects (of one namespace) that scale a target.

    An HPA that KEDA made for a ScaledObject is left out where that ScaledObject is there to be judged.
    """
    readable = [obj for obj in objects if str(obj.get("kind")) in READERS]
    scaled = {str(child(obj, "metadata").get("name")) for obj in readable if obj.get("kind") == "ScaledObject"}
    found = [READERS[str(obj["kind"])](obj) for obj in readable if not (_owners(obj) & scaled)]
    return tuple(one for one in found if (one.target_kind, one.target_name) == (target.kind, target.name))


def _owners(obj: Object) -> set[str]:
    """The ScaledObjects that own an object."""
    references = children(child(obj, "metadata"), "ownerReferences")
    return {str(one.get("name")) for one in references if one.get("kind") == "ScaledObject"}
