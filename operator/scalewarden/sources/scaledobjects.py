"""KEDA's ScaledObjects as plain facts about what they scale on."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, Fallback, MetricSource, Pause, TargetType
from scalewarden.model.marks import PAUSE
from scalewarden.sources.behavior import conditions_of, count, ignored, scaling_rules
from scalewarden.sources.container import integer, truth
from scalewarden.sources.quantity import quantity
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

_MINIMUM, _MAXIMUM = 0, 100
_KEDA = "autoscaling.keda.sh"
_TARGETS = ("threshold", "value", "targetValue", "queryValue", "targetMetricValue", "targetQueryValue")
_ACTIVATIONS = (
    "activationThreshold", "activationValue", "activationTargetValue", "activationLagThreshold",
    "activationQueueLength", "activationQueryValue", "activationTargetMetricValue", "activationTargetQueryValue",
)  # fmt: skip
_LONGEST_FLAG = 16
_PODS_OWN = frozenset({"cpu", "memory"})
_PROMQL = frozenset({"prometheus", "predictkube"})
"""Triggers whose `query` is PromQL; in others it is another language."""
SAID = ("filter", "expression", "metricName", "nrql", "valueLocation", "metricType", "query")
"""Where the others say what they read: Stackdriver, CloudWatch, Azure Monitor, New Relic, metrics-api, Datadog, and
external scalers."""
_LONGEST_SAID = 1024
_LONGEST_QUERY = 8192  # what rules look for takes time with the square of it


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
        metrics=_metrics(children(spec, "triggers"), composed=bool(_formula(spec))),
        min_replicas=count(spec.get("minReplicaCount"), _MINIMUM),
        max_replicas=count(spec.get("maxReplicaCount"), _MAXIMUM),
        ignore_reason=ignored(scaled),
        uid=str(child(scaled, "metadata").get("uid", "")),
        scale_down=scaling_rules(behavior, "scaleDown"),
        scale_up=scaling_rules(behavior, "scaleUp"),
        conditions=conditions_of(scaled),
        cooldown=quantity(spec.get("cooldownPeriod")),
        polling=quantity(spec.get("pollingInterval")),
        idle_replicas=count(spec.get("idleReplicaCount")),
        fallback=_fallback(child(spec, "fallback")),
        formula=_formula(spec),
        paused=_paused(scaled),
        paused_replicas=_paused_replicas(scaled),
        hpa=_hpa_name(scaled),
    )


def _formula(spec: Object) -> str:
    return str(child(spec, "advanced", "scalingModifiers").get("formula") or "")


def _metrics(triggers: Iterable[Object], *, composed: bool) -> tuple[AutoscalerMetric, ...]:
    """The triggers. With a formula the HPA follows what comes out of it, against the formula's own target: those of the
    triggers count for nothing, but for CPU and memory, which no formula takes."""
    found = (_trigger(trigger, index) for index, trigger in enumerate(triggers))
    return tuple(
        replace(one, target=None, target_type=None) if composed and one.name not in _PODS_OWN else one for one in found
    )


def _fallback(fallback: Object) -> Fallback | None:
    if not fallback:
        return None
    behavior = fallback.get("behavior")
    return Fallback(
        replicas=count(fallback.get("replicas")),
        failures=count(fallback.get("failureThreshold")),
        behavior=str(behavior) if behavior else None,
    )


def _paused(scaled: Object) -> Pause | None:
    """`paused-replicas` and `paused` stop both directions; the other two stop one.

    A pause of our own does not count: it ends with the fence, and what is judged must not hang on it.
    """
    annotations = child(scaled, "metadata", "annotations")
    if _paused_replicas(scaled) is not None or truth(_text(annotations.get(f"{_KEDA}/paused"))):
        return Pause.ALL
    down = PAUSE.own(annotations) is None and truth(_text(annotations.get(PAUSE.key)))
    up = truth(_text(annotations.get(f"{_KEDA}/paused-scale-out")))
    return Pause.ALL if down and up else Pause.SCALE_DOWN if down else Pause.SCALE_UP if up else None


def _paused_replicas(scaled: Object) -> int | None:
    text = _text(child(scaled, "metadata", "annotations").get(f"{_KEDA}/paused-replicas"))
    return 0 if text == "0" else integer(text)


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:_LONGEST_FLAG]


def _hpa_name(scaled: Object) -> str:
    """As its status says, else as it is asked to be called, else as KEDA calls it."""
    asked = child(scaled, "spec", "advanced", "horizontalPodAutoscalerConfig").get("name")
    named = child(scaled, "status").get("hpaName") or asked
    return str(named or f"keda-hpa-{child(scaled, 'metadata').get('name', '')}")


def _trigger(trigger: Object, index: int) -> AutoscalerMetric:
    """One trigger: cpu and memory hold their target in `value`, most others in `threshold`."""
    metadata, kind = child(trigger, "metadata"), str(trigger.get("type", ""))
    key = next((key for key in _TARGETS if metadata.get(key) is not None), None)
    declared = trigger.get("metricType") or (metadata.get("type") if kind in _PODS_OWN else None)
    default = TargetType.UTILIZATION if kind in _PODS_OWN else TargetType.AVERAGE_VALUE
    return AutoscalerMetric(
        source=MetricSource.TRIGGER,
        name=kind,
        target_type=next((one for one in TargetType if one == declared), default),
        target=quantity(metadata[key]) if key else None,
        query=str(metadata.get("query", ""))[:_LONGEST_QUERY] if kind in _PROMQL else "",
        field=f"spec.triggers[{index}]" + (f".metadata.{key}" if key else ""),
        container=str(metadata.get("containerName") or ""),
        activation=next((quantity(metadata[key]) for key in _ACTIVATIONS if metadata.get(key) is not None), None),
        ignore_null_values=truth(_text(metadata.get("ignoreNullValues"))),
        said="" if kind in _PROMQL else _said(metadata),
    )


def _said(metadata: Object) -> str:
    return " ".join(str(metadata[key]) for key in SAID if isinstance(metadata.get(key), str))[:_LONGEST_SAID]
