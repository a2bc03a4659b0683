"""How fast autoscalers may move, what they last read, and what KEDA adds."""

from typing import Any

import pytest

from scalewarden.model.autoscaler import Fallback, Pause, ScalingPolicy, ScalingRules, Select
from scalewarden.sources.objects import autoscaler_of_hpa, autoscaler_of_scaledobject

Object = dict[str, Any]

RESOURCE = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 60}}}
PODS = {"type": "Pods", "pods": {"metric": {"name": "kv"}, "target": {"averageValue": "700m"}}}
OBJECT = {"type": "Object", "object": {"metric": {"name": "queue"}, "target": {"value": "10"}}}
EXTERNAL = {"type": "External", "external": {"metric": {"name": "s0"}, "target": {"averageValue": "5"}}}


def hpa(*metrics: Object, status: Object | None = None, **spec: Any) -> Object:
    reference = {"kind": "Deployment", "name": "llama"}
    return {"metadata": {"name": "h"}, "spec": {"scaleTargetRef": reference, "metrics": [*metrics], **spec},
            "status": status or {}}  # fmt: skip


def test_behavior_as_written():
    policies = [
        {"type": "Pods", "value": 1, "periodSeconds": 60},
        {"type": "Percent", "value": 10, "periodSeconds": 90},
    ]
    down = {"stabilizationWindowSeconds": 600, "selectPolicy": "Min", "policies": policies, "tolerance": "50m"}
    found = autoscaler_of_hpa(hpa(behavior={"scaleDown": down, "scaleUp": {"selectPolicy": "Disabled"}}))
    expected = (ScalingPolicy("Pods", 1, 60), ScalingPolicy("Percent", 10, 90))
    assert found.scale_down == ScalingRules(600, Select.MIN, expected, 0.05)
    assert found.scale_up == ScalingRules(select=Select.DISABLED)


@pytest.mark.parametrize("behavior", [{}, {"scaleUp": {}}, {"scaleDown": None}, {"scaleDown": []}, "fast"])
def test_behavior_that_is_not_written(behavior: object):
    assert autoscaler_of_hpa(hpa(behavior=behavior)).scale_down is None


def test_policies_that_are_none_are_left_out():
    down = {"policies": [{"type": "Pods"}, 5, {"value": "x", "periodSeconds": 1}], "selectPolicy": "Often"}
    assert autoscaler_of_hpa(hpa(behavior={"scaleDown": down})).scale_down == ScalingRules()


def test_what_the_status_says():
    status = {
        "currentReplicas": 8, "desiredReplicas": 4,
        "conditions": [{"type": "ScalingActive", "status": "True"}, {"type": "AbleToScale", "status": "False"}],
        "currentMetrics": [
            {"type": "External", "external": {"metric": {"name": "s0"}, "current": {"averageValue": "2500m"}}},
            {"type": "Resource",
             "resource": {"name": "cpu", "current": {"averageUtilization": 41, "averageValue": "2"}}},
            {"type": "Pods", "pods": {"metric": {"name": "kv"}, "current": {"averageValue": "910m"}}},
            {"type": "Object", "object": {"metric": {"name": "queue"}, "current": {"value": "3"}}},
        ],
    }  # fmt: skip
    found = autoscaler_of_hpa(hpa(RESOURCE, PODS, OBJECT, EXTERNAL, status=status))
    assert [metric.current for metric in found.metrics] == [41, 0.91, 3, 2.5]
    assert (found.current_replicas, found.desired_replicas) == (8, 4)
    assert found.conditions == {"ScalingActive": "True", "AbleToScale": "False"}


def test_a_metric_without_a_reading_has_none():
    status = {"currentMetrics": [{"type": "Resource", "resource": {"name": "memory", "current": {"averageValue": 1}}},
                                 {"type": ""}, 7, {"type": "Pods", "pods": 3}]}  # fmt: skip
    found = autoscaler_of_hpa(hpa(RESOURCE, PODS, status=status))
    assert [metric.current for metric in found.metrics] == [None, None]
    assert (found.current_replicas, found.desired_replicas) == (None, None)


def test_the_old_version_has_a_reading_too():
    spec = {"targetCPUUtilizationPercentage": 70}
    old = {"spec": spec, "status": {"currentCPUUtilizationPercentage": 33}}
    assert autoscaler_of_hpa(old).metrics[0].current == 33


