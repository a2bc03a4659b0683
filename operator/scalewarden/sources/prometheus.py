"""Read the pods' series out of Prometheus: no connection to pods needed, and ten minutes of history at start.

Queries: two for each collection, whatever the number of pods and InferenceDeployments, and two more in a collection
that fetches the whole window of pods it has not seen before (at most `history_batch` at a time; the others wait their
turn with their newest samples). After that only what is new since the last complete answer is asked for, plus
`overlap` seconds for samples that arrive late. Raw samples are fetched, buckets too: they are exact across counter
resets and give the same signals as a direct scrape. 100 vLLM pods scraped every 15 s: 19 MB of JSON for their history,
then 5 MB and about 0.3 s of one core for each collection.

A pod scraped by two jobs, or by a pair of Prometheus servers, is read from one of them, never added up.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from scalewarden.errors import PartialResponse, SourceError, SourceUnavailable
from scalewarden.sources.base import Collected, PodEndpoint, PodKey, Series, absent_of
from scalewarden.sources.prometheus_api import PrometheusApi, PrometheusOptions
from scalewarden.sources.prometheus_query import Labels, Page, Target, pages, selectors
from scalewarden.sources.prometheus_targets import Seen, Targets

Found = Mapping[Target, list[Page]]


@dataclass(slots=True)
class _Round:
    """What the two queries about one group of pods brought."""

    found: list[tuple[Target, list[Page]]] = field(default_factory=list)
    problems: list[SourceError] = field(default_factory=list)


class PrometheusSource:
    """A MetricsSource over Prometheus' HTTP API."""

    def __init__(self, options: PrometheusOptions) -> None:
        self._options = options
        self._api = PrometheusApi(options)
        self._labels = Labels(options.namespace_label, options.pod_label)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="prometheus")
        self._targets = Targets(options.bounds)
        self._asked: dict[PodKey, float] = {}

    async def collect(self, endpoints: Sequence[PodEndpoint], now: float) -> Collected:
        """Ask for what is new about the engines among `endpoints`; see MetricsSource."""
        engines = frozenset(endpoint.key for endpoint in endpoints if not endpoint.exporter)
        self._asked = {key: at for key, at in self._asked.items() if key in engines}
        problem = await self._refresh(engines, now)
        self._targets.forget(engines, now)
        return self._collected(endpoints, problem, now)

    async def close(self) -> None:
        """Close connections and threads; queries under way are left to their deadline."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._api.close()

    async def _refresh(self, pods: frozenset[PodKey], now: float) -> SourceError | None:
        """Ask about all pods; the first thing that went wrong."""
        groups = self._groups(pods, now)
        rounds = await asyncio.gather(*(self._ask(group, seconds, now) for group, seconds in groups))
        found = [one for brought in rounds for one in brought.found]
        await asyncio.get_running_loop().run_in_executor(self._pool, self._targets.take, found)
        for (group, seconds), brought in zip(groups, rounds, strict=True):
            if not brought.problems:  # after a partial answer the same stretch is asked again
                whole = seconds >= self._options.bounds.span
                self._asked |= {key: now for key in group if whole or key in self._asked}
        return next((problem for brought in rounds for problem in brought.problems), None)

    def _groups(self, pods: frozenset[PodKey], now: float) -> list[tuple[frozenset[PodKey], float]]:
        """(pods, seconds to ask for): pods whose history is due, and all others with what is new."""
        span = self._options.bounds.span
        new = frozenset(sorted(pods - self._asked.keys())[: self._options.history_batch])
        recent = min(now - min(self._asked.values(), default=now) + self._options.overlap, span)
        return [(group, seconds) for group, seconds in ((pods - new, recent), (new, span)) if group]

    async def _ask(self, pods: frozenset[PodKey], seconds: float, now: float) -> _Round:
        brought = _Round()
        queries = [self._query(selector, pods, now) for selector in selectors(pods, seconds, self._labels)]
        for outcome in await asyncio.gather(*queries):
            if isinstance(outcome, SourceError):
                brought.problems.append(outcome)
                continue
            found, warnings = outcome
            brought.found.extend(found.items())
            if warnings:
                brought.problems.append(_partial(warnings, self._api.where))
        return brought

    async def _query(
        self, selector: str, pods: frozenset[PodKey], now: float
    ) -> tuple[Found, tuple[str, ...]] | SourceError:
        """One selector's pages and warnings, from a thread of our own pool."""

        def work() -> tuple[Found, tuple[str, ...]]:
            answer = self._api.samples(selector, now)
            try:
                return pages(answer.result, pods, self._labels), answer.warnings
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise _malformed(self._api.where) from error

        try:
            async with asyncio.timeout(2 * self._options.deadline + 1):  # each thread takes at most two of the four
                return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except SourceError as problem:
            return problem
        except TimeoutError:
            return SourceUnavailable("Prometheus did not answer in time", where=self._api.where)

    def _collected(self, endpoints: Sequence[PodEndpoint], problem: SourceError | None, now: float) -> Collected:
        best = self._targets.best(endpoints, now)
        scrapes: dict[tuple[str, str], Series] = {key: seen.window.scrapes for key, seen in best.items()}
        problems: dict[tuple[str, str], SourceError] = {}
        for endpoint in endpoints:
            answered = self._asked.get(endpoint.key) == now
            cause = _cause(endpoint, best.get(endpoint.key), None if answered else problem, now)
            if cause:
                problems[endpoint.key] = cause
                scrapes[endpoint.key] = scrapes.get(endpoint.key) or absent_of(cause)
        listed = frozenset(endpoint.key for endpoint in endpoints if endpoint.exporter)
        return Collected(now, scrapes, problems, problem, self._targets.exporters(best) | listed)


def _cause(endpoint: PodEndpoint, seen: Seen | None, problem: SourceError | None, now: float) -> SourceError | None:
    """What is wrong with one endpoint as Prometheus sees it, None when all is well; never None without scrapes.

    problem: what went wrong when this endpoint was asked about.
    """
    if isinstance(problem, SourceUnavailable):
        return problem
    if seen is None:
        return problem or _unknown(endpoint)
    if not seen.up:
        return _of_pod(endpoint, "cannot scrape the pod", "its Targets page shows the error")
    if not seen.fresh(now):
        return problem or _of_pod(endpoint, "has no new samples of the pod", "its Targets page shows why")
    if not seen.window.scrapes[-1].samples:
        hint = "check that the engine's metrics are on, and the port and path of the scrape job"
        return _of_pod(endpoint, "scrapes the pod but finds no series that is read", hint)
    return None


def _unknown(endpoint: PodEndpoint) -> SourceError:
    if endpoint.exporter:
        hint = "check that the exporter maps GPUs to pods, and the labels namespace and pod of its scrape job"
        return _of_pod(endpoint, "has no GPU series of the judged pods from this exporter", hint)
    hint = "add a scrape job whose targets carry the labels namespace and pod, or set signals.source to Scrape"
    return _of_pod(endpoint, "has no series of the pod", hint)


def _of_pod(endpoint: PodEndpoint, cause: str, hint: str) -> SourceError:
    return SourceUnavailable(f"Prometheus {cause}", where=endpoint.url, hint=hint)


def _partial(warnings: Sequence[str], where: str) -> SourceError:
    hint = " ".join("; ".join(warnings).split())[:300]
    return PartialResponse("Prometheus says that its answer is partial", where=where, hint=hint)


def _malformed(where: str) -> SourceError:
    hint = "check that the URL is that of a Prometheus query API"
    return SourceUnavailable("Prometheus answers malformed series", where=where, hint=hint)
