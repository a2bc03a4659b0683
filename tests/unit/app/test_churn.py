"""A day of coming and going in seconds: what operator and guard keep in memory does not grow with it."""

import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from scalewarden.app import world
from scalewarden.app.guard_metrics import GuardMetrics
from scalewarden.app.guard_notes import Notes
from scalewarden.app.guard_world import GuardWorld
from scalewarden.app.recorder import EventRecorder
from scalewarden.sources.kuberesource import DEPLOYMENTS, HPAS, INFERENCE_DEPLOYMENTS, PODS, SCALE_FENCES
from scalewarden.sources.kubewatch import Gone, Listed, Put
from scalewarden.surfaces import admission
from tests.unit.app.fake_api import Clock, FakeApi
from tests.unit.app.service import NOW, Service, deployment, described, hpa, pod
from tests.unit.app.test_guard_world import autoscaler, fence, service
from tests.unit.surfaces.admission_cases import HPA, entry, scale, state

HOUR, DAY = 3600.0, 24 * 3600.0
SLOPE = 2.0
"""Blocks of memory that a step may leave behind in the last quarter of the day. Whatever is kept of each object that
came and went is at least two, its name and a value; measured are less than one."""


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """What is logged, the test runner keeps."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def slope(step: Callable[[float], Awaitable[None]], steps: int) -> float:
    """Blocks that a step leaves behind after 18 hours, when every cache has filled."""
    late = steps * 3 // 4
    early = 0
    for number in range(steps + 1):
        await step(number * DAY / steps)
        if number == late:
            early = _held()
    return (_held() - early) / (steps - late)


def _held() -> int:
    gc.collect()
    return sys.getallocatedblocks()


class Guard:
    """A guard without its wires. Each step services, fences and HPAs of new names come and go, and many ask."""

    def __init__(self) -> None:
        self.clock, self.api = Clock(0.0), FakeApi()
        known = state(fence=entry())
        self.world = GuardWorld(known, ("scalewarden", "scalewarden-operator"), self.clock)
        self.metrics = GuardMetrics()
        self.recorder = EventRecorder(self.api, "scalewarden-guard", self.clock)
        self.notes = Notes(self.api, self.recorder, self.metrics)

    async def step(self, at: float) -> None:
        self.clock.now = at
        self._objects_come_and_go(int(at))
        for user in (HPA, "alice", f"job-{at}"):
            for to in (0, 1, 2, int(at) % 3):
                answered = admission.answer(scale(4, to, user), self.world.state, NOW)
                for record in answered.records:
                    self.metrics.count(record)
                    self.notes.tell(record)
        while not self.notes.queue.empty():  # as `run` does, without its waits
            await self.notes._tell(self.notes.waiting.pop(self.notes.queue.get_nowait()))
        await self.recorder.flush()
        self.api.writes.clear()
        if at % HOUR == 0:
            self.api.objects.clear()  # the API server forgets events after an hour

    def _objects_come_and_go(self, number: int) -> None:
        name = f"svc-{number}"
        obj, acting, floor = service(name, name), autoscaler(name, name), fence(str(number))
        floor["metadata"]["namespace"] = f"team-{number}"
        for resource, one in ((INFERENCE_DEPLOYMENTS, obj), (HPAS, acting), (SCALE_FENCES, floor)):
            self.world.hear(resource, Put(one))
            self.world.hear(resource, Gone(one))
        self.world.hear(HPAS, Put({"metadata": {"name": f"broken-{number}", "namespace": "serving"}}))
        self.world.hear(SCALE_FENCES, Put({**floor, "metadata": {**floor["metadata"], "namespace": f"lost-{number}"}}))
        if number % HOUR == 0:  # watches that were lost, and objects that went meanwhile
            self.world.hear(HPAS, Listed(()))
            self.world.hear(SCALE_FENCES, Listed((serving_fence(),)))


def serving_fence() -> dict[str, Any]:
    """The one that stays."""
    return fence("7", **{"deployments/llama": entry()})


async def test_a_guards_memory_does_not_grow_over_a_day() -> None:
    assert await slope(Guard().step, 480) < SLOPE


class Operator:
    """An operator over a fake API server. Each step a service of a new name comes, is judged, and goes."""

    def __init__(self) -> None:
        self.service = Service(replicas=1)
        self.service.recorder.clock = self.clock = Clock(0.0)
        self.there: list[tuple[Any, dict[str, Any]]] = []

    async def step(self, at: float) -> None:
        self.clock.now, service = at, self.service
        self._one_goes()
        self._one_comes(int(at))
        judged = await service.judge(NOW + at)
        await service.publisher.publish(judged, NOW + at)
        service.judging.forget_all_but(judged)
        service.api.writes.clear()
        for key in [key for key in service.api.objects if key[0] == "events"]:
            del service.api.objects[key]

    def _one_comes(self, number: int) -> None:
        name = f"svc-{number}"
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        made = [
            (DEPLOYMENTS, deployment(2)),
            (PODS, pod(name, "10.0.1.1")),
            (HPAS, hpa()),
            (INFERENCE_DEPLOYMENTS, described(targetRef=target)),
        ]
        for resource, obj in made:
            obj["metadata"] |= {"name": name, "uid": f"{resource.plural}-{number}"}
            self.service.put(resource, obj)
            self.there.append((resource, obj))

    def _one_goes(self) -> None:
        for resource, obj in self.there:
            held = self.service.held(resource, obj["metadata"]["name"])
            self.service.world.drop(resource, held)
            self.service.api.forget(resource.plural, "serving", obj["metadata"]["name"])
        self.there.clear()


async def test_an_operators_memory_does_not_grow_over_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "_MOST_TOMBSTONES", 20)
    assert await slope(Operator().step, 144) < SLOPE  # of 72 what the process does besides is up to 3.7 a step
