"""Serves the read-only page: from memory, to whoever reaches its address. It has no login of its own.

Bound to localhost it is reached by `kubectl port-forward`, which asks for the right to do so; then requests that name
another host are refused, so that no page of somebody else's can read it by a name that leads here.
"""

import ipaddress
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from scalewarden.app.listening import listening
from scalewarden.errors import BadObject
from scalewarden.model.crd import InferenceDeployment
from scalewarden.surfaces import page
from scalewarden.surfaces.explain_list import Listed, age_of

Object = Mapping[str, Any]

HEADERS = {
    "Content-Security-Policy": page.POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class WebPage:
    """objects: the InferenceDeployments as the API server returns them. clock: unix seconds."""

    objects: Callable[[], Iterable[Object]]
    clock: Callable[[], float] = time.time

    async def serve(self, host: str, port: int) -> web.AppRunner:
        """Listen until the runner is cleaned up. Raises BadInput where the port is taken."""
        app = web.Application(middlewares=[_only_here] if _is_local(host) else [])
        app.router.add_get("/", self._index)
        app.router.add_get("/services/{namespace}/{name}", self._service)
        return await listening(app, host, port, "--page")

    async def _index(self, _: web.Request) -> web.StreamResponse:
        now = self.clock()
        return _html(page.index([Listed(one, age_of(obj, now)) for obj, one in self._found()]))

    async def _service(self, request: web.Request) -> web.StreamResponse:
        key = (request.match_info["namespace"], request.match_info["name"])
        for _, one in self._found():
            if (one.namespace, one.name) == key:
                return _html(page.service(one, self.clock()))
        return _html(page.missing("/".join(key)), status=404)

    def _found(self) -> Iterable[tuple[Object, InferenceDeployment]]:
        """Those that can be read: what is wrong with the others stands in their conditions."""
        for obj in self.objects():
            try:
                yield obj, InferenceDeployment.parse(obj)
            except BadObject:
                continue


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@web.middleware
async def _only_here(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """Only by a local name."""
    if not _is_local(urlsplit(f"//{request.host}").hostname or ""):
        return web.Response(status=403, text="this page is for localhost only\n", headers=HEADERS)
    answer: web.StreamResponse = await handler(request)
    return answer
