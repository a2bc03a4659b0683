"""A small HTTP endpoint to look at a running fleet and to break it on purpose."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from aiohttp import web

from tools.fleet.server import Fleet


class Admin:
    """Routes over one fleet: ``GET /``, ``PUT /users/<fleet>/<n>``, ``PUT`` and ``DELETE /faults/<pod>[/<fault>]``."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._show),
                web.put("/users/{fleet}/{users:[0-9]+}", self._set_users),
                web.put("/faults/{pod}/{fault}", self._break),
                web.delete("/faults/{pod}", self._heal),
            ]
        )
        return app

    async def _show(self, _: web.Request) -> web.Response:
        snapshot = self._fleet.snapshot()
        return web.json_response({name: [asdict(each) for each in replicas] for name, replicas in snapshot.items()})

    async def _set_users(self, request: web.Request) -> web.Response:
        try:
            self._fleet.set_users(int(request.match_info["users"]), request.match_info["fleet"])
        except KeyError as error:
            return web.Response(status=404, text=f"{error.args[0]}\n")
        return web.Response(text="ok\n")

    async def _break(self, request: web.Request) -> web.Response:
        return self._set_fault(request.match_info["pod"], request.match_info["fault"])

    async def _heal(self, request: web.Request) -> web.Response:
        return self._set_fault(request.match_info["pod"], None)

    def _set_fault(self, pod: str, fault: str | None) -> web.Response:
        try:
            self._fleet.fault(pod, fault)
        except KeyError as error:
            return web.Response(status=404, text=f"{error.args[0]}\n")
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(text="ok\n")


@asynccontextmanager
async def administered(fleet: Fleet, port: int) -> AsyncIterator[int]:
    """Serve the endpoint on 127.0.0.1 for the length of the block; yields its port (0 picks a free one)."""
    runner = web.AppRunner(Admin(fleet).app(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
