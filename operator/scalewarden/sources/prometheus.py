"""Read the pods' series out of Prometheus: no connection to pods needed, and ten minutes of history at start.

Queries in a collection, whatever the number of pods and InferenceDeployments:

    2   what is new about all pods known before (plus `overlap` seconds, for samples that arrive late)
    2   the whole window of pods not seen before, a batch at a time; the others wait with their newest samples
    1   the union of all custom PromQL, where there is any, and at most 4 trials of expressions not tried before
    1   the CPU rows of all pods, which are scraped at the kubelets
    1   the names that the server has, once a minute, sooner while new ones turn up: the others are not asked for

and beside it, for at most one service a round and once for each service without a baseline, its last day in 8 to 11
range queries, one after the other (prometheus_history.py).

Where an answer would be too large for the server or for us, what is new is asked in two, four or eight parts: at most
16 queries then, 30 in the collection in which this is found out. The union of custom PromQL likewise: at most 8. A
server that takes no regular expression for names is asked name by name, in as many queries.

Raw samples are fetched, buckets too: they are exact across counter resets and give the same signals as a direct scrape.
100 vLLM pods scraped every 15 s: 19 MB of JSON for their history, then 5 MB and about 0.3 s of one core for each
collection. Recorded series cost far less; `PrometheusOptions.wanted` names what is asked for.

A pod scraped by two jobs, or by a pair of Prometheus servers, is read from one of them, never added up; pods of one
name in two clusters are told apart by their address or not read at all.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scalewarden.errors import SourceError, SourceUnavailable
from scalewarden.model.signal import Absent
from scalewarden.sources.base import Collected, CustomQuery, PodEndpoint, PodKey, Series, absent_of
from scalewarden.sources.prometheus_api import PrometheusOptions
from scalewarden.sources.prometheus_asking import Asking, Brought
from scalewarden.sources.prometheus_cpu import CpuRows
from scalewarden.sources.prometheus_custom import CustomQueries, CustomValues
from scalewarden.sources.prometheus_errors import Busy
from scalewarden.sources.prometheus_groups import Batch, Group, Parts, in_parts
from scalewarden.sources.prometheus_joining import joined
from scalewarden.sources.prometheus_targets import Seen, Targets

SKEW = 30.0
"""Seconds between the server's clock and ours that are worth a word."""


@dataclass(slots=True)
class _Met:
    """What one collection met: by pod, and with the source as a whole. skewed: the clocks are apart."""

    pods: dict[PodKey, SourceError] = field(default_factory=dict)
    problem: SourceError | None = None
    skewed: bool = False

    def add(self, group: Group, brought: Brought, now: float) -> None:
        self.skewed |= brought.date is not None and abs(brought.date - now) > SKEW
        for problem in brought.problems[:1]:
            self.pods.update(dict.fromkeys(group, problem))
            self.problem = self.problem or problem


