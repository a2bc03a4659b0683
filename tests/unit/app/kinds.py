"""Discovery as the API server answers it, for a given set of kinds."""

from collections.abc import Sequence
from typing import Any

from scalewarden.sources.kubeapi import ApiError
from scalewarden.sources.kuberesource import Resource


def discovery(kinds: Sequence[Resource], path: str) -> dict[str, Any]:
    """The answer of `/apis` or `/apis/<group>/<version>`."""
    if path == "/apis":
        groups = sorted({(one.group, one.api_version) for one in kinds})
        return {"groups": [{"name": name, "versions": [{"groupVersion": version}]} for name, version in groups]}
    found = [{"name": one.plural} for one in kinds if path == f"/apis/{one.api_version}"]
    if not found:
        raise ApiError("the server could not find the requested resource", status=404, where=path)
    return {"resources": found}
