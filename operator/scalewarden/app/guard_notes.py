"""Tells about answers after they were given: events on the objects concerned, and the service's last decisions."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scalewarden.app.guard_metrics import GuardMetrics
from scalewarden.app.guard_world import MANAGER
from scalewarden.app.recorder import EventRecorder
from scalewarden.model.duration import unix_seconds
from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS
from scalewarden.surfaces.admission_record import Outcome, Record
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.events import Action, Notice

log = logging.getLogger(__name__)

MOST_WAITING = 1000
MOST_DECISIONS = 10
REPEATED = 300.0
"""Seconds within which the same decision is not written again: an autoscaler asks anew at every sync."""
TRIES = 3
FLUSH = 5.0
"""Seconds after which counted repetitions are written, however busy the guard is."""

ACTIONS = {Outcome.UNSOUND: Action.JUDGE_AUTOSCALER, Outcome.WEAKENED: Action.CHANGE_POLICY}

Decisions = list[dict[str, Any]]


Same = tuple[Outcome, Ref, tuple[Ref, ...], str]
"""What repetitions of one answer have in common."""


@dataclass(slots=True)
class Waiting:
    """The newest of equal answers that are not told yet, and how many they are."""

    record: Record
    times: int = 1


@dataclass(slots=True)
class Notes:
    """A bounded queue between answers and the API server, in which equal answers wait as one.

    What does not fit is counted and dropped.
    """

    api: KubeApi
    recorder: EventRecorder
    metrics: GuardMetrics
    queue: asyncio.Queue[Same] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    waiting: dict[Same, Waiting] = field(default_factory=dict)

    def tell(self, record: Record) -> None:
        """Queue one answer; never waits."""
        same = record.outcome, record.service, record.about, record.key
        if same in self.waiting:
            self.waiting[same] = Waiting(record, self.waiting[same].times + 1)
            return
        try:
            self.queue.put_nowait(same)
            self.waiting[same] = Waiting(record)
        except asyncio.QueueFull:
            self.metrics.drop()

    async def run(self) -> None:
        """Tell for ever."""
        flushed = time.monotonic()
        while True:
            await self._tell_next()
            if time.monotonic() - flushed >= FLUSH:
                await self.recorder.flush()
                flushed = time.monotonic()

    async def _tell_next(self) -> None:
        """The next answer, if one comes within FLUSH seconds."""
        try:
            async with asyncio.timeout(FLUSH):
                same = await self.queue.get()
        except TimeoutError:
            return
        try:
            await self._tell(self.waiting.pop(same))
        finally:
            self.queue.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait until everything queued is told and every repetition counted, for at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.queue.join()
                await self.recorder.flush(last=True)
        except TimeoutError:
            left = self.queue.qsize()
            log.log(logging.WARNING if left else logging.DEBUG, "%d answers were not told before the end", left)

    async def _tell(self, one: Waiting) -> None:
        record = one.record
        log.info("%s %s%s", record.outcome, record.note, f" ({one.times} times)" if one.times > 1 else "")
        for notice in notices(record):
            await self.recorder.tell(notice, one.times)
        if record.decision is None:
            return
        try:
            await self._keep(record.service, record.decision.model_dump(by_alias=True, exclude_none=True))
        except ApiError as error:
            log.warning("decision on %s not kept: %s", record.service.name, error)

    async def _keep(self, service: Ref, decision: dict[str, Any]) -> None:
        """Add to status.decisions; another guard's write in between is seen and built upon."""
        for _ in range(TRIES):
            found = await self.api.find(INFERENCE_DEPLOYMENTS, service.namespace, service.name)
            if found is None:
                return
            before = found.get("status", {}).get("decisions", [])
            after = with_decision(before, decision)
            if after == before:
                return
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            patch = {"metadata": version, "status": {"decisions": after}}
            try:
                place = (INFERENCE_DEPLOYMENTS, service.namespace, service.name)
                await self.api.merge(*place, patch, manager=MANAGER, subresource="status")
                return
            except ApiError as error:
                if not error.conflict:
                    raise
        log.warning("decision on %s/%s not kept: its status changes too often", service.namespace, service.name)


def notices(record: Record) -> Iterator[Notice]:
    """On the InferenceDeployment, and on what it is about where that exists; none for a quiet record."""
    if not record.loud:
        return
    action = ACTIONS.get(record.outcome, Action.SCALE)
    related = next(iter(record.about), None)
    first = Notice(record.outcome, record.note, record.service, related, action, record.is_warning, record.key)
    yield first
    yield from (replace(first, regarding=ref, related=record.service) for ref in record.about if ref.uid)


def with_decision(before: Sequence[dict[str, Any]], decision: dict[str, Any]) -> Decisions:
    """The last ten, newest last; a repetition moves to the end, unless it was written just now."""
    same = [one for one in before if _but_time(one) == _but_time(decision)]
    if same and unix_seconds(decision["time"]) - unix_seconds(same[-1]["time"]) < REPEATED:
        return list(before)
    others = [one for one in before if _but_time(one) != _but_time(decision)]
    return [*others, decision][-MOST_DECISIONS:]


def _but_time(decision: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in decision.items() if key != "time"}
