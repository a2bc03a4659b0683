"""The fields of API objects that a support bundle keeps: those that the readers in this package read, and no others."""

from collections.abc import Iterable, Mapping
from typing import Any

from scalewarden.model.autoscaler import MetricSource
from scalewarden.model.crd_break_glass import BREAK_GLASS, BREAK_GLASS_UNTIL
from scalewarden.sources.behavior import IGNORE
from scalewarden.sources.endpoints import PATH_ANNOTATION, PORT_ANNOTATION, SCHEME_ANNOTATION
from scalewarden.sources.kept_container import RESOURCES, containers, resources, side_cars
from scalewarden.sources.kept_names import metric_path, node_labels, number_text, said, series_name, trigger_type
from scalewarden.sources.kept_query import query
from scalewarden.sources.kept_service import INFERENCE_DEPLOYMENT
from scalewarden.sources.kept_values import (
    Keeper,
    api_version,
    boolean,
    count,
    either,
    instant,
    kept,
    kind,
    knows,
    labels,
    name,
    one_of,
    quantity,
    redacted,
    requirement,
    selector,
    uid,
)
from scalewarden.sources.scaledobjects import SAID
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

_flag = one_of("true", "false", "True", "False", "1", "0", "yes", "no", "on", "off")
_TYPE = {"apiVersion": api_version, "kind": kind}
_ANNOTATIONS = {
    "prometheus.io/scrape": one_of("true", "false"),
    PORT_ANNOTATION: number_text,
    PATH_ANNOTATION: metric_path,
    SCHEME_ANNOTATION: one_of("http", "https"),
    IGNORE: redacted,
    BREAK_GLASS: redacted,
    BREAK_GLASS_UNTIL: instant,
    "autoscaling.keda.sh/paused": _flag,
    "autoscaling.keda.sh/paused-scale-in": _flag,
    "autoscaling.keda.sh/paused-scale-out": _flag,
    "autoscaling.keda.sh/paused-replicas": number_text,
}
_METADATA = {
    "name": name,
    "namespace": name,
    "uid": uid,
    "generation": count,
    "creationTimestamp": instant,
    "deletionTimestamp": instant,
    "deletionGracePeriodSeconds": count,
    "labels": labels,
    "annotations": _ANNOTATIONS,
    "ownerReferences": [{**_TYPE, "name": name, "uid": uid, "controller": boolean}],
}
_POD_SPEC = {
    "containers": containers,
    "initContainers": side_cars,
    "resources": RESOURCES,
    "resourceClaims": [{"name": name}],
    "nodeName": name,
    "terminationGracePeriodSeconds": quantity,
}
_TEMPLATE = {"metadata": {"labels": labels, "annotations": _ANNOTATIONS}, "spec": _POD_SPEC}
_STATE = {
    "running": {"startedAt": instant},
    "waiting": {"reason": one_of("ContainerCreating", "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull")},
    "terminated": {
        "exitCode": count,
        "reason": either(one_of("OOMKilled", "Error", "Completed")),
        "finishedAt": instant,
    },
}
_CONDITION = {
    "type": one_of("Ready", "ContainersReady", "Initialized", "PodScheduled"),
    "status": one_of("True", "False", "Unknown"),
    "lastTransitionTime": instant,
}
_CONTAINER_STATUS = {"name": name, "ready": boolean, "restartCount": count, "state": _STATE, "lastState": _STATE}
_POD = {
    **_TYPE,
    "metadata": _METADATA,
    "spec": _POD_SPEC,
    "status": {
        "phase": one_of("Pending", "Running", "Succeeded", "Failed", "Unknown"),
        "conditions": [_CONDITION],
        "containerStatuses": [_CONTAINER_STATUS],
    },
}
_TARGET = {
    **_TYPE,
    "metadata": _METADATA,
    "spec": {
        "replicas": count,
        "selector": {"matchLabels": selector, "matchExpressions": [requirement]},
        "template": _TEMPLATE,
        "ordinals": {"start": count},
        "leaderWorkerTemplate": {"size": count, "leaderTemplate": _TEMPLATE, "workerTemplate": _TEMPLATE},
    },
    "status": {"replicas": count, "readyReplicas": count, "updatedReplicas": count},
}
_SERVICE = {
    **_TYPE,
    "metadata": {"name": name, "namespace": name, "uid": uid},
    "spec": {"selector": selector, "sessionAffinity": one_of("None", "ClientIP")},
}
_AMOUNT = one_of("Utilization", "AverageValue", "Value")
_GOAL = {
    "type": _AMOUNT,
    "averageUtilization": either(quantity),
    "averageValue": either(quantity),
    "value": either(quantity),
}
_METRIC = {"metric": {"name": series_name}, "target": _GOAL}
_RESOURCE = {"name": series_name, "container": name, "target": _GOAL}
_READ = {
    "name": series_name,
    "container": name,
    "metric": {"name": series_name},
    "current": {"averageUtilization": quantity, "averageValue": quantity, "value": quantity},
}
_KINDS_OF_METRIC = ("resource", "containerResource", "pods", "object", "external")
_SCALER_CONDITIONS = [
    {
        "type": one_of("AbleToScale", "ScalingActive", "ScalingLimited", "Ready", "Active", "Fallback", "Paused"),
        "status": one_of("True", "False", "Unknown"),
    }
]
_SCALING = {
    "stabilizationWindowSeconds": count,
    "selectPolicy": one_of("Max", "Min", "Disabled"),
    "policies": [{"type": one_of("Pods", "Percent"), "value": count, "periodSeconds": count}],
    "tolerance": quantity,
}
_BEHAVIOR = {"scaleDown": _SCALING, "scaleUp": _SCALING}
_REFERENCE = {**_TYPE, "name": name}
_HPA = {
    **_TYPE,
    "metadata": _METADATA,
    "spec": {
        "scaleTargetRef": _REFERENCE,
        "minReplicas": count,
        "maxReplicas": count,
        "targetCPUUtilizationPercentage": either(quantity),
        "metrics": [
            {
                "type": one_of(*MetricSource),
                "resource": _RESOURCE,
                "containerResource": _RESOURCE,
                "pods": _METRIC,
                "object": _METRIC,
                "external": _METRIC,
            }
        ],
        "behavior": _BEHAVIOR,
    },
    "status": {
        "currentReplicas": count,
        "desiredReplicas": count,
        "currentCPUUtilizationPercentage": quantity,
        "currentMetrics": [{"type": one_of(*MetricSource), **dict.fromkeys(_KINDS_OF_METRIC, _READ)}],
        "conditions": _SCALER_CONDITIONS,
    },
}
_TRIGGER = {
    "type": trigger_type,
    "metricType": _AMOUNT,
    "metadata": {
        "threshold": either(quantity),
        "value": either(quantity),
        "targetValue": either(quantity),
        "type": _AMOUNT,
        "query": query,
        **dict.fromkeys(SAID[:-1], said),
        "activationThreshold": either(quantity),
        "activationValue": either(quantity),
        "activationTargetValue": either(quantity),
        "ignoreNullValues": _flag,
        "containerName": name,
    },
}
_SCALED_OBJECT = {
    **_TYPE,
    "metadata": _METADATA,
    "spec": {
        "scaleTargetRef": _REFERENCE,
        "minReplicaCount": count,
        "maxReplicaCount": count,
        "idleReplicaCount": count,
        "pollingInterval": count,
        "cooldownPeriod": count,
        "fallback": {
            "replicas": count,
            "failureThreshold": count,
            "behavior": one_of("static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"),
        },
        "triggers": [_TRIGGER],
        "advanced": {
            "horizontalPodAutoscalerConfig": {"name": name, "behavior": _BEHAVIOR},
            "scalingModifiers": {"formula": redacted},
        },
    },
    "status": {"hpaName": name, "conditions": _SCALER_CONDITIONS},
}
_NODE = {
    **_TYPE,
    "metadata": {"name": name, "uid": uid, "labels": node_labels},
    "status": {"allocatable": resources},
}
_SHAPES: Mapping[str, Any] = {
    "Pod": _POD,
    "Service": _SERVICE,
    "Node": _NODE,
    "HorizontalPodAutoscaler": _HPA,
    "ScaledObject": _SCALED_OBJECT,
    "InferenceDeployment": {**INFERENCE_DEPLOYMENT, "metadata": _METADATA},
}


def introduce(objects: Iterable[Object], keeper: Keeper) -> None:
    """Learn the names in a recording, and by which labels its objects select, before any of them is kept."""
    for obj in objects:
        metadata, spec = child(obj, "metadata"), child(obj, "spec")
        for text in (metadata.get("name"), metadata.get("namespace"), spec.get("nodeName")):
            knows(keeper, text)
        terms = child(spec, "selector")
        keys = terms if obj.get("kind") == "Service" else child(terms, "matchLabels")
        keeper.selecting |= {str(key) for key in keys}
        keeper.selecting |= {str(one.get("key")) for one in children(terms, "matchExpressions")}


def keep(obj: Object, keeper: Keeper) -> dict[str, Any]:
    """What a bundle holds of one object; any kind that is not known is kept as a workload is."""
    found: dict[str, Any] = kept(obj, _SHAPES.get(str(obj.get("kind")), _TARGET), keeper)
    return found
