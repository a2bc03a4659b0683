"""What an LLMInferenceService of KServe (serving.kserve.io/v1alpha2) is scaled by: `spec.scaling`."""

from collections.abc import Mapping
from typing import Any

from scalewarden.model.autoscaler import Autoscaler, AutoscalerMetric, Fallback, MetricSource, TargetType
from scalewarden.sources.behavior import count, ignored, scaling_rules
from scalewarden.sources.tree import child

Object = Mapping[str, Any]


def autoscaler_of(service: Object) -> Autoscaler | None:
    """The HPA or ScaledObject of an LLMInferenceService, which follows the count that llm-d's Workload Variant
    Autoscaler wants; None where none is made."""
    scaling = child(service, "spec", "scaling")
    actuator = child(scaling, "wva")
    if "hpa" not in actuator and "keda" not in actuator:
        return None
    name, keda = str(child(service, "metadata").get("name", "")), child(actuator, "keda")
    behavior = child(actuator, "hpa", "behavior") or child(
        keda, "advanced", "horizontalPodAutoscalerConfig", "behavior"
    )
    wanted = AutoscalerMetric(
        MetricSource.EXTERNAL, "wva_desired_replicas", TargetType.AVERAGE_VALUE, 1.0, field="spec.scaling.wva"
    )
    return Autoscaler(
        kind="LLMInferenceService",
        name=name,
        target_kind="LLMInferenceService",
        target_name=name,
        metrics=(wanted,),
        min_replicas=count(scaling.get("minReplicas"), 1),
        max_replicas=count(scaling.get("maxReplicas")),
        ignore_reason=ignored(service),
        scale_down=scaling_rules(behavior, "scaleDown"),
        scale_up=scaling_rules(behavior, "scaleUp"),
        idle_replicas=count(keda.get("idleReplicaCount")),
        fallback=_fallback(child(keda, "fallback")),
    )


def _fallback(written: Object) -> Fallback | None:
    if not written:
        return None
    return Fallback(count(written.get("replicas")), count(written.get("failureThreshold")), written.get("behavior"))
