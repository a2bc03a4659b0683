"""Users' own PromQL: one union a collection, trials for what is new, and nobody speaks in another's name."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from aiohttp import web

from scalewarden.model.signal import Absent, SignalName
from scalewarden.sources.base import Collected, CustomKey, CustomQuery, PodKey
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_custom import AGAIN, TRIALS
from scalewarden.sources.prometheus_union import NO_POD
from scalewarden.sources.scrape import DirectScrape
from tests.unit.sources.loopback import http_server
from tests.unit.sources.prometheus_store import NOW, RUNNING, Store, endpoint, every, source_of, window

USAGE = "scalewarden_custom:kv_usage"
MEMBER = re.compile(r'label_replace\(\((.*?)\n\),"scalewarden_custom","([^"]+)","",""\)', re.DOTALL)


@dataclass
class Evaluator:
    """Answers unions: by expression a value, or the error that it makes of the whole query."""

    store: Store = field(default_factory=Store)
    values: dict[str, float] = field(default_factory=dict)
    errors: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    unions: list[list[str]] = field(default_factory=list)
    spans: list[float] = field(default_factory=list)
    longest: int = 10**6
    down: bool = False
    pod: Callable[[str], str] = lambda key: f"{key.split('/')[1]}-0"

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/query"):
            return await self.store(request)
        form = await request.post()
        members = MEMBER.findall(str(form["query"]))
        self.unions.append([promql for promql, _ in members])
        start, end, step = (float(str(form[name])) for name in ("start", "end", "step"))
        self.spans.append(end - start)
        if self.down:
            return web.Response(status=502)
        status, kind, error = next((self.errors[one] for one, _ in members if one in self.errors), (200, "", ""))
        if len(str(form["query"])) > self.longest:
            status, kind, error = 422, "422", "too long query"
        if error:
            return web.json_response({"status": "error", "errorType": kind, "error": error}, status=status)
        instants = [start + step * turn for turn in range(int((end - start) / step) + 1)]
        result = [
            {
                "metric": {"pod": self.pod(key), "scalewarden_custom": key},
                "values": [[at, str(self.values[promql])] for at in instants],
            }
            for promql, key in members
            if promql in self.values
        ]
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": result}})


BROKEN = (400, "bad_data", "parse error: unexpected end of input")


def query(name: str, promql: str, signal: SignalName = SignalName.KV_USAGE) -> CustomQuery:
    return CustomQuery(CustomKey("serving", name, signal), promql, frozenset({PodKey("serving", f"{name}-0")}))


async def turn(source: PrometheusSource, queries: list[CustomQuery], now: float) -> Collected:
    return await source.collect([endpoint(f"{one.key.name}-0") for one in queries], now, queries)


async def test_values_become_gauges_on_the_pods_scrapes_and_later_only_what_is_new_is_asked() -> None:
    server = Evaluator(values={"a": 0.5})
    async with http_server(server) as port:
        source = source_of(port)
        first = await turn(source, [query("llama", "a")], NOW)
        second = await turn(source, [query("llama", "a")], NOW + 15)
        await source.close()
    assert [round(span) for span in server.spans] == [645, 60], "the window in a trial, then what is new and overlap"
    scrapes = window(first, PodKey("serving", "llama-0"))
    assert len(scrapes) == 44 and scrapes[-1].at == NOW // 15 * 15
    assert [(one.name, dict(one.labels), one.value) for one in scrapes[-1].samples] == [(USAGE, {}, 0.5)]
    assert window(second, PodKey("serving", "llama-0"))[-1].at == NOW // 15 * 15 + 15
    assert first.problems == second.problems == {} and first.refused == second.refused == {}


async def test_a_hundred_services_cost_one_query() -> None:
    queries = [query(f"s{number}", f"m{number}") for number in range(100)]
    server = Evaluator(values={one.promql: 1.0 for one in queries})
    async with http_server(server) as port:
        source = source_of(port)
        first = await turn(source, queries, NOW)
        server.unions.clear()
        await turn(source, queries, NOW + 15)
        await source.close()
    assert first.refused == {}
    assert [len(members) for members in server.unions] == [100]


async def test_one_broken_among_many_is_found_named_and_kept_out() -> None:
    queries = [query(f"s{number:02}", f"m{number}") for number in range(33)]
    server = Evaluator(values={one.promql: 1.0 for one in queries}, errors={"m7": BROKEN})
    async with http_server(server) as port:
        source = source_of(port)
        for number in range(9):
            server.unions.clear()
            collected = await turn(source, queries, NOW + 15 * number)
            assert len(server.unions) <= TRIALS + 1
        assert collected.refused.keys() == {queries[7].key}
        cause = collected.refused[queries[7].key].cause
        assert cause == "Prometheus refuses the query (bad_data): parse error: unexpected end of input"
        assert server.unions == [[one.promql for one in queries if one.promql != "m7"]]
        server.unions.clear()
        fixed = [*queries[:7], query("s07", "m7 or 1"), *queries[8:]]
        server.values["m7 or 1"] = 2.0
        repaired = await turn(source, fixed, NOW + 200)
        await source.close()
    assert ["m7 or 1"] in server.unions and repaired.refused == {}


async def test_a_refused_expression_is_tried_again_after_ten_minutes() -> None:
    server = Evaluator(values={"a": 1.0}, errors={"a": BROKEN})
    async with http_server(server) as port:
        source = source_of(port)
        for at in (0, 15, AGAIN - 15):
            refused = await turn(source, [query("llama", "a")], NOW + at)
        assert len(server.unions) == 1 and refused.refused
        server.errors.clear()
        again = await turn(source, [query("llama", "a")], NOW + AGAIN)
        await source.close()
    assert again.refused == {} and len(server.unions) == 2


async def test_what_could_leave_its_parentheses_is_never_sent() -> None:
    hostile = query("mallory", 'x),"scalewarden_custom","serving/llama/kv_usage","","") or label_replace((y')
    server = Evaluator(values={"a": 1.0})
    async with http_server(server) as port:
        source = source_of(port)
        collected = await turn(source, [query("llama", "a"), hostile], NOW)
        await source.close()
    assert server.unions == [["a"]]
    assert collected.refused == {hostile.key: Absent("its promql is refused: it closes a ) that it did not open")}


async def test_an_expression_that_turns_bad_leaves_the_union_and_the_others_stay() -> None:
    queries = [query("a", "a"), query("b", "b"), query("c", "c")]
    server = Evaluator(values={"a": 1.0, "b": 2.0, "c": 3.0})
    async with http_server(server) as port:
        source = source_of(port)
        await turn(source, queries, NOW)
        server.errors["b"] = (422, "execution", "multiple matches for labels: many-to-one")
        for number in range(1, 4):
            collected = await turn(source, queries, NOW + 15 * number)
        await source.close()
    assert collected.refused.keys() == {queries[1].key}
    assert window(collected, PodKey("serving", "c-0"))[-1].at == NOW // 15 * 15 + 45


async def test_a_server_that_is_down_speaks_against_nobody() -> None:
    server = Evaluator(values={"a": 1.0}, down=True)
    async with http_server(server) as port:
        source = source_of(port)
        down = await turn(source, [query("llama", "a")], NOW)
        server.down = False
        up = await turn(source, [query("llama", "a")], NOW + 15)
        server.down = True
        gone = await turn(source, [query("llama", "a")], NOW + 30)
        await source.close()
    assert "answers HTTP 502" in down.refused[query("llama", "a").key].cause and down.problem is not None
    assert up.refused == {} and up.problem is None
    assert gone.problem is not None and gone.refused == {}
    assert window(gone, PodKey("serving", "llama-0"))[-1].at == NOW // 15 * 15 + 15, "what is known stays, and ages"


async def test_a_union_that_is_too_long_is_asked_in_parts_which_is_remembered() -> None:
    queries = [query(f"s{number}", f"m{number}") for number in range(20)]
    server = Evaluator(values={one.promql: 1.0 for one in queries})
    async with http_server(server) as port:
        source = source_of(port)
        await turn(source, queries, NOW)
        server.longest = 600
        for number in range(1, 4):
            server.unions.clear()
            collected = await turn(source, queries, NOW + 15 * number)
        await source.close()
    assert [len(members) for members in server.unions] == [5] * 4
    assert collected.refused == {} and collected.problem is None
    assert window(collected, PodKey("serving", "s19-0"))[-1].at == NOW // 15 * 15 + 45


async def test_an_expression_that_gives_none_of_the_pods_is_named() -> None:
    server = Evaluator(values={"a": 1.0}, pod=lambda key: "another")
    async with http_server(server) as port:
        source = source_of(port)
        collected = await turn(source, [query("llama", "a")], NOW)
        await source.close()
    assert collected.refused == {query("llama", "a").key: Absent(NO_POD)}
    assert isinstance(collected.scrapes[("serving", "llama-0")], Absent)


async def test_values_join_the_pages_that_the_pod_has() -> None:
    server = Evaluator(values={"a": 0.5})
    server.store.add(RUNNING, every(15, -600.4, 0), "llama-0")
    async with http_server(server) as port:
        source = source_of(port)
        collected = await turn(source, [query("llama", "a")], NOW)
        await source.close()
    scrapes = window(collected, PodKey("serving", "llama-0"))
    assert {round(later.at - earlier.at) for earlier, later in pairwise(scrapes[4:])} == {15}
    assert all(one.named(RUNNING) and one.named(USAGE) for one in scrapes[5:-1])


async def test_queries_that_are_gone_are_forgotten() -> None:
    server = Evaluator(values={"a": 1.0})
    async with http_server(server) as port:
        source = source_of(port)
        await turn(source, [query("llama", "a")], NOW)
        server.unions.clear()
        collected = await source.collect([endpoint("llama-0")], NOW + 15)
        await source.close()
    assert server.unions == [] and collected.refused == {}
    assert isinstance(collected.scrapes[("serving", "llama-0")], Absent)


async def test_a_direct_scrape_says_that_promql_needs_a_prometheus() -> None:
    source = DirectScrape()
    collected = await source.collect([], NOW, [query("llama", "a")])
    await source.close()
    assert "promql needs a Prometheus" in collected.refused[query("llama", "a").key].cause
