"""The operator process: its parts, started in order and stopped in reverse."""

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Sequence
from contextlib import suppress

from aiohttp import web

from scalewarden.app.annotator import Annotator
from scalewarden.app.backfill import Backfill
from scalewarden.app.cooperation import Cooperation
from scalewarden.app.evaluation_loop import EvaluationLoop
from scalewarden.app.fences import Fences
from scalewarden.app.gather import Gatherer
from scalewarden.app.health import Health
from scalewarden.app.judging import Judged, Judging
from scalewarden.app.leadership import Leadership
from scalewarden.app.publisher import Publisher
from scalewarden.app.recorder import EventRecorder
from scalewarden.app.settings import COMPONENT, Settings
from scalewarden.app.sync import Sync
from scalewarden.app.targets import Targets
from scalewarden.app.watching import Watching
from scalewarden.app.web_page import WebPage
from scalewarden.app.world import World
from scalewarden.model.crd_service import SourceChoice
from scalewarden.sources.base import MetricsSource
from scalewarden.sources.kubeapi import KubeApi
from scalewarden.sources.kubeconnection import Connection
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_history import PrometheusHistory
from scalewarden.sources.scrape import DirectScrape
from scalewarden.sources.usage import PodUsage
from scalewarden.surfaces.metrics import OperatorMetrics

log = logging.getLogger(__name__)

COLLECTIONS = (50_000, 20, 50)
"""How rarely cycles are looked for: windows of samples are many small objects that have none, and with the defaults
half of the time that a large answer of Prometheus takes went into looking."""

LAST_WORDS = 5.0
"""Seconds for writing counted events at the end."""
LATE = 60.0
"""Seconds that a turn of the loop may be late, at least, before the operator counts as stuck."""


def sources_of(settings: Settings) -> dict[SourceChoice, MetricsSource]:
    """The metrics sources that the settings allow for. Raises BadInput for a URL or file that cannot be used."""
    found: dict[SourceChoice, MetricsSource] = {SourceChoice.SCRAPE: DirectScrape(settings.scrape)}
    if settings.prometheus is not None:
        found[SourceChoice.PROMETHEUS] = PrometheusSource(settings.prometheus)
    return found


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises ScalewardenError where it cannot be started as it is set up."""
    gc.set_threshold(*COLLECTIONS)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sources = sources_of(settings)
    async with KubeApi(Connection(settings.connect)) as api:
        try:
            await Operator(settings, api, sources).run(stop)
        finally:
            for source in sources.values():
                await source.close()


class Operator:
    """All parts of one process. Nothing is started before `run`."""

    def __init__(self, settings: Settings, api: KubeApi, sources: dict[SourceChoice, MetricsSource]) -> None:
        self._settings = settings
        self._world = world = World()
        self._metrics = metrics = OperatorMetrics()
        self._recorder = EventRecorder(api, COMPONENT)
        self._sync = Sync(api, world, settings.namespaces, settings.resync)
        self._watching = Watching(world, api.connection, settings.namespaces, self._sync.again)
        self._leadership = Leadership(api, settings.lease, lambda: not self.alive())
        usage = PodUsage(api, settings.namespaces)
        gatherer = Gatherer(world, sources, settings.scrape_interval, usage)
        self._past = PrometheusHistory(settings.prometheus) if settings.prometheus is not None else None
        self._backfill = Backfill(self._past) if self._past is not None else None
        judging = Judging(Targets(api, world), gatherer, metrics.errors.inc, self._backfill)
        self._loop = EvaluationLoop(
            world, gatherer, judging, self.publish, settings.interval, metrics.evaluation.observe
        )
        fences = Fences(api, world, settings.max_mode)
        self._publisher = Publisher(
            api,
            world,
            self._recorder,
            metrics,
            settings.max_mode,
            fences,
            Annotator(api, world),
            Cooperation(api, world, fences, settings.namespaces, settings.cooperate),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Start everything, wait for `stop` or for a part that ends, and let go of the Lease."""
        health = Health(self.alive, self.ready, self.page)
        listening = await health.serve(self._settings.host, self._settings.port)
        log.info("metrics and health on %s:%s", self._settings.host, self._settings.port)
        web_page = await self._web_page()
        tasks: list[asyncio.Task[object]] = [asyncio.create_task(stop.wait())]
        try:
            tasks.append(asyncio.create_task(self._work()))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await self._stop(tasks)
            await listening.cleanup()
            if web_page is not None:
                await web_page.cleanup()

    async def _web_page(self) -> web.AppRunner | None:
        """Served where it was asked for."""
        if self._settings.page is None:
            return None
        host, port = self._settings.page
        serving = await WebPage(self._world[INFERENCE_DEPLOYMENTS].all).serve(host, port)
        log.info("web page on http://%s:%s/", host, port)
        return serving

    async def _work(self) -> None:
        """List, then watch, lead, evaluate; ends only with an error."""
        await self._sync.first()
        log.info("%d InferenceDeployments known", sum(1 for _ in self._world[INFERENCE_DEPLOYMENTS].all()))
        sync, loop = self._sync, self._loop
        parts = (self._watching.run(), sync.run(), sync.look(), self._leadership.run(), loop.run())
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors

    async def _stop(self, tasks: Sequence[asyncio.Task[object]]) -> None:
        self._watching.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # what ended them is raised by `run`
        if self._backfill is not None and self._past is not None:
            await self._backfill.close()
            self._past.close()
        await self._tell_the_rest()
        await self._leadership.release()
        log.info("stopped")

    async def _tell_the_rest(self) -> None:
        """Repetitions that were only counted; an API server that is away must not keep us from ending."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self._recorder.flush(last=True)

    async def publish(self, judged: Sequence[Judged], now: float) -> None:
        """Only the leader writes; a standby judges too, so that it can take over with a full history."""
        if self._leadership.is_leader:
            await self._publisher.publish(judged, now)
        else:
            self._publisher.stand_by()

    def alive(self) -> str:
        """What keeps the loop from turning; empty where nothing does."""
        last = self._loop.last_turn
        allowed = max(LATE, 4 * self._settings.interval)
        late = last is not None and time.monotonic() - last > allowed
        return f"no evaluation for more than {allowed:.0f} s" if late else ""

    def ready(self) -> str:
        """What is not known yet; empty where everything is."""
        if not self._sync.done:
            return "the cluster's objects are not listed yet"
        return "nothing was evaluated yet" if self._loop.last_turn is None else self.alive()

    def page(self) -> bytes:
        """The metrics page."""
        leader, kept_back = self._leadership.is_leader, self._recorder.suppressed
        return self._metrics.page(self._world.ages(), leader=leader, suppressed=kept_back)
