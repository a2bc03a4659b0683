"""A service's past, asked of a server that answers range queries: how often, about whom, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from scalewarden.errors import PartialResponse, SourceUnavailable
from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines import TABLES
from scalewarden.sources.past import Past
from scalewarden.sources.prometheus_errors import Busy, QueryRefused
from scalewarden.sources.prometheus_history import Pods, PrometheusHistory, expression
from scalewarden.sources.prometheus_options import PrometheusOptions
from tests.unit.sources.loopback import http_server

NOW = 1_766_370_007.0
PAST = Past("serving", '"llama-[a-z]"', Engine.VLLM)
LATENCIES = frozenset({SignalName.TTFT_P95, SignalName.ITL_P95, SignalName.E2E_P99})
Values = Mapping[float, float]


@dataclass
class Server:
    """Answers every question with the same series, or those of one name; remembers what it was asked."""

    series: list[tuple[dict[str, str], Values]] = field(default_factory=list)
    of: Mapping[str, list[tuple[dict[str, str], Values]]] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    asked: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        assert request.path == "/api/v1/query_range"
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        if self.status != 200:
            error = {"status": "error", "errorType": "bad_data", "error": "no such function"}
            return web.json_response(error, status=self.status)
        found = next((some for name, some in self.of.items() if name in form["query"]), self.series)
        result = [
            {"metric": metric, "values": [[at, str(value)] for at, value in values.items()]} for metric, values in found
        ]
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": result}, **self.more})


def at(*values: float) -> dict[float, float]:
    """One value a minute, the last one at the last whole minute."""
    end = NOW // 60 * 60
    return {end - 60.0 * (len(values) - 1 - index): value for index, value in enumerate(values)}


def of(pod: str = "llama-a", **labels: str) -> dict[str, str]:
    return {"namespace": "serving", "pod": pod, "job": "pods", "instance": "10.0.0.1:8000", **labels}


async def asked(server: Server, past: Past = PAST, **options: Any) -> Pods:
    async with http_server(server) as port:
        history = PrometheusHistory(PrometheusOptions(f"http://127.0.0.1:{port}", **options))
        try:
            return await history(past, NOW)
        finally:
            history.close()


@pytest.mark.parametrize(("latencies", "queries"), [(frozenset(), 8), (LATENCIES, 11)])
async def test_the_number_of_queries_does_not_depend_on_pods(latencies: frozenset[SignalName], queries: int) -> None:
    server = Server([(of(f"llama-{letter}"), at(1, 2, 3)) for letter in "abcdef"])
    found = await asked(server, Past("serving", '"llama-[a-z]"', Engine.VLLM, {}, latencies))
    assert len(server.asked) == queries and len(found) == 6
    assert len(found["llama-a"]) == queries


async def test_a_day_on_whole_minutes_is_asked_for() -> None:
    server = Server([(of(), at(1))])
    await asked(server)
    end = NOW // 60 * 60
    assert {(form["start"], form["end"], form["step"]) for form in server.asked} == {
        (f"{end - 86_400:.3f}", f"{end:.3f}", "60")
    }


@pytest.mark.parametrize("table", [table for table in TABLES.values() if table.rows], ids=lambda one: str(one.engine))
def test_every_selector_names_the_pods_and_the_fixed_labels(table: Any) -> None:
    options = PrometheusOptions("http://x", matchers={"cluster": "a"}, pod_label="pod_name", namespace_label="ns")
    only = 'ns="serving", pod_name=~"llama-[a-z]", cluster="a"'
    for row in table.rows:
        text = expression(table, row.signal, PAST, options, 60.0)
        names = [name for name in table.names if f"{name}{{" in text]
        assert sum(text.count(f"{name}{{") for name in names) <= text.count(only)
        assert "namespace" not in text and " pod," not in text
        assert not any(f"{name}[" in text or f"{name})" in text for name in table.names), text


def test_tokens_that_are_counted_when_a_request_ends_are_not_asked_for() -> None:
    text = expression(TABLES[Engine.SGLANG], SignalName.GEN_TPS, PAST, PrometheusOptions("http://x"), 60.0)
    assert "realtime_tokens_total" in text and "generation_tokens_total" not in text


def test_of_a_step_the_least_queue_and_the_fullest_cache_count() -> None:
    options = PrometheusOptions("http://x")
    waiting = expression(TABLES[Engine.VLLM], SignalName.WAITING, PAST, options, 60.0)
    usage = expression(TABLES[Engine.VLLM], SignalName.KV_USAGE, PAST, options, 60.0)
    assert waiting.startswith("min_over_time((") and waiting.endswith(")[60s:15s])")
    assert usage.startswith("max_over_time((") and usage.endswith(")[60s:15s])")


async def test_a_pod_that_two_jobs_scrape_is_not_added_up_and_keeps_to_one_of_them() -> None:
    tokens = [(of(), at(100, 100, 100)), (of(job="again"), at(90, 90, 90))]
    server = Server([(of(), at(1, 2, 3)), (of(job="again"), at(2, 3))], {"generation_tokens": tokens})
    found = (await asked(server))["llama-a"]
    assert [point.value for point in found[SignalName.RUNNING]] == [1, 2, 3]
    assert [point.value for point in found[SignalName.GEN_TPS]] == [100, 100, 100]


async def test_where_one_scraper_has_a_hole_the_other_fills_it() -> None:
    end = NOW // 60 * 60
    one, other = {end: 5.0, end - 60: 5.0}, {end - 120: 7.0}
    found = (await asked(Server([(of(instance="a"), one), (of(instance="b"), other)])))["llama-a"]
    assert [point.value for point in found[SignalName.RUNNING]] == [7, 5, 5]


async def test_a_pod_of_one_name_in_two_clusters_is_left_out() -> None:
    server = Server([(of(cluster="a"), at(1)), (of(cluster="b"), at(2)), (of("llama-b", cluster="a"), at(3))])
    assert list(await asked(server)) == ["llama-b"]


async def test_a_name_that_is_used_again_counts_from_its_pod_on() -> None:
    born = {"llama-a": NOW - 100}
    found = await asked(Server([(of(), at(1, 2, 3))]), Past("serving", '"llama-a"', Engine.VLLM, born))
    assert [point.value for point in found["llama-a"][SignalName.RUNNING]] == [2, 3]


@pytest.mark.parametrize(("engine", "queries"), [(Engine.SGLANG, 1), (Engine.VLLM, 2), (Engine.DYNAMO, 4)])
async def test_where_there_are_no_raw_series_nothing_more_is_asked(engine: Engine, queries: int) -> None:
    server = Server()
    assert await asked(server, Past("serving", '"llama-a"', engine)) == {} and len(server.asked) == queries


async def test_an_engine_may_write_the_names_of_the_one_that_it_serves() -> None:
    server = Server(of={"vllm:": [(of(), at(1, 2))]})
    found = await asked(server, Past("serving", '"llama-a"', Engine.NIM))
    assert list(found) == ["llama-a"] and len(server.asked) <= 8 + 2


async def test_an_engine_of_ones_own_is_not_asked_for() -> None:
    server = Server([(of(), at(1))])
    assert await asked(server, Past("serving", '"llama-a"', Engine.CUSTOM)) == {} and not server.asked


async def test_failures_are_named() -> None:
    with pytest.raises(PartialResponse):
        await asked(Server([(of(), at(1))], more={"warnings": ["a store is missing"]}))
    with pytest.raises(QueryRefused, match="refuses the query"):
        await asked(Server(status=400))
    with pytest.raises(Busy):
        await asked(Server(status=503))
    with pytest.raises(SourceUnavailable, match="malformed"):
        await asked(Server([(of(), at(1))], {"running": [({"pod": "llama-a"}, {"x": 1})]}))  # type: ignore[dict-item]
