"""Who wrote a field, as the API server keeps it in `metadata.managedFields`."""

from collections.abc import Mapping
from typing import Any

from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]


def manager_of_annotation(obj: Object, key: str) -> str | None:
    """The newest field manager of an annotation; None where nobody claims it, or the object tells no managers."""
    newest = _newest(obj, key, "metadata", "annotations")
    return str(newest.get("manager")) if newest else None


def replicas_writer(obj: Object) -> str:
    """The field manager that last wrote `spec.replicas`, like `kubectl (scale, 2026-11-21T23:00:00Z)`; empty where
    the object does not say."""
    last = _newest(obj, "replicas", "spec")
    if last is None:
        return ""
    how = ", ".join(str(last[key]) for key in ("subresource", "time") if last.get(key))
    name = str(last.get("manager") or "unknown")
    return f"{name} ({how})" if how else name


def _newest(obj: Object, field: str, *path: str) -> Object | None:
    """The newest entry that owns a field below a path."""
    entries = children(child(obj, "metadata"), "managedFields")
    owning = [one for one in entries if f"f:{field}" in child(one, "fieldsV1", *(f"f:{key}" for key in path))]
    return max(owning, key=lambda one: str(one.get("time") or ""), default=None)
