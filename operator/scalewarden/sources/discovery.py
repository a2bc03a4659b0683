"""What the API server says it serves."""

from typing import Any, Protocol

from scalewarden.sources.kubeapi import ApiError
from scalewarden.sources.kuberesource import Resource


class Reads(Protocol):
    """Any address below the server."""

    async def read(self, path: str) -> dict[str, Any]:
        """Raises ApiError."""
        ...


async def served(api: Reads, resource: Resource) -> bool:
    """Whether discovery lists a resource of an API group, in the list of groups and in that of its version.

    A new kind is in both some moments after it can be listed. Raises ApiError where the API server does not answer.
    """
    groups = (await api.read("/apis")).get("groups") or []
    versions = {one.get("groupVersion") for group in groups for one in group.get("versions") or []}
    if resource.api_version not in versions:
        return False
    try:
        found = await api.read(f"/apis/{resource.api_version}")
    except ApiError as error:
        if error.not_found:
            return False
        raise
    return any(one.get("name") == resource.plural for one in found.get("resources") or [])
