"""The loop: how often it reads and judges, and what a failed turn does."""

import asyncio
from collections.abc import Callable, Sequence

from scalewarden.app.evaluation_loop import EvaluationLoop
from scalewarden.app.judging import Judged
from scalewarden.errors import ClusterError
from scalewarden.sources.base import Collected, PodEndpoint
from tests.unit.app.service import NOW, Service


class Publisher:
    def __init__(self, fail: int = 0) -> None:
        self.turns: list[int] = []
        self.fail = fail

    async def __call__(self, judged: Sequence[Judged], now: float) -> None:
        self.turns.append(len(judged))
        if self.fail:
            self.fail -= 1
            raise ClusterError("the API server is away")


class Counting:
    """A metrics source that counts how often it is asked."""

    def __init__(self, service: Service) -> None:
        self.asked = 0
        self._pages = service.source

    async def collect(self, endpoints: Sequence[PodEndpoint], now: float, custom: object = ()) -> Collected:
        self.asked += 1
        return await self._pages.collect(endpoints, now)

    async def close(self) -> None:
        pass


def loop_of(service: Service, publish: Publisher, interval: float, timed: list[float]) -> EvaluationLoop:
    clock = iter(NOW + step for step in range(1000))
    return EvaluationLoop(
        service.world, service.gatherer, service.judging, publish, interval, timed.append, lambda: next(clock)
    )


async def run_until(loop: EvaluationLoop, done: Callable[[], bool], what: str) -> None:
    """Run the loop until `done`; the deadline is for a loop that hangs, nothing is judged by its speed."""
    task = asyncio.create_task(loop.run())
    for _ in range(6000):
        if done() or task.done():
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError(f"waited 60 s for {what}")
    assert not task.done(), task.exception()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_may_read_more_often_than_it_judges() -> None:
    service, publish, timed = Service(), Publisher(), []
    source = Counting(service)
    service.gatherer.sources = dict.fromkeys(service.gatherer.sources, source)
    service.gatherer.scrape_interval = 0.02
    loop = loop_of(service, publish, 3600.0, timed)
    await run_until(loop, lambda: source.asked >= 5, "five reads")
    assert publish.turns == [1] and len(timed) == 1
    assert loop.last_turn is not None


async def test_a_failed_turn_is_followed_by_the_next() -> None:
    service, publish = Service(), Publisher(fail=2)
    service.gatherer.scrape_interval = 0.02
    loop = loop_of(service, publish, 0.02, [])
    await run_until(loop, lambda: len(publish.turns) >= 4, "four turns, two of them failed")
    assert publish.fail == 0 and loop.last_turn is not None
