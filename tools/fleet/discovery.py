"""Discovery documents of an aggregated API: what kube-apiserver, kubectl and the namespace controller ask first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

VERSION = "v1beta1"

Resource = dict[str, Any]


def resource(name: str, kind: str, verbs: Sequence[str], namespaced: bool = True) -> Resource:
    """An entry of an APIResourceList. Without a delete verb, deleting a namespace leaves the resource alone."""
    return {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": list(verbs)}


def discovery_routes(resources: Mapping[str, Sequence[Resource]]) -> list[web.RouteDef]:
    """Routes that describe the groups (the keys) and the resources of their one version."""

    async def groups(request: web.Request) -> web.Response:
        # Asked for the aggregated form, refuse: the client then asks group by group.
        if "as=APIGroupDiscoveryList" in request.headers.get("Accept", ""):
            return web.Response(status=406)
        known = [_api_group(name) for name in resources]
        return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": known})

    async def group(request: web.Request) -> web.Response:
        return web.json_response(_api_group(request.path.split("/")[2]))

    async def listed(request: web.Request) -> web.Response:
        name = request.path.split("/")[2]
        body = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{name}/{VERSION}"}
        return web.json_response({**body, "resources": list(resources[name])})

    return [
        web.get("/apis", groups),
        *(web.get(f"/apis/{name}", group) for name in resources),
        *(web.get(f"/apis/{name}/{VERSION}", listed) for name in resources),
    ]


def _api_group(name: str) -> dict[str, Any]:
    version = {"groupVersion": f"{name}/{VERSION}", "version": VERSION}
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": [version], "preferredVersion": version}
