"""A service that is seen for the first time learns from history: once, in the background, and only what still holds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from scalewarden.app.backfill import PAUSE, Backfill
from scalewarden.app.evaluation_loop import EvaluationLoop
from scalewarden.app.judging import Judged, Judging
from scalewarden.app.targets import Targets
from scalewarden.errors import SourceUnavailable
from scalewarden.judgement.learn_history import History
from scalewarden.model.crd_service import SourceChoice
from scalewarden.model.signal import Absent, Point, SignalName
from scalewarden.model.workload import Engine
from scalewarden.sources.base import Collected, PodEndpoint
from scalewarden.sources.kuberesource import DEPLOYMENTS, INFERENCE_DEPLOYMENTS
from scalewarden.sources.past import Past
from scalewarden.sources.prometheus_errors import QueryRefused
from tests.unit.app.service import NOW, Pages, Service, deployment, described
from tests.unit.app.test_learning import busy

TPS = 900.0


@dataclass
class Kept:
    """The history that a Prometheus would give: an hour of two pods under load, or what goes wrong."""

    problems: list[Exception] = field(default_factory=list)
    asked: list[tuple[Past, float]] = field(default_factory=list)
    wait: asyncio.Event | None = None
    empty: bool = False

    async def __call__(self, past: Past, now: float) -> Mapping[str, History]:
        self.asked.append((past, now))
        if self.wait is not None:
            await self.wait.wait()
        if self.problems:
            raise self.problems.pop(0)
        return {} if self.empty else {"gone-a": _hour(now), "gone-b": _hour(now)}


def _hour(until: float) -> History:
    level = {"gen_tps": TPS, "waiting": 3.0, "kv_usage": 0.5, "preemptions": 0.0, "itl_mean": 0.03, "running": 16.0}
    return {SignalName(name): _minutes(value, until) for name, value in level.items()}


def _minutes(value: float, until: float) -> Sequence[Point]:
    return [Point(until // 60 * 60 - 60.0 * ago, value) for ago in range(60, -1, -1)]


@dataclass
class Turns:
    """A service under an operator with a Prometheus source, turned by the loop itself."""

    kept: Kept
    service: Service
    now: float = NOW

    @classmethod
    def of(cls, kept: Kept, service: Service | None = None) -> Turns:
        service = service or busy()
        service.gatherer.sources = {SourceChoice.SCRAPE: service.source, SourceChoice.PROMETHEUS: service.source}
        turns = cls(kept, service)
        turns.restart()
        return turns

    def restart(self) -> None:
        """A new operator over the same cluster."""
        service = self.service
        service.judging = Judging(
            Targets(service.api, service.world), service.gatherer, service._defect, Backfill(self.kept)
        )

    async def turn(self, later: float = 15.0) -> Judged:
        """One turn, and then whatever it began in the background, as far as it gets."""
        judged: list[Judged] = []

        async def publish(found: Sequence[Judged], now: float) -> None:
            judged.extend(found)
            await self.service.publisher.publish(found, now)

        service, now = self.service, self.now
        loop = EvaluationLoop(
            service.world, service.gatherer, service.judging, publish, 15.0, lambda _: None, lambda: now
        )
        await loop.turn()
        self.now += later
        task = service.judging.backfill and service.judging.backfill._task
        if task is not None and self.kept.wait is None:
            await task
        assert service.defects == 0
        return judged[0]


def rate(judged: Judged) -> float | None:
    assert judged.evaluation is not None
    return judged.evaluation.snapshot.sustainable_tps


async def test_a_new_service_knows_its_past_at_the_next_turn() -> None:
    turns = Turns.of(Kept())
    assert rate(await turns.turn()) is None
    second = await turns.turn()
    assert rate(second) == TPS
    assert second.evaluation is not None
    learned = second.evaluation.learned
    assert [(one.running, one.tps) for one in learned.batches] == [(16, TPS)] and learned.itl is not None
    assert [start.pod for start in learned.cold_starts] == ["llama-0", "llama-1"]
    past, now = turns.kept.asked[0]
    assert (past.namespace, past.engine, now) == ("serving", Engine.VLLM, NOW)
    await turns.turn(120)
    await turns.turn()  # a status is written at most once a minute for what was learned
    assert turns.service.held(INFERENCE_DEPLOYMENTS, "llama")["status"]["baseline"]["sustainableTokensPerSecond"] == TPS


async def test_history_is_asked_for_once() -> None:
    turns = Turns.of(Kept())
    for _ in range(5):
        await turns.turn()
    assert len(turns.kept.asked) == 1
    turns.restart()  # what was learned is in the status by now
    await turns.turn()
    assert rate(await turns.turn()) == TPS and len(turns.kept.asked) == 1


async def test_a_loop_does_not_wait_for_it_and_one_service_is_asked_about_at_a_time() -> None:
    turns = Turns.of(Kept(wait=asyncio.Event()))
    service = turns.service
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}
    service.put(DEPLOYMENTS, deployment(2) | {"metadata": {"name": "other"}})
    service.put(INFERENCE_DEPLOYMENTS, described("other", targetRef=target))
    for _ in range(3):
        await turns.turn()
        await asyncio.sleep(0)
    assert len(turns.kept.asked) == 1
    assert turns.kept.wait is not None
    turns.kept.wait.set()
    turns.kept.wait = None
    for _ in range(3):
        await turns.turn()
    assert len(turns.kept.asked) == 2


async def test_a_server_that_is_down_is_asked_again_after_ten_minutes(caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns.of(Kept([SourceUnavailable("Prometheus refuses connections"), SourceUnavailable("and again")]))
    with caplog.at_level(logging.WARNING):
        await turns.turn(PAUSE - 1)
        await turns.turn(2)
        assert len(turns.kept.asked) == 1
        await turns.turn(PAUSE + 1)
        assert len(turns.kept.asked) == 2
    assert [record.getMessage().count("no baseline from history yet") for record in caplog.records] == [1]
    await turns.turn()
    assert len(turns.kept.asked) == 3 and rate(await turns.turn()) == TPS


async def test_a_question_that_is_refused_is_not_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns.of(Kept([QueryRefused("Prometheus refuses the query")]))
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            await turns.turn(PAUSE + 1)
    assert len(turns.kept.asked) == 1
    assert [record.getMessage().count("Prometheus refuses the query") for record in caplog.records] == [1]


async def test_a_defect_in_it_costs_nothing_but_the_history() -> None:
    turns = Turns.of(Kept([RuntimeError("a defect")]))
    for _ in range(3):
        judged = await turns.turn()
    assert judged.evaluation is not None and len(turns.kept.asked) == 1


async def test_an_empty_history_leaves_what_was_seen() -> None:
    turns = Turns.of(Kept(empty=True))
    await turns.turn(120)
    judged = await turns.turn()
    assert judged.evaluation is not None and len(judged.evaluation.learned.saturated) == 4


async def test_a_service_that_was_changed_meanwhile_learns_nothing_of_it() -> None:
    turns = Turns.of(Kept())
    await turns.turn()
    changed = deployment(2)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "vllm/vllm-openai:v0.33.0"
    turns.service.put(DEPLOYMENTS, changed)
    await turns.turn()
    assert rate(await turns.turn()) is None


async def test_what_the_owner_had_forgotten_stays_so() -> None:
    turns = Turns.of(Kept())
    held = turns.service.held(INFERENCE_DEPLOYMENTS, "llama")
    metadata = held["metadata"] | {"annotations": {"scalewarden.dev/reset-baseline": "2026-11-21"}}
    turns.service.put(INFERENCE_DEPLOYMENTS, held | {"metadata": metadata})
    await turns.turn()
    assert rate(await turns.turn()) is None


async def test_a_service_that_is_scraped_does_not_ask_prometheus() -> None:
    turns = Turns.of(Kept())
    turns.service.put(INFERENCE_DEPLOYMENTS, described(signals={"source": "Scrape"}))
    await turns.turn()
    await turns.turn()
    assert turns.kept.asked == []


class Silent(Pages):
    """A Prometheus that has not read any pod yet."""

    async def collect(self, endpoints: Sequence[PodEndpoint], now: float, custom: object = ()) -> Collected:
        return Collected(now, {endpoint.key: Absent("not read yet") for endpoint in endpoints})


async def test_a_service_waits_for_the_first_replica_that_is_read() -> None:
    turns = Turns.of(Kept())
    turns.service.gatherer.sources = dict.fromkeys(turns.service.gatherer.sources, Silent())
    await turns.turn()
    await turns.turn()
    assert turns.kept.asked == []
    turns.service.gatherer.sources = dict.fromkeys(turns.service.gatherer.sources, turns.service.source)
    await turns.turn()
    assert len(turns.kept.asked) == 1 and rate(await turns.turn()) == TPS
