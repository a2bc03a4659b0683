"""kopf keeps the world up to date: plain event handlers, for each kind in a thread and event loop of its own.

kopf is asked for watching alone. Event handlers write nothing onto the watched objects; settings below switch off
whatever else could: admission, peering, posted events, annotations. What a broken watch misses (deletions between a
lost watch and the next list) the lists of app/sync.py find; they also say which kinds there are.

One kopf for each kind, since kopf ends as a whole where one watch fails, and then waits for ever for its other watches.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import kopf

from scalewarden.app.waiting import set_within
from scalewarden.app.world import CUSTOM, WATCHED, World
from scalewarden.sources.kubeapi import WATCH_SECONDS
from scalewarden.sources.kubeconnection import Connection
from scalewarden.sources.kuberesource import Resource

log = logging.getLogger(__name__)

INACTIVITY = 70.0
CHUNK = 500
PAUSE = 5.0
TURN = 1.0
"""Seconds between two looks at which kinds there are."""
LONGEST_END = 10.0
"""Seconds that kopf has for ending."""
BACKOFFS = (1, 2, *(5,) * 100)
"""Seconds between tries while the API server is away; after that kopf gives up and is started anew."""

_AS_IT_SHOULD_BE = (
    "OS signals are ignored", "Unresolved resources cannot be served", "will retry", " has failed: ",
)  # fmt: skip
"""What ends a kopf is told by us, in a line."""
_FORBIDDEN = "APIForbiddenError"  # a watch that the role does not allow


@dataclass(slots=True)
class Watching:
    """Runs kopf until `stop`; every change is handed to the world in the event loop that started it.

    again lists a kind: what changed while nobody watched it.
    """

    world: World
    connection: Connection
    namespaces: tuple[str, ...]
    again: Callable[[Resource], Awaitable[None]]
    _stopped: bool = False
    _ends: dict[Resource, Future[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Watch until stopped."""
        quiet()
        try:
            async with asyncio.TaskGroup() as group:
                for resource in WATCHED:
                    group.create_task(self._keep(resource))
        finally:
            self.stop()

    def stop(self) -> None:
        """Let kopf's threads end."""
        self._stopped = True
        for end in self._ends.values():
            _raise_flag(end)

    async def _keep(self, resource: Resource) -> None:
        """Watch a kind whenever it is there; a kopf that gives up (the API server was away for long) starts anew."""
        while not self._stopped:
            if resource not in self.world.kinds():
                await asyncio.sleep(TURN)
                continue
            await self._watch(resource)
            if not self._stopped:
                await asyncio.sleep(PAUSE)
                await self._look_again(resource)

    async def _look_again(self, resource: Resource) -> None:
        """Whether it is still there is to be asked anew: a kopf that starts before discovery knows it sees nothing."""
        if resource in CUSTOM:
            self.world.absent.add(resource)
        await self.again(resource)

    async def _watch(self, resource: Resource) -> None:
        """Until kopf ends, or the kind is gone: its watch may stay open without ever telling of one that comes after.

        A thread that does not end is left behind with the process.
        """
        loop = asyncio.get_running_loop()
        registry, end = self._registry(resource, loop), Future[None]()
        self._ends[resource] = end
        ended = asyncio.Event()

        def run() -> None:
            try:
                self._run(resource, registry, end)
            finally:
                _tell(loop, ended.set)

        threading.Thread(target=run, name=f"watch {resource.plural}", daemon=True).start()
        while resource in self.world.kinds() and not await set_within(ended, TURN):
            pass
        _raise_flag(end)
        await set_within(ended, LONGEST_END)

    def _run(self, resource: Resource, registry: kopf.OperatorRegistry, end: Future[None]) -> None:
        try:
            kopf.run(
                registry=registry,
                settings=settings(),
                clusterwide=not self.namespaces,
                namespaces=list(self.namespaces),
                standalone=True,
                stop_flag=end,  # a future: for a threading.Event kopf keeps a thread, which would keep it from ending
            )
        except Exception as error:  # whatever ended kopf, the lists go on and it is started anew
            if getattr(error, "status", 0) == HTTPStatus.NOT_FOUND:
                log.info("%s are served no longer: they are watched again when they are back", resource.plural)
            else:
                log.warning("watching %s ended: %s: %s", resource.plural, type(error).__name__, error)
            log.debug("traceback", exc_info=True)

    def _registry(self, resource: Resource, loop: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry, id="login")(self._login)
        handler = self._handler(resource, loop)
        name = f"{resource.plural}.{resource.group}"
        kopf.on.event(resource.group, resource.version, resource.plural, registry=registry, id=name)(handler)
        return registry

    async def _login(self, **_: Any) -> kopf.AiohttpSession:
        """A session like our own: same credentials, renewed the same way."""
        return kopf.AiohttpSession(server=self.connection.server, aiohttp_session=self.connection.session())

    def _handler(self, resource: Resource, loop: asyncio.AbstractEventLoop) -> Callable[..., Awaitable[None]]:
        async def on_event(*, event: Any, **_: Any) -> None:
            change = self.world.drop if event["type"] == "DELETED" else self.world.put
            _tell(loop, change, resource, dict(event["object"]))

        return on_event


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *args: Any) -> None:
    """Have it called in another thread's loop; nobody needs to know where that has closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(what, *args)


def _raise_flag(flag: Future[None]) -> None:
    if not flag.done():
        flag.set_result(None)


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
    found.watching.server_timeout = WATCH_SECONDS
    found.watching.chunk_size = CHUNK
    found.networking.error_backoffs = BACKOFFS
    found.persistence.finalizer = "scalewarden.dev/never-set"
    found.persistence.diffbase_storage = kopf.StatusDiffBaseStorage()
    found.persistence.progress_storage = kopf.StatusProgressStorage()
    found.scanning.disabled = True
    found.process.ultimate_exiting_timeout = None  # it would kill the whole process where one watch fails
    return found
