"""kopf keeps the world up to date: plain event handlers, in a thread and event loop of their own.

kopf is asked for watching alone. Event handlers write nothing onto the watched objects; settings below switch off
whatever else could: admission, peering, posted events, annotations. What a broken watch misses (deletions between a
lost watch and the next list) the periodic lists of app/sync.py find.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import kopf

from scalewarden.app.world import WATCHED, World
from scalewarden.sources.kubeconnection import Connection
from scalewarden.sources.kuberesource import Resource

log = logging.getLogger(__name__)

INACTIVITY = 70.0
CHUNK = 500
PAUSE = 5.0
BACKOFFS = (1, 2, *(5,) * 100)
"""Seconds between tries while the API server is away; after that kopf gives up and is started anew."""

_AS_IT_SHOULD_BE = ("OS signals are ignored", "Unresolved resources cannot be served", "will retry")
_FORBIDDEN = "APIForbiddenError"  # a watch that the role does not allow


@dataclass(slots=True)
class Watching:
    """Runs kopf until `stop`; every change is handed to the world in the event loop that started it."""

    world: World
    connection: Connection
    namespaces: tuple[str, ...]
    _stop: threading.Event = field(default_factory=threading.Event)

    async def run(self) -> None:
        """Watch until stopped; a kopf that gives up (the API server was away for long) is started anew."""
        registry = self._registry(asyncio.get_running_loop())
        quiet()
        try:
            while not self._stop.is_set():
                await asyncio.to_thread(self._run, registry)
                if not self._stop.is_set():
                    await asyncio.sleep(PAUSE)
        finally:
            self._stop.set()

    def stop(self) -> None:
        """Let kopf's thread end."""
        self._stop.set()

    def _run(self, registry: kopf.OperatorRegistry) -> None:
        try:
            kopf.run(
                registry=registry,
                settings=settings(),
                clusterwide=not self.namespaces,
                namespaces=list(self.namespaces),
                standalone=True,
                stop_flag=self._stop,
            )
        except Exception as error:  # whatever ended kopf, the lists go on and it is started anew
            log.warning("watching ended: %s: %s", type(error).__name__, error)
            log.debug("traceback", exc_info=True)

    def _registry(self, loop: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry, id="login")(self._login)
        for resource in WATCHED:
            if resource in self.world.forbidden:
                continue  # the lists go on asking, so it is there once the role allows it
            handler = self._handler(resource, loop)
            name = f"{resource.plural}.{resource.group}"
            kopf.on.event(resource.group, resource.version, resource.plural, registry=registry, id=name)(handler)
        return registry

    async def _login(self, **_: Any) -> kopf.AiohttpSession:
        """A session like our own: same credentials, renewed the same way."""
        return kopf.AiohttpSession(server=self.connection.server, aiohttp_session=self.connection.session())

    def _handler(self, resource: Resource, loop: asyncio.AbstractEventLoop) -> Callable[..., None]:
        def on_event(*, event: Any, **_: Any) -> None:
            change = self.world.drop if event["type"] == "DELETED" else self.world.put
            if not loop.is_closed():
                loop.call_soon_threadsafe(change, resource, dict(event["object"]))

        return on_event


def quiet() -> None:
    """Of kopf's log only what goes wrong for good: that the API server is away is told by our own requests, once."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_goes_wrong)


def _goes_wrong(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    quiet = record.name.startswith("kopf") and any(words in text for words in _AS_IT_SHOULD_BE)
    return not quiet or _FORBIDDEN in text


def settings() -> kopf.OperatorSettings:
    """kopf as a mere watcher."""
    found = kopf.OperatorSettings()
    found.posting.enabled = False
    found.peering.standalone = True
    found.admission.managed = None
    found.watching.inactivity_timeout = INACTIVITY
    found.watching.chunk_size = CHUNK
    found.networking.error_backoffs = BACKOFFS
    found.persistence.finalizer = "scalewarden.dev/never-set"
    found.persistence.diffbase_storage = kopf.StatusDiffBaseStorage()
    found.persistence.progress_storage = kopf.StatusProgressStorage()
    found.process.ultimate_exiting_timeout = 5.0
    return found
