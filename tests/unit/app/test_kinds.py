"""Kinds that come and go while the operator runs: what is listed, what kopf is asked to watch, what is logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import kopf
import pytest

from scalewarden.app import sync, watching
from scalewarden.app.sync import Sync
from scalewarden.app.watching import Watching
from scalewarden.app.world import CUSTOM, WATCHED, World
from scalewarden.sources.discovery import served
from scalewarden.sources.kubeapi import ApiError, Listing
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS, NODES, SCALED_OBJECTS, Resource
from tests.unit.app.kinds import discovery

Object = dict[str, Any]


class Cluster:
    """An API server that lists some kinds; `undiscovered` are those of which discovery says nothing yet."""

    def __init__(self) -> None:
        self.kinds = set(WATCHED)
        self.undiscovered: set[Resource] = set()
        self.down = False

    async def list(
        self, resource: Resource, namespace: str = "", *, keep: Callable[..., Object] | None = None
    ) -> Listing:
        if resource not in self.kinds:
            raise ApiError("not found", status=404)
        found = {"metadata": {"name": "n", "namespace": "ns", "uid": "u", "resourceVersion": "1"}}
        return Listing((found,) if resource is SCALED_OBJECTS else (), "9")

    async def read(self, path: str) -> Object:
        if self.down and path != "/apis":
            raise ApiError("busy", status=503)
        return discovery([one for one in WATCHED if one in self.kinds - self.undiscovered and one.group], path)


def syncing(api: Cluster) -> tuple[Sync, World]:
    world = World(lambda: 0.0)
    return Sync(api, world, (), 60.0), world  # type: ignore[arg-type]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is waited for is another thread's
            await asyncio.sleep(0.002)


async def test_a_kind_is_watched_once_discovery_knows_it_too() -> None:
    api = Cluster()
    api.undiscovered = {SCALED_OBJECTS}
    syncs, world = syncing(api)
    await syncs.first()
    assert world.absent == {SCALED_OBJECTS} and not world.of(SCALED_OBJECTS, "ns")
    api.undiscovered = set()
    await syncs.again(SCALED_OBJECTS)
    assert world.absent == set() and len(world.of(SCALED_OBJECTS, "ns")) == 1


async def test_our_own_kinds_are_waited_for_until_discovery_knows_them() -> None:
    api = Cluster()
    api.undiscovered = {INFERENCE_DEPLOYMENTS}
    syncs, _ = syncing(api)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await syncs.first()
    assert not syncs.done


async def test_what_is_installed_later_or_taken_away_is_found_within_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "LOOK", 0.001)
    api = Cluster()
    api.kinds.discard(SCALED_OBJECTS)
    syncs, world = syncing(api)
    await syncs.first()
    looking = asyncio.create_task(syncs.look())
    await asyncio.sleep(0.02)
    assert SCALED_OBJECTS in world.absent and not looking.done()
    api.kinds.add(SCALED_OBJECTS)
    await until(lambda: SCALED_OBJECTS not in world.absent)
    assert len(world.of(SCALED_OBJECTS, "ns")) == 1
    api.kinds.discard(SCALED_OBJECTS)
    await until(lambda: SCALED_OBJECTS in world.absent)
    looking.cancel()
    assert not world.of(SCALED_OBJECTS, "ns")


async def test_objects_of_a_kind_that_is_gone_are_gone_but_for_our_own(caplog: pytest.LogCaptureFixture) -> None:
    api = Cluster()
    syncs, world = syncing(api)
    await syncs.first()
    ours = {"metadata": {"name": "chat", "namespace": "ns", "uid": "i", "resourceVersion": "2"}}
    world.put(INFERENCE_DEPLOYMENTS, ours)
    api.kinds -= {SCALED_OBJECTS}
    await syncs.again(SCALED_OBJECTS)
    assert world.absent == {SCALED_OBJECTS} and not world.of(SCALED_OBJECTS, "ns") and not caplog.text
    api.kinds -= {INFERENCE_DEPLOYMENTS}
    await syncs.again(INFERENCE_DEPLOYMENTS)
    assert world.absent == {SCALED_OBJECTS, INFERENCE_DEPLOYMENTS} and len(world.of(INFERENCE_DEPLOYMENTS, "ns")) == 1
    assert "not listed: " in caplog.text


async def test_discovery_that_fails_is_no_answer() -> None:
    api = Cluster()
    assert await served(api, [SCALED_OBJECTS]) == {SCALED_OBJECTS}  # type: ignore[arg-type]
    api.down = True
    with pytest.raises(ApiError, match="busy"):
        await served(api, [SCALED_OBJECTS])  # type: ignore[arg-type]


async def test_discovery_may_know_the_group_and_not_yet_the_kind() -> None:
    class Between(Cluster):
        async def read(self, path: str) -> Object:
            if path == "/apis":
                return await super().read(path)
            raise ApiError("not found", status=404)

    assert not await served(Between(), [SCALED_OBJECTS])  # type: ignore[arg-type]


class Kopf:
    """In place of `kopf.run`: remembers which kinds it was asked for, and runs until told to end or made to fail."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ended: list[str] = []
        self.fails: dict[str, list[Exception]] = {}

    def __call__(self, *, registry: kopf.OperatorRegistry, stop_flag: Any, **_: Any) -> None:
        (handler,) = registry._watching.get_all_handlers()
        kind = str(handler.id)
        self.asked.append(kind)
        if self.fails.get(kind):
            raise self.fails[kind].pop()
        stop_flag.result(10)
        self.ended.append(kind)


