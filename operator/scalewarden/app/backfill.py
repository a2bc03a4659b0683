"""Baselines of services that are seen for the first time, learned from the history that Prometheus kept.

In the background, one service at a time: judging never waits for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scalewarden.errors import SourceError
from scalewarden.judgement.learn_history import History, learn_history
from scalewarden.model.baseline import Learned
from scalewarden.model.policy import Objectives
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.signals.derived import promised
from scalewarden.sources.past import Past, past_of
from scalewarden.sources.prometheus_errors import QueryRefused, TooMuch

log = logging.getLogger(__name__)

PAUSE = 600.0
"""Seconds until a server that was busy or down is asked for history again."""
FOR_GOOD = (QueryRefused, TooMuch)
"""Failures after which the same question fails again."""

Ask = Callable[[Past, float], Awaitable[Mapping[str, History]]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A service without a baseline, as it was last judged."""

    uid: str
    past: Past
    snapshot: Snapshot


@dataclass(slots=True)
class Backfill:
    """Asks for each service once, and keeps what was learned until it is taken. ask: history up to an instant."""

    ask: Ask
    _fresh: set[str] = field(default_factory=set)
    _wanted: dict[str, _Wanted] = field(default_factory=dict)
    _found: dict[str, Learned] = field(default_factory=dict)
    _task: "asyncio.Task[None] | None" = None
    _again_at: float = 0.0
    _told: set[str] = field(default_factory=set)

    def meet(self, uid: str) -> None:
        """A service of which nothing is known."""
        self._fresh.add(uid)

    def look(self, uid: str, namespace: str, pods: Iterable[Mapping[str, Any]], snapshot: Snapshot) -> None:
        """As a service that was met is now. It waits for a replica that is read: that tells its engine, and what the
        engine never exports."""
        if uid not in self._fresh or not any(one.reading(SignalName.RUNNING) for one in snapshot.ready):
            return
        past = past_of(namespace, tuple(pods), snapshot.engine, latencies(snapshot.objectives))
        if past is not None:
            self._wanted[uid] = _Wanted(uid, past, snapshot)

    def turn(self, now: float) -> None:
        """Begin with the next service, unless one is under way or the server is to be left alone."""
        if (self._task is not None and not self._task.done()) or now < self._again_at or not self._wanted:
            return
        wanted = self._wanted.pop(next(iter(self._wanted)))
        self._fresh.discard(wanted.uid)
        self._task = asyncio.create_task(self._learn(wanted, now))

    def take(self, uid: str, known: Learned) -> Learned:
        """What is known of a service, with what its history taught; that once."""
        found = self._found.pop(uid, None)
        return known if found is None else joined(known, found)

    def forget_all_but(self, there: Iterable[str]) -> None:
        """Drop what was deleted."""
        kept = set(there)
        self._fresh &= kept
        self._told &= kept
        self._wanted = {uid: one for uid, one in self._wanted.items() if uid in kept}
        self._found = {uid: one for uid, one in self._found.items() if uid in kept}

    async def close(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _learn(self, wanted: _Wanted, now: float) -> None:
        name = wanted.snapshot.target.key
        try:
            pods = await self.ask(wanted.past, now)
            if not pods:
                log.debug("%s: Prometheus has no history of its pods", name)
                return
            self._found[wanted.uid] = await asyncio.to_thread(learn_history, None, wanted.snapshot, pods)
            log.info("%s: a baseline was learned from the history of %d pods", name, len(pods))
        except FOR_GOOD as problem:
            log.warning("%s: no baseline from history: %s", name, problem)
        except SourceError as problem:
            level = logging.DEBUG if wanted.uid in self._told else logging.WARNING
            log.log(level, "%s: no baseline from history yet: %s", name, problem)
            self._told.add(wanted.uid)
            self._fresh.add(wanted.uid)
            self._again_at = now + PAUSE
        except Exception:  # a defect of ours: a day of looking teaches the same
            log.exception("%s: no baseline from history, please report it", name)


def latencies(objectives: Objectives) -> frozenset[SignalName]:
    """Those with an objective."""
    return frozenset(name for name, objective in promised(objectives) if objective is not None)


def joined(known: Learned, found: Learned) -> Learned:
    """What history taught, in place of the few looks since the service was met.

    Nothing where there was nothing to learn, where the service was changed meanwhile, and where its owner has had
    everything forgotten: history does not know when.
    """
    changed = known.changed_at is not None or known.fingerprint.differs(found.fingerprint)
    nothing = not (found.saturated or found.calm or found.batches or found.itl)
    if changed or nothing or known.fingerprint.reset is not None:
        return known
    return replace(found, fingerprint=known.fingerprint, cold_starts=known.cold_starts)
