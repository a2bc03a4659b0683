"""Who wrote a field, as the API server keeps it in `metadata.managedFields`."""

from collections.abc import Mapping
from typing import Any

from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]


def manager_of_annotation(obj: Object, key: str) -> str | None:
    """The newest field manager of an annotation; None where nobody claims it, or the object tells no managers."""
    entries = children(child(obj, "metadata"), "managedFields")
    mine = [one for one in entries if f"f:{key}" in child(one, "fieldsV1", "f:metadata", "f:annotations")]
    newest = max(mine, key=lambda one: str(one.get("time") or ""), default=None)
    return str(newest.get("manager")) if newest else None
