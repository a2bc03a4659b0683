"""Scrape the pods' own metrics pages: the source that needs nothing installed.

Each collection visits every endpoint once, at most `concurrency` at a time, each within its deadline, spread over up
to `spread` seconds so that a large fleet is not asked all at once (every pod keeps its own place in the spread, so
its samples stay evenly spaced). What was read goes into a bounded window for each pod (`sources/window.py`).
Memory: one page of at most 8 MiB for each visit under way, and one window of at most 8 MiB for each pod;
a page may carry at most `max_series` series that are read.
"""

import asyncio
import ssl
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from scalewarden.errors import BadExposition, SourceError, SourceUnavailable
from scalewarden.model.signal import Absent
from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import Collected, CustomQuery, PodEndpoint, PodKey, absent_of
from scalewarden.sources.page import PageLimits, fetch_page
from scalewarden.sources.tls import Access, FreshContext
from scalewarden.sources.window import Bounds, Window

Clock = Callable[[], float]
NO_PROMETHEUS = Absent("promql needs a Prometheus: give the operator one, or name a series instead")
Reach = Callable[[PodEndpoint, Mapping[str, str]], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class ScrapeOptions:
    """How pods are asked.

    server_name: the name that https pods' certificates carry (they are dialled by IP). access: credentials; a token
    or password is sent over https only. spread: seconds over which `concurrency` endpoints and more are spread.
    """

    concurrency: int = 64
    limits: PageLimits = PageLimits()
    max_series: int = 5000
    spread: float = 1.0
    bounds: Bounds = Bounds()
    access: Access = Access()
    server_name: str | None = None


class DirectScrape:
    """A MetricsSource over the pods' own pages. `monotonic` and `sleep` are injected by tests.

    reach gives an endpoint's page by another way than its own address. Raises SourceUnavailable where it cannot.
    """

    def __init__(
        self,
        options: ScrapeOptions = ScrapeOptions(),
        *,
        reach: Reach | None = None,
        monotonic: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._options = options
        self._reach = reach or self._by_address
        self._monotonic = monotonic
        self._sleep = sleep
        self._tls = FreshContext(options.access)
        self._slots = asyncio.Semaphore(options.concurrency)
        self._windows: dict[PodKey, Window] = {}
        self._session: aiohttp.ClientSession | None = None
        self._trusted: ssl.SSLContext | None = None

    async def collect(
        self, endpoints: Sequence[PodEndpoint], now: float, custom: Sequence[CustomQuery] = ()
    ) -> Collected:
        """Visit every endpoint once; see MetricsSource. A scrape is stamped with the instant its visit began."""
        started = self._monotonic()

        def clock() -> float:
            return now + self._monotonic() - started

        if self._tls.current() is not self._trusted:
            await self.close()
        wanted = {endpoint.key: endpoint for endpoint in endpoints}
        self._windows = {key: self._windows.get(key) or Window(self._options.bounds) for key in wanted}
        problems = await self._visit_all(wanted, clock)
        for window in self._windows.values():
            window.trim(now)
        return Collected(
            at=clock(),
            scrapes={key: window.scrapes or absent_of(problems[key]) for key, window in self._windows.items()},
            problems=problems,
            exporters=frozenset(key for key, endpoint in wanted.items() if endpoint.exporter),
            refused={query.key: NO_PROMETHEUS for query in custom},
        )

    async def close(self) -> None:
        """Close the connections; a later collect() opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _visit_all(
        self, endpoints: Mapping[PodKey, PodEndpoint], clock: Clock
    ) -> dict[tuple[str, str], SourceError]:
        try:
            secret = self._options.access.headers()
        except SourceUnavailable as unreadable:
            return dict.fromkeys(endpoints, unreadable)
        spread = self._options.spread * min(1.0, len(endpoints) / self._options.concurrency)
        outcomes = await asyncio.gather(
            *(self._visit(endpoint, secret, spread * _place(key), clock) for key, endpoint in endpoints.items())
        )
        return {key: problem for key, problem in zip(endpoints, outcomes, strict=True) if problem is not None}

    async def _visit(
        self, endpoint: PodEndpoint, secret: Mapping[str, str], delay: float, clock: Clock
    ) -> SourceError | None:
        """Read one page into its window; what went wrong, or None."""
        await self._sleep(delay)
        async with self._slots:
            at = clock()
            try:
                samples = await self._read(endpoint, secret if endpoint.scheme == "https" else {})
            except SourceError as problem:
                return problem
        self._windows[endpoint.key].add(Scrape(at, tuple(samples)))
        return None if samples else _nothing_to_read(endpoint)

    async def _read(self, endpoint: PodEndpoint, secret: Mapping[str, str]) -> list[Sample]:
        page = await self._reach(endpoint, secret)
        try:
            samples = await asyncio.to_thread(parse, page, WANTED | endpoint.series, endpoint.url)
        except BadExposition as bad:
            raise SourceUnavailable(
                "the pod serves a page that is not Prometheus text", where=str(bad.where), hint=bad.hint
            ) from bad
        if len(samples) > self._options.max_series:
            raise SourceUnavailable(
                "the pod serves too many series",
                where=endpoint.url,
                hint=f"at most {self._options.max_series} are read",
            )
        return samples

    async def _by_address(self, endpoint: PodEndpoint, secret: Mapping[str, str]) -> str:
        return await fetch_page(self._open_session(), endpoint, self._options.limits, secret, self._options.server_name)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._trusted = self._tls.current()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._options.concurrency, ssl=self._trusted),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


def _place(key: PodKey) -> float:
    """A pod's own place in the spread, in [0, 1): the same in every collection and process."""
    return zlib.crc32(str(key).encode()) / 2**32


def _nothing_to_read(endpoint: PodEndpoint) -> SourceError:
    return SourceUnavailable(
        "the pod serves a metrics page without any series that is read",
        where=endpoint.url,
        hint="check that the engine's metrics are on, and metrics.port and metrics.path",
    )
