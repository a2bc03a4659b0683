"""Scrape the pods' own metrics pages: the source that needs nothing installed.

Each collection visits every endpoint once, at most `concurrency` at a time, each within its deadline, spread over up
to `spread` seconds so that a large fleet is not asked all at once (every pod keeps its own place in the spread, so
its samples stay evenly spaced). What was read goes into a bounded window for each pod (`sources/window.py`).

Pods that keep us waiting do not hold up the others: after `patience` seconds a visit waits aside (`sources/lanes.py`),
and a pod that did not answer within its deadline is left alone for twice that, then four times, and so on up to
`longest_rest`; an answer ends that. Every connection is closed after its page: engines close idle ones within seconds
(uvicorn: 5 s), so keeping them would save nothing and cost a descriptor a pod.

Memory: at most `concurrency` pages of up to 8 MiB and `room` pages of up to 1 MiB under way, and a window of at most
8 MiB for each pod, which is 50 kB for vLLM scraped every 15 s; a page may carry at most `max_series` series that are
read. Connections: at most `concurrency + room`. Addresses that no honest pod has are never asked
(`sources/addresses.py`).
"""

import asyncio
import ssl
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import aiohttp

from scalewarden.errors import BadExposition, SourceError, SourceUnavailable
from scalewarden.model.signal import Absent
from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import Collected, CustomQuery, PodEndpoint, PodKey, absent_of
from scalewarden.sources.lanes import Lanes, Turn
from scalewarden.sources.page import PageLimits, fetch_page, keeps_waiting
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
    patience: seconds until a visit without its page waits aside, where `room` visits can; longest_rest: the most
    seconds that a pod is left alone after it kept us waiting, so that at 15 s between scrapes each is tried at least
    once a minute.
    """

    concurrency: int = 64
    room: int = 256
    patience: float = 0.5
    longest_rest: float = 45.0
    limits: PageLimits = PageLimits()
    max_series: int = 5000
    spread: float = 1.0
    bounds: Bounds = Bounds()
    access: Access = Access()
    server_name: str | None = None


_LARGE = 256 * 1024
"""Characters of a page that is read in a thread, so that the loop goes on; a smaller one takes a few milliseconds."""


@dataclass(slots=True)
class _Pod:
    """What is kept of one pod between collections. identity tells it from an earlier one of its name; kept_waiting:
    how many visits in a row came to nothing at the deadline; rests_until: unix seconds."""

    identity: str
    window: Window
    kept_waiting: int = 0
    rests_until: float = 0.0
    problem: SourceError | None = None

    def rests(self, now: float, longest: float) -> bool:
        """True where it is to be left alone; not so after the clock was set back."""
        return 0 < self.rests_until - now <= longest

    def failed(self, problem: SourceError, at: float, limits: PageLimits, longest: float) -> None:
        """A visit that began at `at` came to nothing."""
        self.problem = problem
        self.kept_waiting = self.kept_waiting + 1 if keeps_waiting(problem) else 0
        rest = min(longest, limits.deadline * 2.0 ** min(self.kept_waiting, 20)) if self.kept_waiting else 0.0
        self.rests_until = at + rest

    def answered(self, scrape: Scrape) -> None:
        """A visit brought a page."""
        self.window.add(scrape)
        self.problem, self.kept_waiting, self.rests_until = None, 0, 0.0


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
        self._reach = reach
        self._monotonic = monotonic
        self._sleep = sleep
        self._tls = FreshContext(options.access)
        self._lanes = Lanes(options.concurrency, options.room, options.patience)
        self._pods: dict[PodKey, _Pod] = {}
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
        self._pods = {key: self._pod(endpoint) for key, endpoint in wanted.items()}
        problems = await self._visit_all(wanted, now, clock)
        for pod in self._pods.values():
            pod.window.trim(now)
        return Collected(
            at=clock(),
            scrapes={key: pod.window.scrapes or absent_of(problems[key]) for key, pod in self._pods.items()},
            problems=problems,
            exporters=frozenset(key for key, endpoint in wanted.items() if endpoint.exporter),
            refused={query.key: NO_PROMETHEUS for query in custom},
        )

    def _pod(self, endpoint: PodEndpoint) -> _Pod:
        """What is known of it; nothing of an earlier pod of the same name, as a StatefulSet makes them."""
        identity = endpoint.uid or endpoint.ip
        known = self._pods.get(endpoint.key)
        return known if known and known.identity == identity else _Pod(identity, Window(self._options.bounds))

    async def close(self) -> None:
        """Close the connections; a later collect() opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _visit_all(
        self, endpoints: Mapping[PodKey, PodEndpoint], now: float, clock: Clock
    ) -> dict[tuple[str, str], SourceError]:
        try:
            secret = self._options.access.headers()
        except SourceUnavailable as unreadable:
            return dict.fromkeys(endpoints, unreadable)
        spread = self._options.spread * min(1.0, len(endpoints) / self._options.concurrency)
        awake = {
            key: endpoint
            for key, endpoint in endpoints.items()
            if not self._pods[key].rests(now, self._options.longest_rest)
        }
        await asyncio.gather(
            *(self._visit(endpoint, secret, spread * _place(key), clock) for key, endpoint in awake.items())
        )
        return {key: pod.problem for key, pod in self._pods.items() if pod.problem is not None}

    async def _visit(self, endpoint: PodEndpoint, secret: Mapping[str, str], delay: float, clock: Clock) -> None:
        """Read one page into its pod's window, or note what went wrong."""
        pod = self._pods[endpoint.key]
        await self._sleep(delay)
        async with self._lanes.turn(slow=pod.kept_waiting > 0) as turn:
            at = clock()
            try:
                samples = await self._read(endpoint, secret if endpoint.scheme == "https" else {}, turn)
            except SourceError as problem:
                pod.failed(problem, at, self._options.limits, self._options.longest_rest)
                return
        pod.answered(Scrape(at, samples))
        pod.problem = None if samples else _nothing_to_read(endpoint)

    async def _read(self, endpoint: PodEndpoint, secret: Mapping[str, str], turn: Turn) -> list[Sample]:
        page = await (self._reach(endpoint, secret) if self._reach else self._by_address(endpoint, secret, turn))
        names = WANTED | endpoint.also if endpoint.also else WANTED
        read = partial(parse, page, names, endpoint.url, unique=False)
        try:
            samples = read() if len(page) <= _LARGE else await asyncio.to_thread(read)
        except BadExposition as bad:
            raise SourceUnavailable(
                "the pod serves a page that is not Prometheus text", where=str(bad.where), hint=bad.hint
            ) from bad
        if len(samples) > self._options.max_series:
            most = f"at most {self._options.max_series} are read"
            raise SourceUnavailable("the pod serves too many series", where=endpoint.url, hint=most)
        return samples

    async def _by_address(self, endpoint: PodEndpoint, secret: Mapping[str, str], turn: Turn) -> str:
        options = self._options
        return await fetch_page(self._open_session(), endpoint, options.limits, secret, options.server_name, turn)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._trusted = self._tls.current()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True, ssl=self._trusted),  # the lanes are the limit
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
