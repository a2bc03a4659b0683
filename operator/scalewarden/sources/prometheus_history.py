"""A service's last day out of Prometheus, by range queries: what a baseline is learned from at first sight.

For one service 8 queries, one after the other: running, waiting, KV usage, preemptions, tokens/s, mean ITL and the two
mean sizes of a request; one more for each latency with an objective (11 at most), and up to 3 more where the engine
may write the names of another. Where Prometheus keeps no raw series of the service (as where it keeps recorded ones
alone) that is found out by the first of them, one query for each name that the engine goes by, at most 4.

A pod scraped by two jobs, or by a pair of Prometheus servers, is read from one target at each instant, never added up;
a pod of one name in two clusters is left out.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from scalewarden.model.signal import Point, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.engines import SERVED_BY, TABLES
from scalewarden.signals.engines.table import EngineTable
from scalewarden.signals.promql import Spans, Writer
from scalewarden.sources.past import Past
from scalewarden.sources.prometheus_api import PrometheusApi
from scalewarden.sources.prometheus_errors import malformed, partial
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.prometheus_query import quoted

SPAN = 86_400.0
"""Seconds of history: calm and ITL are remembered by the day, and no service is the same at noon and at night."""
STEP = 60.0
"""Seconds between two points: `learn` looks at 120 s, and needs more than one point in each look."""
WITHIN = "15s"
"""Between two looks within a step, for the least and the largest of it: the usual scrape interval."""
TOLD = (
    SignalName.RUNNING,
    SignalName.WAITING,
    SignalName.KV_USAGE,
    SignalName.PREEMPTIONS,
    SignalName.GEN_TPS,
    SignalName.ITL_MEAN,
    SignalName.INPUT_TOKENS,
    SignalName.OUTPUT_TOKENS,
)
_PLACES = ("cluster", "location", "project_id")
_TARGET = ("job", "instance", "prometheus", "prometheus_replica", "replica")
_AROUND = {SignalName.WAITING: "min_over_time", SignalName.KV_USAGE: "max_over_time"}

Target = tuple[str, ...]
"""The pod, its place, and who scraped it where."""
Values = Mapping[Target, Mapping[float, float]]
Pods = Mapping[str, Mapping[SignalName, Sequence[Point]]]


class PrometheusHistory:
    """Reads the past of one service at a time, in a thread. Raises BadInput for a file that cannot be used."""

    def __init__(self, options: PrometheusOptions) -> None:
        self._options = options
        self._api = PrometheusApi(options)

    def close(self) -> None:
        """Close connections; a query under way is left to its deadline."""
        self._api.close()

    async def __call__(self, past: Past, now: float, span: float = SPAN, step: float = STEP) -> Pods:
        """The service's pods with their signals up to `now` (unix seconds), as `learn_history` takes them.

        Empty where the engine is not known or Prometheus has none of its series. Raises SourceError.
        """
        end = now // step * step
        for table in _tables(past.engine):
            running = await self._values(table, SignalName.RUNNING, past, (end - span, end, step))
            if not running:
                continue
            found = {SignalName.RUNNING: running}
            for name in (*TOLD[1:], *sorted(past.latencies)):
                found[name] = await self._values(table, name, past, (end - span, end, step))
            return _joined(found, past)
        return {}

    async def _values(
        self, table: EngineTable, name: SignalName, past: Past, when: tuple[float, float, float]
    ) -> Values:
        text = expression(table, name, past, self._options, when[2])
        return await asyncio.to_thread(self._read, text, when) if text else {}

    def _read(self, text: str, when: tuple[float, float, float]) -> Values:
        found: dict[Target, dict[float, float]] = defaultdict(dict)
        for answer in self._api.range(text, *when):
            if answer.partial:  # a store that is away would look like pods that were not there
                raise partial(answer.partial, self._api.where)
            try:
                for series in answer.result:
                    metric = series["metric"]
                    target = tuple(str(metric.get(one, "")) for one in (self._options.pod_label, *_PLACES, *_TARGET))
                    found[target].update((float(at), float(value)) for at, value in series.get("values", ()))
            except (LookupError, TypeError, ValueError, AttributeError):
                raise malformed(self._api.where) from None
        return found


def expression(table: EngineTable, name: SignalName, past: Past, options: PrometheusOptions, step: float) -> str:
    """One signal of each target at each step; empty where the engine does not tell it."""
    row = table.row(name)
    # Tokens that are only counted when a request ends say nothing of a minute.
    spellings = [one for one in row.spellings if not (name is SignalName.GEN_TPS and one.late)] if row else []
    if row is None or not spellings:
        return ""
    text = _writer(table, name, past, options, step).signal(row, spellings)
    around = _AROUND.get(name)
    return f"{around}(({text})[{step:g}s:{WITHIN}])" if around and text else text


def _writer(table: EngineTable, name: SignalName, past: Past, options: PrometheusOptions, step: float) -> Writer:
    spans, each = Spans.of(Thresholds()), f"{step:g}s"
    if name is SignalName.PREEMPTIONS:
        spans = Spans(spans.rate, spans.observed, each, spans.observations)
    elif name is SignalName.ITL_MEAN:  # stands beside the batch of that instant
        spans = Spans(spans.rate, each, spans.window, spans.observations)
    fixed = "".join(f", {label}={quoted(value)}" for label, value in options.matchers.items())
    only = f"{options.namespace_label}={quoted(past.namespace)}, {options.pod_label}=~{past.pods}{fixed}"
    labels = ", ".join(dict.fromkeys((options.namespace_label, options.pod_label, *_PLACES, *_TARGET)))
    return Writer(table, spans, labels, only)


def _tables(engine: Engine) -> Iterator[EngineTable]:
    """The engine's own table, and those whose names it may write."""
    for one in (engine, *SERVED_BY.get(engine, ())):
        if one in TABLES and TABLES[one].rows:
            yield TABLES[one]


def _joined(found: Mapping[SignalName, Values], past: Past) -> Pods:
    """By pod, every signal of an instant from one target."""
    pods: dict[str, dict[SignalName, Sequence[Point]]] = {}
    for pod, chosen in _chosen(found[SignalName.RUNNING]).items():
        instants = sorted(at for at in chosen if at >= past.born.get(pod, 0.0))
        pods[pod] = {
            name: [Point(at, told[at]) for at in instants if at in (told := values.get(chosen[at], {}))]
            for name, values in found.items()
        }
    return {pod: series for pod, series in pods.items() if series[SignalName.RUNNING]}


def _chosen(running: Values) -> dict[str, dict[float, Target]]:
    """For each pod that is in one place: at each instant that of its targets which tells most."""
    places: dict[str, set[Target]] = defaultdict(set)
    for target in running:
        places[target[0]].add(target[1 : 1 + len(_PLACES)])
    chosen: dict[str, dict[float, Target]] = defaultdict(dict)
    for target in sorted(running, key=lambda one: (len(running[one]), one)):
        if len(places[target[0]]) == 1:
            chosen[target[0]] |= dict.fromkeys(running[target], target)
    return chosen