class PrometheusSource:
    """A MetricsSource over Prometheus' HTTP API. bytes: size of the last collection's answers about pods."""

    def __init__(self, options: PrometheusOptions) -> None:
        self._options = options
        self._asking = Asking(options)
        self._custom = CustomQueries(options, self._asking)
        self._cpu = CpuRows(options, self._asking)
        self._rows: Mapping[tuple[str, str], Series] = {}
        self._targets = Targets(options.bounds)
        self._asked: dict[PodKey, float] = {}
        self._parts = Parts()
        self._batch = Batch(options.history_batch, options.history_bytes)
        self._waiting: Group = frozenset()
        self.bytes = 0
        self._busy: Busy | None = None
        self._busy_until = 0.0

    async def collect(
        self, endpoints: Sequence[PodEndpoint], now: float, custom: Sequence[CustomQuery] = ()
    ) -> Collected:
        """Ask for what is new about the engines among `endpoints`, and for `custom`; see MetricsSource."""
        engines = frozenset(endpoint.key for endpoint in endpoints if not endpoint.exporter)
        self._asking.also(frozenset(name for endpoint in endpoints for name in endpoint.also))
        self._asked = {key: at for key, at in self._asked.items() if key in engines}
        if self._busy is not None and now < self._busy_until:
            met = _Met(dict.fromkeys(engines, self._busy), self._busy)
            values = self._custom.standing(custom, now, self._busy)
        else:
            met = await self._refresh(engines, now)
            values = await self._custom.read(custom, now, self._deadline())
            self._remember_busy(met.problem or values.problem, now)
            if self._busy is None:
                self._rows = await self._cpu.read(in_parts(engines, self._parts.count), now, self._deadline())
        self._targets.forget(engines, now)
        return self._collected(endpoints, met, values, now)

    async def close(self) -> None:
        """Close connections and threads; queries under way are left to their deadline."""
        self._asking.close()

    @property
    def waiting(self) -> bool:
        """True while there are pods whose whole window was not read yet."""
        return bool(self._waiting)

    def _deadline(self) -> float:
        """By the loop's clock: two answers one after the other may each take as long as one may."""
        return asyncio.get_running_loop().time() + 2 * self._options.deadline + 1

    def _remember_busy(self, problem: SourceError | None, now: float) -> None:
        self._busy = problem if isinstance(problem, Busy) else None
        self._busy_until = now + self._busy.pause if self._busy else 0.0

    async def _refresh(self, pods: Group, now: float) -> _Met:
        """Ask about all pods."""
        span, until = self._options.bounds.span, self._deadline()
        new = frozenset(sorted(pods - self._asked.keys())[: self._batch.size])
        recent = min(now - min(self._asked.values(), default=now) + self._options.overlap, span)
        rounds = await asyncio.gather(
            self._recent(pods - new, recent, now, until), self._history(new, span, now, until)
        )
        met = _Met()
        for group, brought in (one for found in rounds for one in found):
            met.add(group, brought, now)
            await asyncio.to_thread(self._targets.take, brought.found)
            if not brought.problems:  # after a partial answer the same stretch is asked again
                self._asked |= {key: now for key in group if key in new or recent >= span or key in self._asked}
        self._waiting = pods - self._asked.keys()
        self.bytes = sum(brought.bytes for found in rounds for _, brought in found)
        return met

    async def _history(self, pods: Group, span: float, now: float, until: float) -> list[tuple[Group, Brought]]:
        """The whole window of a batch, which is made to fit for the next one."""
        if not pods:
            return []
        brought = await self._asking.ask(pods, span, now, until)
        if not brought.too_much:
            self._batch.took(len(pods), brought.bytes)
            return [(pods, brought)]
        self._batch.too_much()
        if len(pods) == 1:  # its history cannot be had: go on with what is new
            self._asked |= dict.fromkeys(pods, now - self._options.overlap)
        return [(pods, brought)]

    async def _recent(self, pods: Group, seconds: float, now: float, until: float) -> list[tuple[Group, Brought]]:
        """What is new, in as many parts as it takes."""
        rounds: list[tuple[Group, Brought]] = []
        pending = in_parts(pods, self._parts.relaxed(now))
        while pending:
            narrow = self._parts.count > 1
            asked = [self._asking.ask(part, seconds, now, until, narrow=narrow) for part in pending]
            done = list(zip(pending, await asyncio.gather(*asked), strict=True))
            again = [part for part, brought in done if brought.too_much and len(part) > 1]
            if not again or not self._parts.doubled(now):
                return [*rounds, *done]
            rounds += [(part, brought) for part, brought in done if part not in again]
            pending = [half for part in again for half in in_parts(part, 2)]
        return rounds

    def _collected(self, endpoints: Sequence[PodEndpoint], met: _Met, values: CustomValues, now: float) -> Collected:
        best = self._targets.best(endpoints, now)
        scrapes: dict[tuple[str, str], Series] = {key: seen.window.scrapes for key, seen in best.items()}
        problems: dict[tuple[str, str], SourceError] = {}
        for endpoint in endpoints:
            key = endpoint.key
            scrapes |= _since_made(endpoint, scrapes.get(key))
            problem = met.pods.get(key) if not endpoint.exporter else met.problem
            cause = _cause(endpoint, best.get(key), problem, now, skewed=met.skewed)
            if key in values.scrapes:
                scrapes[key] = joined(scrapes.get(key, ()), values.scrapes[key], self._options.step)
                cause = problem
            if cause:
                problems[key] = cause
                scrapes[key] = scrapes.get(key) or absent_of(cause)
        listed = frozenset(endpoint.key for endpoint in endpoints if endpoint.exporter)
        exporters = self._targets.exporters(best) | listed
        problem = met.problem or values.problem
        return Collected(now, scrapes, problems, problem, exporters, self._rows, values.refused)


def _since_made(endpoint: PodEndpoint, series: Series | None) -> dict[tuple[str, str], Series]:
    """Without what was scraped of an earlier pod of the same name, as a StatefulSet's are."""
    made = endpoint.created_at
    if made is None or not series or isinstance(series, Absent) or series[0].at >= made:
        return {}
    return {endpoint.key: tuple(scrape for scrape in series if scrape.at >= made)}


def _cause(
    endpoint: PodEndpoint, seen: Seen | None, problem: SourceError | None, now: float, *, skewed: bool
) -> SourceError | None:
    """What is wrong with one endpoint as Prometheus sees it, None when all is well; never None without scrapes.

    problem: what went wrong when this endpoint was asked about.
    """
    if isinstance(problem, SourceUnavailable):
        return problem
    if seen is None:
        return problem or _unknown(endpoint)
    if seen.ambiguous:
        hint = "name this cluster, such as --prometheus-match=cluster=NAME"
        return _of_pod(endpoint, "has pods of this name in more than one cluster", hint)
    if not seen.up:
        return _of_pod(endpoint, "cannot scrape the pod", "its Targets page shows the error")
    if not seen.fresh(now):
        hint = "its clock and the operator's differ: synchronise them" if skewed else "its Targets page shows why"
        return problem or _of_pod(endpoint, "has no new samples of the pod", hint)
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
