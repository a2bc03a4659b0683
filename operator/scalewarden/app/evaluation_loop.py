"""One loop for all services: read the metrics, judge every service, hand the judgements on."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from scalewarden.app.gather import Gatherer
from scalewarden.app.judging import Judged, Judging
from scalewarden.app.waiting import set_within
from scalewarden.app.world import World
from scalewarden.errors import ScalewardenError
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS

log = logging.getLogger(__name__)

AT_ONCE = 1.0
"""Least seconds between two judgings, however often objects change."""

Publish = Callable[[Sequence[Judged], float], Awaitable[None]]


@dataclass(slots=True)
class EvaluationLoop:
    """Reads metrics every `gatherer.scrape_interval` and judges every `interval` (s), and when a spec changes.

    publish takes all judgements and the instant of judging (unix seconds, from clock); timed the seconds of a pass.
    last_turn is when a turn was last completed, in monotonic seconds.
    """

    world: World
    gatherer: Gatherer
    judging: Judging
    publish: Publish
    interval: float
    timed: Callable[[float], None]
    clock: Callable[[], float] = time.time
    last_turn: float | None = None

    async def run(self) -> None:
        """For ever. A turn that fails (the API server is down) is logged, and the next one comes."""
        tick = min(self.interval, self.gatherer.scrape_interval)
        read_at = judge_at = time.monotonic()
        while True:
            started = time.monotonic()
            reads, judges = started >= read_at, started >= judge_at
            read_at = started + self.gatherer.scrape_interval if reads else read_at
            judge_at = started + self.interval if judges else judge_at
            if judges:
                self.world.news.clear()
            try:
                await self.turn(reads=reads, judges=judges)
            except ScalewardenError as error:
                log.warning("this turn is incomplete: %s", error)
            except Exception:  # a defect of ours: the other services wait for the next turn, liveness for a restart
                log.exception("this turn failed, please report it")
            if await set_within(self.world.news, started + tick - time.monotonic()):
                read_at = judge_at = max(time.monotonic(), started + AT_ONCE)  # a new service has not been read yet
                await asyncio.sleep(judge_at - time.monotonic())

    async def turn(self, *, reads: bool = True, judges: bool = True) -> None:
        """Read the metrics, judge all services and publish; or only one of the two."""
        looked = await self.judging.look(self.world[INFERENCE_DEPLOYMENTS].all())
        if reads:
            await self.gatherer.collect([one.service for one in looked if one.service], self.clock())
        if judges:
            now, started = self.clock(), time.monotonic()
            judged = []
            for one in looked:
                judged.append(self.judging.judge(one, now))
                await asyncio.sleep(0)  # probes are answered between two services
            self.judging.forget_all_but(judged)
            if self.judging.backfill is not None:
                self.judging.backfill.turn(now)
            self.timed(time.monotonic() - started)
            await self.publish(judged, now)
        self.last_turn = time.monotonic()
