"""Tells Events: one series for each thing said of one object, not too often, and again before it is forgotten."""

import hashlib
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kuberesource import EVENTS
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.events import Notice
from scalewarden.surfaces.refusal import one_line

log = logging.getLogger(__name__)

Object = dict[str, Any]

HEARTBEAT = 1800.0
"""Seconds after which what still holds is told again: the API server forgets events after an hour."""
QUIET = 10.0
"""Seconds between two writes of one series; repetitions in between are counted and written together."""
BURST = 25
"""New series about one object that may be told at once …"""
REFILL = 60.0
"""… and the seconds in which one more becomes possible."""
FORGET = 3600.0
MOST_NAME = 200
TRIES = 5
"""Several guards count in one series: each adds to what it reads, and reads again where another one was faster."""


@dataclass(slots=True)
class _Series:
    """When one thing was last written (monotonic seconds), and the repetitions since, which are not written yet."""

    written: float
    unwritten: int = 0


@dataclass(slots=True)
class _Bucket:
    """Tokens left for one object, and when they were last counted."""

    tokens: float
    at: float


@dataclass(slots=True)
class EventRecorder:
    """Tells notices as events.k8s.io/v1 Events. component: who tells, `scalewarden-operator` or `scalewarden-guard`.

    suppressed counts notices that the rate limit kept back. Never raises for an API server that refuses or is down:
    an event is not worth more than the decision it tells of.
    """

    api: KubeApi
    component: str
    clock: Callable[[], float] = time.monotonic
    suppressed: int = 0
    _series: dict[str, _Series] = field(default_factory=dict)
    _buckets: dict[Ref, _Bucket] = field(default_factory=dict)
    _reminded: dict[str, float] = field(default_factory=dict)
    _notices: dict[str, Notice] = field(default_factory=dict)
    _forgot: float = 0.0

    async def tell(self, notice: Notice, times: int = 1) -> None:
        """Tell it now, or count it into its series; times: how often it happened."""
        name = event_name(notice)
        now = self.clock()
        self._forget(now)
        series = self._series.get(name)
        if series is None:
            await self._begin(name, notice, now, times)
            return
        self._reminded[name] = now
        series.unwritten += times
        if now - series.written >= QUIET:
            await self._go_on(name, notice, series, now)

    async def remind(self, notice: Notice) -> None:
        """Tell it if it was not told for half an hour. The first time only starts that clock: it was told before."""
        name = event_name(notice)
        now = self.clock()
        if now - self._reminded.setdefault(name, now) >= HEARTBEAT:
            self._reminded[name] = now
            await self.tell(notice)

    async def flush(self, *, last: bool = False) -> None:
        """Write the repetitions that were only counted so far; call it every few seconds, and as the last at the end,
        when all of them are written."""
        now = self.clock()
        for name, series in list(self._series.items()):
            if series.unwritten and (last or now - series.written >= QUIET):
                await self._go_on(name, self._notices[name], series, now)

    async def _begin(self, name: str, notice: Notice, now: float, times: int) -> None:
        if not self._may_tell(notice.regarding, now):
            self.suppressed += times
            return
        self._reminded[name] = now
        self._series[name], self._notices[name] = _Series(now, times - 1), notice
        try:
            await self.api.create(EVENTS, event(name, notice, self.component), manager=self.component)
        except ApiError as error:
            if error.conflict:  # someone told it before us, or we before a restart
                self._series[name] = series = _Series(now, times)
                await self._go_on(name, notice, series, now)
            else:
                self._series[name].unwritten = times
                self._fail(name, notice, error)

    async def _go_on(self, name: str, notice: Notice, series: _Series, now: float) -> None:
        """Add what was counted; what still meets a conflict in the end waits for the next time."""
        series.written = now
        try:
            for _ in range(TRIES):
                if await self._add(name, notice, series, now):
                    return
        except ApiError as error:
            self._fail(name, notice, error)

    async def _add(self, name: str, notice: Notice, series: _Series, now: float) -> bool:
        """False where another one wrote in between."""
        found = await self.api.find(EVENTS, notice.regarding.namespace, name)
        if found is None:  # it has expired
            del self._series[name]
            await self._begin(name, notice, now, series.unwritten)
            return True
        added = series.unwritten
        count = (found.get("series") or {}).get("count", 1) + added
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        patch = {"metadata": version, "series": {"count": count, "lastObservedTime": _micro_time()}}
        try:
            await self.api.merge(EVENTS, notice.regarding.namespace, name, patch, manager=self.component)
        except ApiError as error:
            if error.conflict:
                return False
            raise
        series.unwritten -= added
        return True

    def _fail(self, name: str, notice: Notice, error: ApiError) -> None:
        """What the API server refuses is given up; while it is away the count is kept for when it is back."""
        if 0 < error.status < 500:
            self._series.pop(name, None)
        about = notice.regarding
        log.warning("event %s on %s %s not told: %s", notice.reason, about.kind, about.name, error)

    def _may_tell(self, regarding: Ref, now: float) -> bool:
        bucket = self._buckets.setdefault(regarding, _Bucket(BURST, now))
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at) / REFILL)
        bucket.at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _forget(self, now: float) -> None:
        """Drop what the API server has forgotten too, so that memory does not grow with what ever happened."""
        if now - self._forgot < QUIET:
            return
        self._forgot = now
        for name in [name for name, one in self._series.items() if now - one.written > FORGET]:
            del self._series[name]
        for name in self._notices.keys() - self._series.keys():
            del self._notices[name]
        for name in [name for name, at in self._reminded.items() if now - at > FORGET]:
            del self._reminded[name]
        for ref in [ref for ref, bucket in self._buckets.items() if now - bucket.at > FORGET]:
            del self._buckets[ref]


def event_name(notice: Notice) -> str:
    """The same for the same thing said of the same object, so that two tellers meet in one series."""
    about = notice.regarding
    told = "\0".join((about.kind, about.namespace, about.name, about.uid, notice.reason, notice.key))
    return f"{about.name[:MOST_NAME]}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def event(name: str, notice: Notice, component: str) -> Object:
    """The Event as the API server takes it."""
    told: Object = {
        "metadata": {"name": name, "namespace": notice.regarding.namespace},
        "type": "Warning" if notice.warning else "Normal",
        "reason": notice.reason,
        "action": notice.action,
        "note": one_line(notice.note),
        "regarding": _reference(notice.regarding),
        "eventTime": _micro_time(),
        "reportingController": component,
        "reportingInstance": f"{socket.gethostname()}-{os.getpid()}",
    }
    return told | ({"related": _reference(notice.related)} if notice.related else {})


def _reference(ref: Ref) -> Object:
    found = {"apiVersion": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
    return found | ({"uid": ref.uid} if ref.uid else {})


def _micro_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