class NotFound(Exception):
    status = 404


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Kopf:
    found = Kopf()
    monkeypatch.setattr(kopf, "run", found)
    monkeypatch.setattr(watching, "TURN", 0.005)
    monkeypatch.setattr(watching, "PAUSE", 0.0)
    return found


KEDA, POD = "scaledobjects.keda.sh", "pods."


async def test_a_kind_is_watched_from_when_it_is_there(run: Kopf) -> None:
    world = World(lambda: 0.0)
    world.forbidden.add(NODES)
    watch = Watching(world, None, (), Sync(Cluster(), world, (), 60.0).again)  # type: ignore[arg-type]
    running = asyncio.create_task(watch.run())
    built_in = set(WATCHED) - set(CUSTOM) - {NODES}
    await until(lambda: len(run.asked) == len(built_in))
    assert POD in run.asked and KEDA not in run.asked
    world.absent.discard(SCALED_OBJECTS)
    await until(lambda: KEDA in run.asked)
    world.forbidden.clear()
    await until(lambda: "nodes." in run.asked)
    assert len(run.asked) == len(set(run.asked))
    world.absent.add(SCALED_OBJECTS)
    await until(lambda: KEDA in run.ended)
    world.absent.discard(SCALED_OBJECTS)
    await until(lambda: run.asked.count(KEDA) == 2)
    watch.stop()
    await asyncio.wait_for(running, 5)
    assert run.ended.count(KEDA) == 2 and run.ended.count(POD) == 1


async def test_a_kind_whose_watch_fails_is_listed_and_watched_anew(run: Kopf, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    api, world = Cluster(), World(lambda: 0.0)
    syncs = Sync(api, world, (), 60.0)  # type: ignore[arg-type]
    await syncs.first()
    run.fails = {POD: [ValueError("odd")], KEDA: [NotFound("404 page not found")]}
    api.kinds.discard(SCALED_OBJECTS)
    watch = Watching(world, None, (), syncs.again)  # type: ignore[arg-type]
    running = asyncio.create_task(watch.run())
    await until(lambda: run.asked.count(POD) == 2 and SCALED_OBJECTS in world.absent)
    assert "watching pods ended: ValueError: odd" in caplog.text and "Traceback" not in caplog.text
    assert "scaledobjects are served no longer" in caplog.text and run.asked.count(KEDA) == 1
    api.kinds.add(SCALED_OBJECTS)
    await syncs.again(SCALED_OBJECTS)
    await until(lambda: run.asked.count(KEDA) == 2)
    watch.stop()
    await asyncio.wait_for(running, 5)
    assert len(run.asked) == len(WATCHED) + 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Watcher for x has failed: 404 page not found", False),
        ("Request attempt #1/9 failed; will retry: GET … -> timeout", False),
        ("Request attempt #1/9 failed; will retry: … -> APIForbiddenError", True),
        ("Handler 'watch' failed with an exception. Will ignore.", True),
    ],
)
def test_of_kopf_only_what_goes_wrong_for_good_is_logged(text: str, told: bool) -> None:
    assert watching._goes_wrong(logging.LogRecord("kopf._cogs.x", logging.ERROR, "", 0, text, None, None)) is told


def test_what_others_log_is_left_alone() -> None:
    assert watching._goes_wrong(logging.LogRecord("scalewarden", logging.ERROR, "", 0, "it has failed: x", None, None))
