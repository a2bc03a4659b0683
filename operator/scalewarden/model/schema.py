"""From a pydantic model to the structural OpenAPI v3 schema that the API server takes.

Pydantic's JSON schema is refused there: references, `anyOf` with null, titles, numeric exclusive bounds and
`additionalProperties: false` are not structural. An optional field is simply not required, never nullable: the
API server drops a null and treats it as left out. Objects whose fields have defaults default to `{}`, so that
the defaults inside are filled in.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

_DROPPED = frozenset({"title", "examples", "additionalProperties", "anyOf", "allOf", "$ref", "const", "$defs"})
_FIRST = ("description", "type", "x-kubernetes-int-or-string", "format", "enum", "default")
_LAST = ("required", "x-kubernetes-validations", "properties", "additionalProperties", "items")
_EXCLUSIVE = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


def structural(model: type[BaseModel]) -> Schema:
    """The structural schema of the model. Raises ValueError on a type that has none (tuples of fixed shape …)."""
    raw = model.model_json_schema(by_alias=True)
    return _convert(raw, raw.get("$defs", {}))


def _convert(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    node = _inline(node, definitions)
    schema = {key: value for key, value in node.items() if key not in _DROPPED}
    if "anyOf" in node:
        schema = {**_union(node["anyOf"], definitions), **schema}
    _bounds(schema)
    if "const" in node:
        schema["enum"] = [node["const"]]
    _children(schema, node, definitions)
    _default(schema)
    if "type" not in schema and "x-kubernetes-int-or-string" not in schema:
        raise ValueError(f"no structural form for {dict(node)}")
    return _in_reading_order(schema)


def _inline(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node with its reference resolved; what stands beside the reference wins."""
    if "$ref" not in node:
        return node
    found = definitions[node["$ref"].removeprefix("#/$defs/")]
    return {**found, **{key: value for key, value in node.items() if key != "$ref"}}


def _union(members: list[Mapping[str, Any]], definitions: Mapping[str, Any]) -> Schema:
    kept = [member for member in members if member.get("type") != "null"]
    if len(kept) == 1:
        return _convert(kept[0], definitions)
    if {member.get("type") for member in kept} == {"integer", "string"}:
        return {"x-kubernetes-int-or-string": True}
    raise ValueError(f"no structural form for a union of {kept}")


def _bounds(schema: Schema) -> None:
    for exclusive, bound in _EXCLUSIVE.items():
        if exclusive in schema:
            schema[bound], schema[exclusive] = schema[exclusive], True


def _children(schema: Schema, node: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
    if "properties" in node:
        schema["properties"] = {key: _convert(value, definitions) for key, value in node["properties"].items()}
    elif isinstance(node.get("additionalProperties"), dict):
        schema["additionalProperties"] = _convert(node["additionalProperties"], definitions)
    if "items" in node:
        schema["items"] = _convert(node["items"], definitions)
    if "prefixItems" in node:
        raise ValueError(f"no structural form for a tuple of fixed shape: {dict(node)}")


def _default(schema: Schema) -> None:
    """Drop empty defaults; an object whose fields have defaults gets `{}` and fills them from below."""
    default = schema.pop("default", None)
    if isinstance(default, dict):
        schema.update({"default": {}} if _has_defaults(schema) else {})
    elif default not in (None, []):
        schema["default"] = default


def _has_defaults(schema: Schema) -> bool:
    return any("default" in inner for inner in schema.get("properties", {}).values())


def _in_reading_order(schema: Schema) -> Schema:
    """What it is, what it must hold to, what is inside."""
    between = [key for key in schema if key not in _FIRST + _LAST]
    return {key: schema[key] for key in (*_FIRST, *between, *_LAST) if key in schema}
