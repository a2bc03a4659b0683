"""An autoscaler that acts on the target, reduced to what rules judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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


class Select(StrEnum):
    """Which of several scaling policies an HPA follows."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class Pause(StrEnum):
    """What KEDA's annotations keep a ScaledObject from."""

    ALL = "All"
    SCALE_DOWN = "ScaleDown"
    SCALE_UP = "ScaleUp"


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """At most `value` pods (type Pods) or percent of the replicas (type Percent) in `period` seconds."""

    type: str
    value: float
    period: float


@dataclass(frozen=True, slots=True)
class ScalingRules:
    """One direction of `spec.behavior`, as written: what is left out is None, an API server fills in its defaults.

    stabilization is the window in seconds; tolerance a share of the target (0-1).
    """

    stabilization: float | None = None
    select: Select | None = None
    policies: tuple[ScalingPolicy, ...] = ()
    tolerance: float | None = None


@dataclass(frozen=True, slots=True)
class Fallback:
    """KEDA's answer when a trigger fails `failures` times in a row: so many replicas. behavior as KEDA names it."""

    replicas: int | None = None
    failures: int | None = None
    behavior: str | None = None


@dataclass(frozen=True, slots=True)
class AutoscalerMetric:
    """One metric of an autoscaler.

    name is the resource, series or trigger type; query the PromQL or empty; target the number as written
    (percent for Utilization, otherwise the quantity as a float), None where it is not given.
    field is the path inside the object, for messages. container is the one that a ContainerResource measures.
    current is what the HPA last read, in the target's unit. activation is the value from which KEDA leaves zero.
    ignore_null_values is the trigger's, None where it is not written (KEDA then ignores them).
    said is what a trigger that reads no PromQL says it reads: a filter, an expression, a name.
    """

    source: MetricSource
    name: str
    target_type: TargetType | None = None
    target: float | None = None
    query: str = ""
    field: str = ""
    container: str = ""
    current: float | None = None
    activation: float | None = None
    ignore_null_values: bool | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """An HPA or ScaledObject: kind, its target's kind and name, its metrics and replica bounds.

    ignore_reason is the text of the `scalewarden.dev/ignore` annotation, None where it is not set.
    scale_down, scale_up: `spec.behavior` (KEDA: of the HPA it makes), None where it is not written.
    current_replicas, desired_replicas: what its status says. conditions: the status of each condition of it by type.

    KEDA only: cooldown and polling are seconds (cooldown counts for zero only), idle_replicas below the minimum,
    fallback, formula over the triggers, paused, and paused_replicas, the count it is held at. hpa: the HPA it makes.
    """

    kind: str
    name: str
    target_kind: str
    target_name: str
    metrics: tuple[AutoscalerMetric, ...] = ()
    min_replicas: int | None = None
    max_replicas: int | None = None
    ignore_reason: str | None = None
    uid: str = ""
    scale_down: ScalingRules | None = None
    scale_up: ScalingRules | None = None
    current_replicas: int | None = None
    desired_replicas: int | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    cooldown: float | None = None
    polling: float | None = None
    idle_replicas: int | None = None
    fallback: Fallback | None = None
    formula: str = ""
    paused: Pause | None = None
    paused_replicas: int | None = None
    hpa: str = ""
