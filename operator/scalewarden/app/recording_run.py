"""Record a live service: look, read, write, again and again until the time is over or somebody ends it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from scalewarden.app.live import Live
from scalewarden.app.waiting import set_within
from scalewarden.model.signal import Absent
from scalewarden.sources.base import Collected, PodKey
from scalewarden.sources.bundle import Bundle, Known
from scalewarden.sources.kubeapi import ApiError


@dataclass(frozen=True, slots=True)
class Plan:
    """How long (s) is recorded, and how often (s) everything is read: twice at least."""

    lasting: float
    every: float

    @property
    def rounds(self) -> int:
        """How many times everything is read."""
        return max(2, int(self.lasting / self.every + 1e-9) + 1)

    @property
    def pause(self) -> float:
        """Seconds from one reading to the next."""
        return min(self.every, self.lasting)


@dataclass(frozen=True, slots=True)
class Round:
    """What one reading gave: its number from 1 on, and how many pages of pods and exporters, of how many."""

    number: int
    answered: int
    asked: int


Told = Callable[[Round], None]


async def record(live: Live, bundle: Bundle, plan: Plan, stop: asyncio.Event, told: Told) -> int:
    """Record until the plan is done or `stop` is set; gives the number of readings."""
    started = time.monotonic()
    for number in range(1, plan.rounds + 1):
        told(await _round(live, bundle, number))
        due = started + number * plan.pause - time.monotonic()
        if number == plan.rounds or await set_within(stop, due):
            return number
    return plan.rounds


async def _round(live: Live, bundle: Bundle, number: int) -> Round:
    """Objects that cannot be read for once are taken as they were."""
    try:
        await live.look()
    except ApiError as error:
        if number == 1:
            raise
        live.notes["look"] = f"the API server failed for a while, objects are as they were before: {error.message}"
    if number == 1:
        bundle.describe(_known(live, None))
    collected = await live.read(time.time())
    answered = _write(live, bundle, collected)
    return Round(number, answered, len(collected.scrapes))


def _write(live: Live, bundle: Bundle, collected: Collected) -> int:
    answered = 0
    for found in collected.scrapes:
        key = PodKey(*found)
        series, exporter = collected.scrapes[key], key in collected.exporters
        if isinstance(series, Absent) or key in collected.problems or not (exporter or key in live.service.keys):
            continue  # gateways have no place in a recording
        bundle.add(key, series[-1], exporter=exporter)
        answered += 1
    bundle.describe(_known(live, collected))
    return answered


def _known(live: Live, collected: Collected | None) -> Known:
    service = live.service
    return Known(
        declared=live.object,
        objects=(service.found.object, *live.autoscalers, *live.services, *live.nodes),
        pods=service.pods,
        exporters=dict(live.exporters(collected)) if collected else {},
        at=collected.at if collected else time.time(),
    )
