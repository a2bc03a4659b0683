"""One group of pods, asked about: the two queries, in the form that the server understands, and what they brought."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from scalewarden.errors import PartialResponse, SourceError
from scalewarden.sources.prometheus_api import PrometheusApi, PrometheusOptions, Told
from scalewarden.sources.prometheus_errors import Busy, NamesRefused, TimedOut, TooMuch, partial
from scalewarden.sources.prometheus_groups import Group
from scalewarden.sources.prometheus_named import expressions, on_grid, renamed
from scalewarden.sources.prometheus_query import UP, Labels, Page, Sorter, Target, any_of, selectors

NAMES_EVERY = 60.0
"""Seconds between two questions for the names of series, where they are asked at all and nothing changes."""

NAMES_SOON = 5.0
"""Seconds until the next such question after one that brought new names: more may follow. It doubles each time."""

NAMES_SPAN = 600.0
"""Seconds within which a series must have had a sample for its name to be told."""

NAMES_SHARE = 0.75
"""Share of a query that names of series may take; beyond it only those are asked for that the server has."""

T = TypeVar("T")
Found = dict[Target, list[Page]]
Work = Callable[[], tuple[Found, Told]]


@dataclass(slots=True)
class Brought:
    """What the queries about one group of pods brought, their bytes together, and what went wrong.

    date: when the server says that it answered, unix seconds.
    """

    found: list[tuple[Target, list[Page]]] = field(default_factory=list)
    problems: list[SourceError] = field(default_factory=list)
    bytes: int = 0
    date: float | None = None

    @property
    def too_much(self) -> bool:
        """True where fewer pods may pass."""
        return any(isinstance(problem, TooMuch) for problem in self.problems)


class Asking:
    """Asks from threads of its own, two at a time."""

    def __init__(self, options: PrometheusOptions) -> None:
        self.api = PrometheusApi(options)
        self._options = options
        self._labels = Labels.of(options)
        self._wanted = options.wanted
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="prometheus")
        self._by_name = False
        self._names: frozenset[str] = frozenset()
        self._names_at = float("-inf")
        self._names_pause = NAMES_EVERY
        self._looking = asyncio.Lock()

    def close(self) -> None:
        """Close connections and threads; queries under way are left to their deadline."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.api.close()

    def also(self, names: frozenset[str]) -> None:
        """Ask for these series of the pods' own pages too, from now on and instead of what was said before."""
        self._wanted = replace(self._options.wanted, engine=self._options.wanted.engine | names)

    async def run(self, work: Callable[[], T], until: float) -> T | SourceError:
        """Something blocking, in a thread; what went wrong instead. until: the loop's clock, in seconds."""
        try:
            async with asyncio.timeout_at(until):
                return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except SourceError as problem:
            return problem
        except TimeoutError:
            hint = "see whether Prometheus is overloaded, or raise --prometheus-timeout"
            return TimedOut("Prometheus did not answer in time", where=self.api.where, hint=hint)

    async def ask(self, pods: Group, seconds: float, now: float, until: float, *, narrow: bool = False) -> Brought:
        """Both queries for the last `seconds`; with `narrow`, about these pods only, however long the query gets."""
        wanted = self._wanted
        if self._by_name or len(any_of(wanted.all)) > NAMES_SHARE * self._options.longest:
            problem = await self._look_up_names(now, until)
            if problem is not None and (self._by_name or isinstance(problem, Busy | TimedOut)):
                return Brought(problems=[problem])
            # A server that does not tell its names is asked for all of them: most take a query of any length.
            wanted = wanted.known_to(self._names) if self._names else wanted
        if not self._by_name:
            longest = None if narrow and self._options.method == "POST" else self._options.longest
            texts = selectors(pods, seconds, self._labels, wanted, longest)
            brought = await self._both([self._raw(text, pods, now) for text in texts], until)
            if not any(isinstance(problem, NamesRefused) for problem in brought.problems):
                return brought
            self._by_name = True
            return await self.ask(pods, seconds, now, until, narrow=narrow)
        options = self._options
        unions = expressions(pods, self._names, wanted, self._labels, options.step, options.longest)
        return await self._both([self._evaluated(text, pods, now - seconds, now) for text in unions], until)

    async def _both(self, queries: list[Work], until: float) -> Brought:
        brought = Brought()
        for outcome in await asyncio.gather(*(self.run(query, until) for query in queries)):
            if isinstance(outcome, SourceError):
                brought.problems.append(outcome)
                continue
            found, told = outcome
            brought.found.extend(found.items())
            brought.bytes += told.bytes
            brought.date = told.date
            if told.partial:
                brought.problems.append(self.partial(told.partial))
        return brought

    def _raw(self, selector: str, pods: Group, now: float) -> Work:
        def work() -> tuple[Found, Told]:
            sorter = Sorter(pods, self._labels, self._wanted)
            told = self.api.samples(selector, now, sorter.take)
            return sorter.pages(), told

        return work

    def _evaluated(self, text: str, pods: Group, since: float, until: float) -> Work:
        step = self._options.step
        start, end = on_grid(since, until, step)

        def work() -> tuple[Found, Told]:
            sorter = Sorter(pods, self._labels, self._wanted)
            told = self.api.evaluated(text, start, end, step, lambda found: sorter.take(renamed(found)))
            return sorter.pages(), told

        return work

    async def _look_up_names(self, now: float, until: float) -> SourceError | None:
        async with self._looking:
            if now - self._names_at < self._names_pause:
                return None
            found = await self.run(lambda: self.api.names(now - NAMES_SPAN, now), until)
            if isinstance(found, SourceError):
                self._names_at = self._names_at if self._by_name else now  # one that never tells costs one try a minute
                self._names_pause = NAMES_EVERY
                return None if self._names else found
            news = (found - self._names) & {UP, *self._options.wanted.all}
            self._names_pause = NAMES_SOON if news else min(2 * self._names_pause, NAMES_EVERY)
            self._names, self._names_at = found, now
            return None

    def partial(self, reasons: tuple[str, ...]) -> PartialResponse:
        """An answer that is not all."""
        return partial(reasons, self.api.where)
