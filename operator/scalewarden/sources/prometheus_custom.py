"""The queries of engine Custom, read together: one query a collection, however many services have some.

A new expression, or one whose text has changed, is first tried apart from the others, together with other new ones,
over the whole window; a trial that is refused is halved until the one at fault stands alone. That one is left out
with its cause and tried again after `AGAIN` seconds. At most `TRIALS` trials a collection. All that were accepted are
read by one union of what is new since the last answer; should it be refused, its members are new again. Where it is
too long, too large or too slow it is asked in two, four or eight parts, which is remembered. A server that is down or
busy speaks against no expression.

Values are evaluated on a grid of `step` seconds. PromQL looks back up to five minutes where a series ended without
a stale marker; a query that must not should say so (`last_over_time(x[30s])`).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scalewarden.errors import SourceError
from scalewarden.model.signal import Absent
from scalewarden.signals.sample import Scrape
from scalewarden.sources.base import CustomKey, CustomQuery, PodKey, absent_of
from scalewarden.sources.prometheus_api import PrometheusOptions
from scalewarden.sources.prometheus_asking import Asking
from scalewarden.sources.prometheus_errors import QueryRefused, TimedOut, TooLong, TooMuch
from scalewarden.sources.prometheus_groups import Parts
from scalewarden.sources.prometheus_named import on_grid
from scalewarden.sources.prometheus_union import NO_POD, Splitter, Values, union
from scalewarden.sources.promql import fault
from scalewarden.sources.window import Window

__all__ = ["CustomKey", "CustomQueries", "CustomQuery", "CustomValues"]

TRIALS = 4
AGAIN = 600.0
NOT_YET = Absent("its promql is not tried yet")

Group = tuple[CustomQuery, ...]
_LESS = (TooLong, TooMuch, TimedOut)
_AT_FAULT = (QueryRefused, TooMuch, TimedOut)


@dataclass(frozen=True, slots=True)
class CustomValues:
    """By pod its scrapes, oldest first; by query why it gives nothing; what went wrong with the source."""

    scrapes: Mapping[PodKey, tuple[Scrape, ...]] = field(default_factory=dict)
    refused: Mapping[CustomKey, Absent] = field(default_factory=dict)
    problem: SourceError | None = None


@dataclass(slots=True)
class _Refusal:
    promql: str
    cause: Absent
    at: float


class CustomQueries:
    """Remembers which expressions are accepted, and their values within the window."""

    def __init__(self, options: PrometheusOptions, asking: Asking) -> None:
        self._options = options
        self._asking = asking
        self._accepted: dict[CustomKey, str] = {}
        self._refused: dict[CustomKey, _Refusal] = {}
        self._silent: dict[CustomKey, Absent] = {}
        self._trials: list[tuple[CustomKey, ...]] = []
        self._windows: dict[PodKey, Window] = {}
        self._read_at: float | None = None
        self._parts = Parts()

    async def read(self, queries: Sequence[CustomQuery], now: float, until: float) -> CustomValues:
        """Ask for what is new. until: the loop's clock, in seconds, when the last answer must be there."""
        wanted = {query.key: query for query in queries}
        self._forget(wanted, now)
        for key, query in wanted.items():
            why = "" if key in self._refused else fault(query.promql)
            if why:
                self._refused[key] = _Refusal(query.promql, Absent(f"its promql is refused: {why}"), now)
        problem = await self._union(tuple(wanted[key] for key in sorted(self._accepted)), now, until)
        problem = await self._try(wanted, now, until) or problem
        return self._values(wanted, now, problem)

    def standing(self, queries: Sequence[CustomQuery], now: float, problem: SourceError) -> CustomValues:
        """What is known without asking, and why it was not asked."""
        wanted = {query.key: query for query in queries}
        self._forget(wanted, now)
        return self._values(wanted, now, problem)

    def _values(self, wanted: Mapping[CustomKey, CustomQuery], now: float, problem: SourceError | None) -> CustomValues:
        for window in self._windows.values():
            window.trim(now)
        scrapes = {pod: window.scrapes for pod, window in self._windows.items() if window.scrapes}
        return CustomValues(scrapes, self._absent(wanted, problem), problem)

    def _forget(self, wanted: Mapping[CustomKey, CustomQuery], now: float) -> None:
        """Queries that are gone or have changed, and refusals that have had their time."""
        texts = {key: query.promql for key, query in wanted.items()}
        self._accepted = {key: text for key, text in self._accepted.items() if texts.get(key) == text}
        self._refused = {
            key: one for key, one in self._refused.items() if texts.get(key) == one.promql and now - one.at < AGAIN
        }
        self._silent = {key: cause for key, cause in self._silent.items() if key in self._accepted}
        pods = frozenset(pod for query in wanted.values() for pod in query.pods)
        self._windows = {pod: window for pod, window in self._windows.items() if pod in pods}

    async def _union(self, members: Group, now: float, until: float) -> SourceError | None:
        """Read what is new of all that were accepted; what went wrong, apart from a refusal."""
        if not members:
            return None
        span = self._options.bounds.span
        seconds = span if self._read_at is None else min(span, now - self._read_at + self._options.overlap)
        size = -(-len(members) // self._parts.relaxed(now))
        parts = [members[at : at + size] for at in range(0, len(members), size)]
        outcomes = await asyncio.gather(*(self._ask(part, seconds, now, until) for part in parts))
        problems = [problem for problem in outcomes if problem is not None]
        if not problems:
            self._read_at = now
        elif any(isinstance(one, _LESS) for one in problems) and size > 1 and self._parts.doubled(now):
            return next((one for one in problems if not isinstance(one, _LESS)), None)
        elif any(isinstance(one, _AT_FAULT) for one in problems):
            self._accepted.clear()
            self._read_at = None
        return next((one for one in problems if not isinstance(one, _AT_FAULT)), None)

    async def _try(self, wanted: Mapping[CustomKey, CustomQuery], now: float, until: float) -> SourceError | None:
        """Try what is new; what went wrong with the source."""
        new = frozenset(wanted.keys() - self._accepted.keys() - self._refused.keys())
        kept = [tuple(key for key in group if key in new) for group in self._trials]
        waiting = frozenset(key for group in kept for key in group)
        groups = [group for group in (*kept, tuple(sorted(new - waiting))) if group]
        turns, self._trials = groups[:TRIALS], groups[TRIALS:]
        outcomes = await asyncio.gather(*(self._trial([wanted[key] for key in group], now, until) for group in turns))
        return next((problem for problem in outcomes if problem is not None), None)

    async def _trial(self, group: list[CustomQuery], now: float, until: float) -> SourceError | None:
        problem = await self._ask(tuple(group), self._options.bounds.span, now, until)
        keys = tuple(query.key for query in group)
        if problem is None:
            self._accepted |= {query.key: query.promql for query in group}
            self._read_at = now if self._read_at is None else self._read_at
        elif not isinstance(problem, _AT_FAULT):
            self._trials.append(keys)
            return problem
        elif len(group) > 1:
            self._trials += [keys[: len(keys) // 2], keys[len(keys) // 2 :]]
        else:
            [query] = group
            self._refused[query.key] = _Refusal(query.promql, absent_of(problem), now)
        return None

    async def _ask(self, group: Group, seconds: float, now: float, until: float) -> SourceError | None:
        step = self._options.step
        start, end = on_grid(now - seconds, now, step)

        def work() -> tuple[Values, tuple[str, ...]]:
            splitter = Splitter(group)
            told = self._asking.api.evaluated(union(group), start, end, step, splitter.take)
            return splitter.values(), told.partial

        outcome = await self._asking.run(work, until)
        if isinstance(outcome, SourceError):
            return outcome
        values, partial = outcome
        self._take(group, values)
        return self._asking.partial(partial) if partial else None

    def _take(self, group: Iterable[CustomQuery], values: Values) -> None:
        for pod, instants in values.samples.items():
            window = self._windows.setdefault(pod, Window(self._options.bounds))
            for at in sorted(instants):
                if instants[at]:
                    window.merge(Scrape(at, tuple(instants[at])))
        for query in group:
            why = values.faults.get(query.key, "" if query.key in values.spoke else NO_POD)
            self._silent.pop(query.key, None)
            if why:
                self._silent[query.key] = Absent(why)

    def _absent(self, wanted: Mapping[CustomKey, CustomQuery], problem: SourceError | None) -> dict[CustomKey, Absent]:
        waiting = NOT_YET if problem is None else absent_of(problem)
        found = {key: waiting for key in wanted if key not in self._accepted}
        return {**found, **self._silent, **{key: one.cause for key, one in self._refused.items()}}
