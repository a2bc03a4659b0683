"""One HTTP server that listens on the addresses of many pods."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from aiohttp import web

from tools.fleet.faults import hang_up

Address = tuple[str, int]
Key = tuple[str, str]
"""(namespace, pod name)."""

Answer = Callable[[web.BaseRequest, Key], Awaitable[web.StreamResponse]]


class Endpoints:
    """Listens on exactly the addresses it was last given and says whose address a request came to."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.5)
        self._sites: dict[Address, web.TCPSite] = {}
        self._pods: Mapping[Address, Key] = {}
        self._unreachable: set[Address] = set()

    async def start(self) -> None:
        await self._runner.setup()

    async def stop(self) -> None:
        """Close every address and connection."""
        await self._runner.cleanup()

    async def serve(self, pods: Mapping[Address, Key]) -> None:
        """Open and close what has changed. An address that cannot be bound is reported once and tried again."""
        self._pods = pods
        for address in self._sites.keys() - pods.keys():
            await self._sites.pop(address).stop()
        for address in pods.keys() - self._sites.keys():
            await self._open(address)

    async def _open(self, address: Address) -> None:
        site = web.TCPSite(self._runner, *address, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            if address not in self._unreachable:
                print(f"fleet: cannot serve {'/'.join(self._pods[address])}: {error}", file=sys.stderr)
            self._unreachable.add(address)
            return
        self._unreachable.discard(address)
        self._sites[address] = site

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        key = self._addressee(request)
        if key is None:
            # The pod went while a client kept its connection.
            hang_up(request)
            return web.Response(status=503)
        with suppress(ConnectionError):
            return await self._answer(request, key)
        return web.Response(status=499)

    def _addressee(self, request: web.BaseRequest) -> Key | None:
        if request.transport is None:
            return None
        host, port, *_ = request.transport.get_extra_info("sockname")
        return self._pods.get((host, port))
