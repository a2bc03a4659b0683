"""The guard process: the admission server, the janitor, its certificate, and what it tells afterwards."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from ssl import SSLContext
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from scalewarden.app.guard_metrics import GuardMetrics
from scalewarden.app.guard_notes import Notes
from scalewarden.app.guard_server import GuardServer
from scalewarden.app.guard_tls import Certificate, Files, OwnAuthority, Tls
from scalewarden.app.guard_world import MANAGER, GuardWorld
from scalewarden.app.janitor import Janitor
from scalewarden.app.recorder import EventRecorder
from scalewarden.app.withdrawal import Withdrawal
from scalewarden.errors import ClusterError
from scalewarden.model.intent import AUTOSCALER_IDENTITIES
from scalewarden.model.policy import Mode, Way
from scalewarden.sources.autoscalers import READERS
from scalewarden.sources.kubeapi import KubeApi
from scalewarden.sources.kubeconnection import Connect
from scalewarden.surfaces.admission_state import GuardState

log = logging.getLogger(__name__)

IDLE = 100.0
"""Seconds after which a connection without a request is closed, also one that never sent a whole one: the API server
closes its own after 90 s, and a request must not meet a connection that we are closing."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Everything the command line says.

    service and namespace name the Service, the Secret and the operator's Lease; cert_dir takes the place of the own
    authority. silent_after, drain: seconds.
    """

    connect: Connect
    namespace: str = "scalewarden"
    service: str = "scalewarden-guard"
    secret: str = "scalewarden-guard-tls"  # noqa: S105 - a name
    webhook: str = "scalewarden-guard"
    lease: str = "scalewarden-operator"
    listen: Address = Address("0.0.0.0", 9443)  # noqa: S104 - a pod serves on every address of its own
    health: Address = Address("0.0.0.0", 8080)  # noqa: S104
    cert_dir: Path | None = None
    autoscaler_identities: tuple[str, ...] = AUTOSCALER_IDENTITIES
    max_mode: Mode = Mode.ENFORCE
    cooperate: frozenset[Way] = frozenset()
    silent_after: float = 100.0
    drain: float = 10.0

    @property
    def names(self) -> tuple[str, ...]:
        """DNS names that the certificate carries: the API server asks for the Service's."""
        full = f"{self.service}.{self.namespace}.svc"
        return full, f"{full}.cluster.local"


@dataclass(slots=True)
class Guard:
    """One guard process; `stopping` ends it."""

    settings: GuardSettings
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    metrics: GuardMetrics = field(default_factory=GuardMetrics)
    world: GuardWorld = field(init=False)

    def __post_init__(self) -> None:
        said = self.settings
        state = GuardState(frozenset(said.autoscaler_identities), READERS, said.max_mode)
        self.world = GuardWorld(state, (said.namespace, said.lease))

    async def run(self) -> None:
        """Serve until `stopping` is set, then drain. Raises BadInput or ClusterError where it cannot start."""
        async with KubeApi.open(self.settings.connect) as api:
            tls = Tls(self._certificate(api))
            await tls.load()
            recorder = EventRecorder(api, MANAGER)
            notes = Notes(api, recorder, self.metrics)
            janitor = Janitor(api, self.world, time.time, silent_after=self.settings.silent_after)
            server = GuardServer(self.world.state, notes.tell, self.metrics)
            withdrawal = Withdrawal(api, self.world, self.settings.cooperate, self.settings.silent_after)
            jobs = (self.world.follow(api), tls.run(), notes.run(), janitor.run(), withdrawal.run())
            async with _background(*jobs) as running, serving(self._health(recorder), self.settings.health):
                await self._until(self.world.synced, running)  # until then the policies guard
                async with serving(server.app(), self.settings.listen, tls.context):
                    log.info("guarding on %s:%d", self.settings.listen.host, self.settings.listen.port)
                    await self._until(self.stopping, running)
                    log.info("stopping in %.0f s", self.settings.drain)
                    await asyncio.sleep(self.settings.drain)
                    await notes.drain(self.settings.drain)

    async def _until(self, event: asyncio.Event, running: asyncio.Future[Any]) -> None:
        """Until an event or the end is near; a background job that fails ends the process with its error."""
        waits = [asyncio.ensure_future(one.wait()) for one in (event, self.stopping)]
        await asyncio.wait((*waits, running), return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if running.done():
            await running

    def _certificate(self, api: KubeApi) -> Certificate:
        said = self.settings
        if said.cert_dir is not None:
            return Files(said.cert_dir)
        return OwnAuthority(api, said.namespace, said.secret, said.webhook, said.names, lambda: datetime.now(UTC))

    def _health(self, recorder: EventRecorder) -> web.Application:
        async def metrics(_: web.Request) -> web.Response:
            page = self.metrics.page(self.world.ages(), recorder.suppressed)
            return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

        app = web.Application()
        app.add_routes(
            [
                web.get("/livez", self._live),
                web.get("/readyz", self._ready),
                web.get("/metrics", metrics),
            ]
        )
        return app

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _: web.Request) -> web.Response:
        problem = "stopping" if self.stopping.is_set() else self.world.problem()
        return web.Response(status=503 if problem else 200, text=f"{problem or 'ok'}\n")


async def run(settings: GuardSettings) -> None:
    """Run a guard until SIGTERM or SIGINT."""
    guard, loop = Guard(settings), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, guard.stopping.set)
    await guard.run()


@asynccontextmanager
async def serving(app: web.Application, at: Address, tls: SSLContext | None = None) -> AsyncIterator[None]:
    """Serve an application while the block runs. Raises ClusterError where the address cannot be had."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0, keepalive_timeout=IDLE)
    await runner.setup()
    try:
        await web.TCPSite(runner, at.host, at.port, ssl_context=tls).start()
    except OSError as error:
        await runner.cleanup()
        hint = "give another address by --listen or --health"
        raise ClusterError(f"cannot listen: {error.strerror}", where=f"{at.host}:{at.port}", hint=hint) from error
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _background(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Future[Any]]:
    """Run jobs that never end beside the block; the future is done only when one of them has failed."""
    running = asyncio.gather(*jobs)
    try:
        yield running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
