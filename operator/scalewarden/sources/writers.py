"""Who wrote a replica count, as the API server remembers it in `metadata.managedFields`."""

from collections.abc import Mapping
from typing import Any

from scalewarden.sources.workloads import child


def replicas_writer(obj: Mapping[str, Any]) -> str:
    """The field manager that last wrote `spec.replicas`, like `kubectl (scale, 2026-11-21T23:00:00Z)`; empty where
    the object does not say."""
    managers = child(obj, "metadata").get("managedFields")
    entries = [one for one in managers if isinstance(one, dict)] if isinstance(managers, list) else []
    owning = [one for one in entries if "f:replicas" in child(one, "fieldsV1", "f:spec")]
    if not owning:
        return ""
    last = max(owning, key=lambda one: str(one.get("time") or ""))
    how = ", ".join(str(last[key]) for key in ("subresource", "time") if last.get(key))
    name = str(last.get("manager") or "unknown")
    return f"{name} ({how})" if how else name
