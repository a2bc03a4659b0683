"""AIBrix's PodAutoscaler (autoscaling.aibrix.ai/v1alpha1) as an autoscaler.

Its controller reads each pod's page itself and holds the mean against `targetValue`; series stand there without the
engine's prefix.
"""

from collections.abc import Mapping
from typing import Any

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, MetricSource, TargetType
from scalewarden.sources.behavior import count, ignored
from scalewarden.sources.quantity import quantity
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

KIND = "PodAutoscaler"
GROUP = "autoscaling.aibrix.ai"


def autoscaler_of(scaler: Object) -> Autoscaler:
    """A PodAutoscaler of any strategy."""
    spec = child(scaler, "spec")
    reference = child(spec, "scaleTargetRef")
    return Autoscaler(
        kind=KIND,
        name=str(child(scaler, "metadata").get("name", "")),
        target_kind=str(reference.get("kind", "")),
        target_name=str(reference.get("name", "")),
        metrics=tuple(_metric(one, index) for index, one in enumerate(children(spec, "metricsSources"))),
        min_replicas=count(spec.get("minReplicas")),
        max_replicas=count(spec.get("maxReplicas")),
        ignore_reason=ignored(scaler),
    )


def _metric(metric: Object, index: int) -> AutoscalerMetric:
    name, aim = str(metric.get("targetMetric", "")), quantity(metric.get("targetValue"))
    field = f"spec.metricsSources[{index}].targetMetric"
    if metric.get("metricSourceType") == "resource":
        return AutoscalerMetric(MetricSource.RESOURCE, name, TargetType.UTILIZATION, aim, field=field)
    return AutoscalerMetric(MetricSource.PODS, name, TargetType.AVERAGE_VALUE, aim, field=field)
