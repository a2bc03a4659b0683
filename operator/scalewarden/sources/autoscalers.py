"""HorizontalPodAutoscalers as plain facts about what they scale on, and which autoscalers act on a target."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource, TargetType
from scalewarden.model.workload import Target
from scalewarden.sources.behavior import conditions_of, count, ignored, scaling_rules
from scalewarden.sources.quantity import quantity
from scalewarden.sources.scaledobjects import autoscaler_of_scaledobject
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

_DEFAULT_CPU = 80.0  # what the API server fills in for an HPA without metrics
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
        metrics=_with_readings(_hpa_metrics(spec), hpa),
        min_replicas=count(spec.get("minReplicas"), 1),
        max_replicas=count(spec.get("maxReplicas")),
        ignore_reason=ignored(hpa),
        uid=str(child(hpa, "metadata").get("uid", "")),
        scale_down=scaling_rules(child(spec, "behavior"), "scaleDown"),
        scale_up=scaling_rules(child(spec, "behavior"), "scaleUp"),
        current_replicas=count(child(hpa, "status").get("currentReplicas")),
        desired_replicas=count(child(hpa, "status").get("desiredReplicas")),
        conditions=conditions_of(hpa),
    )


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
    field = f"spec.metrics[{index}].{key}{where}"
    return AutoscalerMetric(source, str(name), kind, target, field=field, container=str(body.get("container") or ""))


def _target(target: Object) -> tuple[TargetType | None, float | None, str]:
    for key, kind in _TARGETS:
        if target.get(key) is not None:
            return kind, quantity(target[key]), f".target.{key}"
    return None, None, ""


def _with_readings(metrics: tuple[AutoscalerMetric, ...], hpa: Object) -> tuple[AutoscalerMetric, ...]:
    """With what the HPA last read; a status of another metric than the one in its place says nothing."""
    status = child(hpa, "status")
    read = [_reading(one) for one in children(status, "currentMetrics")]
    if not read and (old := quantity(status.get("currentCPUUtilizationPercentage"))) is not None:
        read = [((MetricSource.RESOURCE, "cpu"), {TargetType.UTILIZATION: old})]
    found: list[AutoscalerMetric] = []
    for metric in metrics:
        mine = next((one for one in read if one[0] == (metric.source, metric.name)), None)
        if mine is not None:
            read.remove(mine)
        found.append(replace(metric, current=mine[1].get(metric.target_type) if mine and metric.target_type else None))
    return tuple(found)


def _reading(metric: Object) -> tuple[tuple[str, str], dict[TargetType, float]]:
    """(type and name, values by the type of target) of one entry of status.currentMetrics."""
    source = str(metric.get("type", ""))
    body = child(metric, source[:1].lower() + source[1:])
    current = child(body, "current")
    name = str(body.get("name") or child(body, "metric").get("name") or "")
    values = {kind: number for key, kind in _TARGETS if (number := quantity(current.get(key))) is not None}
    return (source, name), values


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
