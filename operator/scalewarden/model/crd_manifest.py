"""The two CustomResourceDefinitions as the API server takes them: schemas, names and printer columns."""

from typing import Any

from pydantic import BaseModel

from scalewarden.model.crd import GROUP, KIND, PLURAL, VERSION, InferenceDeployment
from scalewarden.model.fence import FENCE_KIND, FENCE_PLURAL, ScaleFence
from scalewarden.model.schema import Schema, structural

Manifest = dict[str, Any]

_OF_THE_API_SERVER: Schema = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object"},
}


def manifests() -> tuple[Manifest, ...]:
    """InferenceDeployment and ScaleFence, in the order in which they are applied."""
    return (
        _definition(KIND, PLURAL, InferenceDeployment, short="infd", columns=_COLUMNS, status=True),
        _definition(FENCE_KIND, FENCE_PLURAL, ScaleFence, short="sfence", columns=_FENCE_COLUMNS, status=False),
    )


def _definition(
    kind: str, plural: str, model: type[BaseModel], *, short: str, columns: list[Schema], status: bool
) -> Manifest:
    version: Schema = {"name": VERSION, "served": True, "storage": True, "schema": {"openAPIV3Schema": _root(model)}}
    version["additionalPrinterColumns"] = columns
    if status:
        version["subresources"] = {"status": {}}
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}", "labels": {"app.kubernetes.io/name": "scalewarden"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {**names, "shortNames": [short], "categories": ["scalewarden"]},
            "versions": [version],
        },
    }


def _root(model: type[BaseModel]) -> Schema:
    """The schema of the whole object; its metadata is the API server's own."""
    schema = structural(model)
    schema["properties"] = {**schema["properties"], **_OF_THE_API_SERVER}
    schema["properties"].get("status", {}).pop("default", None)
    return schema


def _column(name: str, path: str, description: str, kind: str = "string", *, wide: bool = False) -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return {**column, "priority": 1} if wide else column


def _condition(name: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{name}")].{field}'


_AGE = _column("Age", ".metadata.creationTimestamp", "Time since creation.", "date")
_COLUMNS = [
    _column("Target", ".spec.targetRef.name", "The guarded workload."),
    _column("Ready", _condition("Ready", "status"), "Whether the service is found and judged."),
    _column("Safe", ".status.safeReplicas", "Smallest replica count that passes every test.", "integer"),
    _column("Regime", ".status.diagnosis.regime", "What bounds the service."),
    _column("Mode", ".spec.policy.mode", "What happens to unsafe scale-downs."),
    _column("Scale-down-safe", _condition("ScaleDownSafe", "status"), "Whether a replica can go now."),
    _AGE,
    _column("KV", ".status.summary.kvUsage", "Highest KV-cache usage of a replica.", "number", wide=True),
    _column("Waiting", ".status.summary.waiting", "Waiting requests.", "number", wide=True),
    _column("Tokens/s", ".status.summary.tokensPerSecond", "Generated tokens/s.", "number", wide=True),
    _column("Message", _condition("ScaleDownSafe", "message"), "Why a replica can or cannot go.", wide=True),
]
_FENCE_COLUMNS = [_AGE]
