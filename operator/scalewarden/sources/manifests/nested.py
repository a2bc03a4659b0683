"""Kinds that hold several pod templates somewhere inside: Ray's, AIBrix's, Dynamo's, and sets of roles."""

from collections.abc import Iterator, Mapping
from typing import Any

from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

KINDS = (
    "RayService", "RayCluster", "RayClusterFleet", "RoleBasedGroup", "StormService", "DisaggregatedSet",
    "DynamoGraphDeployment",
)  # fmt: skip
_DEEPEST = 12
"""Levels of nesting that are looked through."""
_MAIN = "mainContainer"
"""What Dynamo calls the one container of a component."""


def template_of(workload: Object) -> Object:
    """One pod template with the containers of all of them: what any of them serves, the object does. A RayService's
    application is told to each of them."""
    spec = child(workload, "spec")
    said = str(spec.get("serveConfigV2") or "").replace("://", " ")
    told = [{"name": "serveConfigV2", "value": said}] if said else []
    found = [{**one, "env": [*children(one, "env"), *told]} for one in _containers(spec, 0)]
    return {"spec": {"containers": found}}


def _containers(value: Any, depth: int) -> Iterator[Object]:
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        yield from children(value, "containers")
        if main := child(value, _MAIN):
            yield {"resources": child(value, "resources"), **main}
        for key, inner in value.items():
            if key != "containers":
                yield from _containers(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _containers(inner, depth + 1)