def scaled(*triggers: Object, annotations: Object | None = None, status: Object | None = None, **spec: Any) -> Object:
    metadata = {"name": "s", "annotations": {f"autoscaling.keda.sh/{k}": v for k, v in (annotations or {}).items()}}
    return {"metadata": metadata, "spec": {"scaleTargetRef": {"name": "llama"}, "triggers": [*triggers], **spec},
            "status": status or {}}  # fmt: skip


def test_what_keda_adds():
    found = autoscaler_of_scaledobject(scaled(
        cooldownPeriod=120, pollingInterval=15, idleReplicaCount=0,
        fallback={"failureThreshold": 3, "replicas": 6, "behavior": "currentReplicasIfHigher"},
        advanced={"scalingModifiers": {"formula": "max(a, b)"}, "horizontalPodAutoscalerConfig": {
            "name": "mine", "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}}}},
    ))  # fmt: skip
    assert (found.cooldown, found.polling, found.idle_replicas) == (120, 15, 0)
    assert found.fallback == Fallback(6, 3, "currentReplicasIfHigher")
    assert (found.formula, found.hpa) == ("max(a, b)", "mine")
    assert found.scale_down == ScalingRules(300)


def test_what_keda_was_not_told_is_unknown():
    found = autoscaler_of_scaledobject(scaled())
    assert (found.cooldown, found.polling, found.idle_replicas, found.fallback) == (None, None, None, None)
    assert (found.paused, found.paused_replicas, found.hpa) == (None, None, "keda-hpa-s")
    assert autoscaler_of_scaledobject(scaled(status={"hpaName": "made"})).hpa == "made"


@pytest.mark.parametrize(
    ("annotations", "paused", "replicas"),
    [
        ({"paused": "true"}, Pause.ALL, None),
        ({"paused": "false"}, None, None),
        ({"paused-replicas": "3"}, Pause.ALL, 3),
        ({"paused-replicas": "0"}, Pause.ALL, 0),
        ({"paused-replicas": "few"}, None, None),
        ({"paused-scale-in": "true"}, Pause.SCALE_DOWN, None),
        ({"paused-scale-out": "true"}, Pause.SCALE_UP, None),
        ({"paused-scale-in": "true", "paused-scale-out": "true"}, Pause.ALL, None),
        ({"paused": ["true"]}, None, None),
    ],
)
def test_pauses(annotations: Object, paused: Pause | None, replicas: int | None):
    found = autoscaler_of_scaledobject(scaled(annotations=annotations))
    assert (found.paused, found.paused_replicas) == (paused, replicas)


@pytest.mark.parametrize(
    ("metadata", "ignores", "activation"),
    [
        ({"threshold": "5", "ignoreNullValues": "false", "activationThreshold": "0.5"}, False, 0.5),
        ({"threshold": "5", "ignoreNullValues": True}, True, None),
        ({"threshold": "5"}, None, None),
        ({"threshold": "5", "ignoreNullValues": "perhaps"}, None, None),
    ],
)
def test_triggers_and_missing_data(metadata: Object, ignores: bool | None, activation: float | None):
    (metric,) = autoscaler_of_scaledobject(scaled({"type": "prometheus", "metadata": metadata})).metrics
    assert (metric.ignore_null_values, metric.activation) == (ignores, activation)


def test_a_query_is_promql_only_where_it_is():
    datadog = {"type": "datadog", "metadata": {"query": "avg:vllm.waiting", "filter": 7}}
    prometheus = {"type": "prometheus", "metadata": {"query": "sum(x)", "metricName": "y"}}
    first, second = autoscaler_of_scaledobject(scaled(datadog, prometheus)).metrics
    assert (first.query, first.said) == ("", "avg:vllm.waiting")
    assert (second.query, second.said) == ("sum(x)", "")


def test_with_a_formula_only_cpu_and_memory_keep_their_targets():
    cpu = {"type": "cpu", "metadata": {"value": "60"}}
    queue = {"type": "prometheus", "metadata": {"query": "sum(x)", "threshold": "5"}}
    formula = {"scalingModifiers": {"formula": "queue / 2", "target": "1"}}
    composed = autoscaler_of_scaledobject(scaled(cpu, queue, advanced=formula)).metrics
    assert [(one.target, one.target_type) for one in composed] == [(60, "Utilization"), (None, None)]
    assert [one.target for one in autoscaler_of_scaledobject(scaled(cpu, queue)).metrics] == [60, 5]


def test_a_trigger_of_one_container():
    trigger = {"type": "cpu", "metadata": {"value": "60", "containerName": "vllm"}}
    assert autoscaler_of_scaledobject(scaled(trigger)).metrics[0].container == "vllm"
