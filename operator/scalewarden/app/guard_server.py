"""The admission server: HTTPS of its own, answers from memory within a deadline, never holds a request up."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from scalewarden.app.guard_metrics import GuardMetrics
from scalewarden.surfaces import admission, admission_review
from scalewarden.surfaces.admission_record import Record
from scalewarden.surfaces.admission_state import GuardState

log = logging.getLogger(__name__)

PATHS = ("/scale", "/autoscalers", "/services")
WEBHOOK_TIMEOUT = 2.0
DEADLINE = 0.9 * WEBHOOK_TIMEOUT
"""Seconds after which a request is let through: the API server would give up soon and do the same."""
MOST_BYTES = 8 * 1024 * 1024
"""A review holds the object twice, and an object may have 1.5 MB."""
SMALL_BYTES = 64 * 1024
"""A body that says it is no larger is read at once: whoever sends large ones slowly must not hold up the others."""
MOST_AT_ONCE = 16
"""Larger bodies read at the same time; the rest wait their turn within the deadline."""


@dataclass(slots=True)
class GuardServer:
    """Answers reviews. tell takes each record once the answer is made; clock gives unix seconds."""

    state: GuardState
    tell: Callable[[Record], None]
    metrics: GuardMetrics
    clock: Callable[[], float] = time.time
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))

    def app(self) -> web.Application:
        """The HTTP application; anything but its paths is a 404, a body over 8 MiB a 413."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.add_routes([web.post(path, self._admit) for path in PATHS])
        return app

    async def _admit(self, request: web.Request) -> web.Response:
        with self.metrics.timed(request.path):
            try:
                async with asyncio.timeout(DEADLINE):
                    text = await self._read(request)
            except TimeoutError:
                log.warning("a review was not read within %.1f s and is let through", DEADLINE)
                return web.Response(status=503, text="not read in time\n")
            except ConnectionError:  # whoever asked has gone; anybody can do that as often as they like
                log.debug("a client hung up before its review was read")
                return web.Response(status=400, text="cut off\n")
            return self._answer(text)

    async def _read(self, request: web.Request) -> bytes:
        length = request.content_length
        if length is not None and length <= SMALL_BYTES:
            return await request.read()
        async with self.turns:
            return await request.read()

    def _answer(self, text: bytes) -> web.Response:
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return web.Response(status=400, text=f"not JSON: {error}\n")
        found = admission.answer(body, self.state, self.clock())
        for record in found.records:
            self.metrics.count(record)
            self.tell(record)
        return _json(found.review)


def _json(review: admission_review.Response) -> web.Response:
    return web.Response(body=orjson.dumps(review), content_type="application/json")
