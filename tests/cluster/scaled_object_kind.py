"""The kind ScaledObject with the fields that KEDA's documentation names, so that an API server refuses any other."""

from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "format": "int32"}


def mapping(required: tuple[str, ...] = (), **fields: Schema) -> Schema:
    """An object with these fields and no other."""
    return {"type": "object", "properties": fields, **({"required": list(required)} if required else {})}


def some(item: Schema) -> Schema:
    return {"type": "array", "items": item}


POLICY = mapping(("type", "value", "periodSeconds"), type=TEXT, value=COUNT, periodSeconds=COUNT)
RULES = mapping(policies=some(POLICY), selectPolicy=TEXT, stabilizationWindowSeconds=COUNT)
HPA_CONFIG = mapping(name=TEXT, behavior=mapping(scaleUp=RULES, scaleDown=RULES))
TRIGGER = mapping(
    ("type", "metadata"),
    type=TEXT,
    name=TEXT,
    metricType=TEXT,
    useCachedMetrics={"type": "boolean"},
    metadata={"type": "object", "additionalProperties": TEXT},
    authenticationRef=mapping(("name",), name=TEXT, kind=TEXT),
)
SPEC = mapping(
    ("scaleTargetRef", "triggers"),
    scaleTargetRef=mapping(("name",), apiVersion=TEXT, kind=TEXT, name=TEXT, envSourceContainerName=TEXT),
    pollingInterval=COUNT,
    cooldownPeriod=COUNT,
    initialCooldownPeriod=COUNT,
    idleReplicaCount=COUNT,
    minReplicaCount=COUNT,
    maxReplicaCount=COUNT,
    fallback=mapping(("failureThreshold", "replicas"), failureThreshold=COUNT, replicas=COUNT, behavior=TEXT),
    advanced=mapping(restoreToOriginalReplicaCount={"type": "boolean"}, horizontalPodAutoscalerConfig=HPA_CONFIG),
    triggers=some(TRIGGER),
)


def definition() -> dict[str, Any]:
    """The CustomResourceDefinition."""
    names = {
        "kind": "ScaledObject",
        "listKind": "ScaledObjectList",
        "plural": "scaledobjects",
        "singular": "scaledobject",
    }
    schema = {"openAPIV3Schema": mapping(spec=SPEC)}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "scaledobjects.keda.sh"},
        "spec": {"group": "keda.sh", "scope": "Namespaced", "names": names, "versions": [version]},
    }
