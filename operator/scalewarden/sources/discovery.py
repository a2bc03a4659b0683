"""What the API server says it serves."""

from collections.abc import Collection
from typing import Any

from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import Resource


async def resources_of(api: KubeApi, api_version: str) -> list[dict[str, Any]]:
    """The resources and subresources of a version (`apps/v1`, `v1`) as discovery lists them; none where it does not
    know the version. Raises ApiError where the API server does not answer."""
    try:
        page = await api.read(f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}")
    except ApiError as error:
        if error.not_found:
            return []
        raise
    return page.get("resources") or []


async def served(api: KubeApi, resources: Collection[Resource]) -> frozenset[Resource]:
    """Those of some resources of API groups that discovery lists, in its list of groups and in that of their version.

    A new kind is in both some moments after it can be listed. Raises ApiError where the API server does not answer.
    """
    groups = (await api.read("/apis")).get("groups") or []
    known = {one.get("groupVersion") for group in groups for one in group.get("versions") or []}
    names = {
        version: {one.get("name") for one in await resources_of(api, version)}
        for version in {one.api_version for one in resources} & known
    }
    return frozenset(one for one in resources if one.plural in names.get(one.api_version, ()))
