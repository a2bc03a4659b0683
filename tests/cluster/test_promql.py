"""PromQL says what the derivation says: a real Prometheus scrapes every engine's page and evaluates every rule."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals import promql
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.engines import TABLES, recorded
from scalewarden.signals.names import BESIDE_RECORDED, RECORDED
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import PodEndpoint
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_options import RECORDED_ONLY, PrometheusOptions
from tests.cluster.engine_prometheus import HISTORY, NAMESPACE, Api, Pages, scraping
from tests.contract.engines.pages import ALL, EVERY, Fixture
from tools.docs.recording_rules import FOLDER, render
from tools.localcluster import BinaryMissingError
from tools.localcluster.binaries import find
from tools.localcluster.errors import LocalClusterError
from tools.localcluster.waiting import wait_for

pytestmark = pytest.mark.cluster
SPANS = promql.Spans.of(Thresholds())
STEP = 15.0
BORN = {("sglang_0_5_8_dp2", SignalName.PREEMPTIONS), ("ray_serve_two_replicas", SignalName.PREEMPTIONS)}
"""A counter that appears with its first event: PromQL has no sample before it, and so no increase."""
WITHOUT_TOTAL = "vllm_0_6_v0_no_total"
"""Its counters have names that rules do not ask for."""
KNOWN = [one for one in ALL if one.name != WITHOUT_TOTAL]
EXACT, NEAR = 1e-6, 0.02
"""Relative tolerances: at the instant of the last sample, and a few seconds later, where `rate` extrapolates."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Pages]]:
    try:
        binary = find(["prometheus"])["prometheus"]
    except BinaryMissingError as error:
        pytest.skip(f"NO PROMETHEUS, PromQL not run. {error}")
    rules = render()[FOLDER / "recording-rules.yaml"].replace("interval: 15s", "interval: 2s")
    with scraping(Path(binary), tmp_path_factory.mktemp("prometheus"), ALL, rules) as started:
        yield started


def wanted(fixture: Fixture, name: SignalName) -> float | None:
    """The known answer over `HISTORY`; None where the signal is absent."""
    expected = fixture.signals[name]
    if isinstance(expected, dict):
        return None
    return expected * HISTORY / EVERY if name is SignalName.PREEMPTIONS else expected


@pytest.mark.parametrize("engine", [engine for engine, table in TABLES.items() if table.rows], ids=str)
def test_every_expression_gives_the_known_answer(running: tuple[Api, Pages], engine: Engine):
    api, pages = running
    writer = promql.Writer(TABLES[engine], SPANS)
    wrong = {}
    for row in TABLES[engine].rows:
        expression = writer.signal(row)
        if not expression:
            assert not recorded.recordable(TABLES[engine], row)
            continue
        found = {one["metric"]["pod"]: float(one["value"][1]) for one in api.instant(expression, pages.start)}
        for fixture in (one for one in KNOWN if one.engine == engine and (one.name, row.signal) not in BORN):
            answer = wanted(fixture, row.signal)
            if found.get(fixture.name) != (None if answer is None else pytest.approx(answer, rel=EXACT)):
                wrong[fixture.name, row.signal] = (found.get(fixture.name), answer)
    assert not wrong


def test_the_loaded_rules_give_the_same(running: tuple[Api, Pages]):
    api, _ = running
    ends = {one.name for one in KNOWN}

    def recorded_pods() -> set[str]:
        return {one["metric"]["pod"] for one in api.instant("scalewarden:running or scalewarden:kv_usage")}

    wait_for(lambda: recorded_pods() >= ends - {"trtllm_serve_no_gauges"}, "the rules to be evaluated", 60)
    assert api.rule_errors() == {}
    with suppress(LocalClusterError):  # the rules of a group are evaluated one after the other
        wait_for(lambda: not _unlike(_told(api)), "every rule to be evaluated", 30)
    found = _told(api)
    assert {name for _, name in found} <= RECORDED
    assert not _unlike(found)


Told = dict[tuple[str, str], tuple[str, float]]


def _told(api: Api) -> Told:
    """Engine and value that the rules gave, by pod and name."""
    return {
        (one["metric"]["pod"], one["metric"]["__name__"]): (one["metric"]["engine"], float(one["value"][1]))
        for one in api.instant('{__name__=~"scalewarden:.+"}')
    }


