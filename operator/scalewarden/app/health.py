"""The operator's HTTP side: /metrics, /livez or /healthz (the loop turns) and /readyz (everything is known)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from scalewarden.app.listening import listening

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

METRICS_TYPE = "text/plain; version=0.0.4"


@dataclass(frozen=True, slots=True)
class Health:
    """What is answered. alive and ready give what is wrong, empty where nothing is; metrics the page."""

    alive: Callable[[], str]
    ready: Callable[[], str]
    metrics: Callable[[], bytes]

    async def serve(self, host: str, port: int) -> web.AppRunner:
        """Listen in the background until the runner is cleaned up. Raises BadInput where the port is taken."""
        app = web.Application()
        app.router.add_get("/livez", self._probe(self.alive))
        app.router.add_get("/healthz", self._probe(self.alive))
        app.router.add_get("/readyz", self._probe(self.ready))
        app.router.add_get("/metrics", self._page)
        return await listening(app, host, port, "--listen")

    def _probe(self, problem: Callable[[], str]) -> Handler:
        async def answer(_: web.Request) -> web.StreamResponse:
            what = problem()
            return web.Response(status=503 if what else 200, text=f"{what or 'ok'}\n")

        return answer

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=self.metrics(), headers={"Content-Type": METRICS_TYPE})
