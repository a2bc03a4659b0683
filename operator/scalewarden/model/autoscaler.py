"""An autoscaler that acts on the target, reduced to what rules judge."""

from dataclasses import dataclass
from enum import StrEnum


class MetricSource(StrEnum):
    """Where an autoscaler's metric comes from, in the words of autoscaling/v2 and KEDA."""

    RESOURCE = "Resource"
    CONTAINER_RESOURCE = "ContainerResource"
    PODS = "Pods"
    OBJECT = "Object"
    EXTERNAL = "External"
    TRIGGER = "Trigger"


class TargetType(StrEnum):
    """How the metric's target is expressed."""

    UTILIZATION = "Utilization"
    AVERAGE_VALUE = "AverageValue"
    VALUE = "Value"


@dataclass(frozen=True, slots=True)
class AutoscalerMetric:
    """One metric of an autoscaler.

    name is the resource, series or trigger type; query the PromQL or empty; target the number as written
    (percent for Utilization, otherwise the quantity as a float), None where it is not given.
    field is the path inside the object, for messages.
    """

    source: MetricSource
    name: str
    target_type: TargetType | None = None
    target: float | None = None
    query: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """An HPA or ScaledObject: kind, its target's kind and name, its metrics and replica bounds.

    ignore_reason is the text of the `scalewarden.dev/ignore` annotation, None where it is not set.
    """

    kind: str
    name: str
    target_kind: str
    target_name: str
    metrics: tuple[AutoscalerMetric, ...] = ()
    min_replicas: int | None = None
    max_replicas: int | None = None
    has_scale_down_behavior: bool = False
    ignore_reason: str | None = None
    uid: str = ""