def _unlike(found: Told) -> dict[tuple[str, SignalName], tuple[object, object]]:
    """What differs from the known answers."""
    wrong: dict[tuple[str, SignalName], tuple[object, object]] = {}
    for fixture in KNOWN:
        table = TABLES[Engine(fixture.engine)]
        for row in (row for row in table.rows if recorded.recordable(table, row)):
            names = dict.fromkeys(recorded.name_of(row, series) for series in row.spellings)
            first = next((found[fixture.name, name] for name in names if (fixture.name, name) in found), None)
            own = first if first and first[0] == fixture.engine else None
            answer = wanted(fixture, row.signal)
            if row.signal is SignalName.PREEMPTIONS:
                continue  # a counter here: its increase is compared below
            if (own and own[1]) != (None if answer is None else pytest.approx(answer, rel=NEAR)):
                wrong[fixture.name, row.signal] = (first, answer)
    return wrong


def test_recorded_series_are_read_like_the_pages(running: tuple[Api, Pages]):
    """Over ten minutes of what the rules say, the reader derives what it derives from the pages themselves."""
    api, pages = running
    history = _recorded(api, pages)
    wrong = {}
    for fixture in KNOWN:
        direct = replica_signals(pages.scrapes(fixture.name), Engine.AUTO, pages.start, Thresholds(), HISTORY)
        by_rule = replica_signals(history[fixture.name], Engine.AUTO, pages.start, Thresholds(), HISTORY)
        for name, signal in direct.items():
            again = by_rule[name]
            if (fixture.name, name) in BORN:
                continue
            same = (
                isinstance(again, Reading) and again.value == pytest.approx(signal.value, rel=NEAR)
                if isinstance(signal, Reading)
                else isinstance(again, Absent)
                and (again.for_good is signal.for_good or signal.cause.startswith("not on"))
            )
            if not same:
                wrong[fixture.name, name] = (signal, again)
    assert not wrong


async def test_the_source_reads_what_the_loaded_rules_made(running: tuple[Api, Pages]):
    """As with --prometheus-recorded: a fraction of the series, the same levels, and the KV capacity beside them."""
    api, _ = running
    names = {one.name: one for one in KNOWN if one.name != "trtllm_serve_no_gauges"}
    endpoints = [PodEndpoint(NAMESPACE, name, "", "127.0.0.1", 1) for name in names]
    source = PrometheusSource(PrometheusOptions(api.url, wanted=RECORDED_ONLY))
    now = time.time()
    collected = await source.collect(endpoints, now)
    await source.close()
    wrong = {}
    for name, fixture in names.items():
        series = collected.scrapes[NAMESPACE, name]
        found = replica_signals(series, Engine.AUTO, now, Thresholds(), HISTORY)
        for signal in (SignalName.KV_USAGE, SignalName.RUNNING, SignalName.WAITING, SignalName.KV_TOKENS):
            answer, told = wanted(fixture, signal), found[signal]
            if (told.value if isinstance(told, Reading) else None) != (answer and pytest.approx(answer, rel=NEAR)):
                wrong[name, signal] = (told, answer)
    assert not wrong


def _recorded(api: Api, pages: Pages) -> dict[str, list[Scrape]]:
    """What the rules say of every pod at each step, with the engine's own series that no rule can record."""
    samples: dict[str, dict[float, list[Sample]]] = {name: {} for name in pages.fixtures}
    tables = [table for table in TABLES.values() if table.rows]
    for name, expression in promql.rules(tables, SPANS):
        for series in api.range(expression, pages.start - HISTORY, pages.start, STEP):
            labels = {"engine": series["metric"]["engine"]}
            for at, value in series["values"]:
                samples[series["metric"]["pod"]].setdefault(float(at), []).append(Sample(name, labels, float(value)))
    return {
        pod: [Scrape(at, (*found, *_beside(pages.fixtures[pod]))) for at, found in sorted(by_time.items())]
        for pod, by_time in samples.items()
    }


def _beside(fixture: Fixture) -> list[Sample]:
    return [sample for sample in fixture.scrape(0.0).samples if sample.name in BESIDE_RECORDED]
