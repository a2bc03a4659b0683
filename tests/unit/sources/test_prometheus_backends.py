"""What speaks like Prometheus and is not quite it: Thanos, Mimir, VictoriaMetrics, Google's; limits, access, clocks."""

import gzip
import json
import logging
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import web

from scalewarden.errors import BadInput, PartialResponse, SourceUnavailable
from scalewarden.model.signal import Absent
from scalewarden.sources.base import PodKey
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_options import PrometheusOptions, Wanted
from scalewarden.sources.tls import Access
from tests.unit.sources.loopback import Answer, http_server, text
from tests.unit.sources.prometheus_store import NOW, RUNNING, Store, endpoint, every, key, once, source_of, window

THANOS_PARTIAL = "receive series from Addr: 10.0.0.7:10901 MinTime: 1 MaxTime: 2: rpc error: code = Unavailable"


def refusal(status: int, kind: str, error: str, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        document = {"status": "error", "errorType": kind, "error": error}
        return web.json_response(document, status=status, headers=headers)

    return answer


async def test_thanos_says_which_store_is_missing() -> None:
    store = Store(warnings=[THANOS_PARTIAL])
    store.add(RUNNING, every(15, -60, 0))
    collected = await once(store)
    assert isinstance(collected.problem, PartialResponse)
    assert collected.problem.hint == THANOS_PARTIAL
    assert len(window(collected)) == 5 and collected.problems == {}


@pytest.mark.parametrize(
    "remark",
    [
        'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "x" (1:1)',
        'PromQL warning: encountered a mix of histograms and floats for metric name "x" (1:1)',
    ],
)
async def test_remarks_on_the_query_are_no_missing_data(remark: str) -> None:
    store = Store(warnings=[remark], more={"infos": ["PromQL info: something"]})
    store.add(RUNNING, every(15, -60, 0))
    assert (await once(store)).problem is None


async def test_victoriametrics_says_that_an_answer_is_partial_by_a_field() -> None:
    for partial in (True, False):
        store = Store(more={"isPartial": partial})
        store.add(RUNNING, every(15, -60, 0))
        assert isinstance((await once(store)).problem, PartialResponse) is partial


async def test_victoriametrics_writes_stale_markers_out() -> None:
    store = Store()
    store.add(RUNNING, [*every(15, -60, -15), (NOW, "NaN")])
    store.add("vllm:num_requests_waiting", [*every(15, -60, -15), (NOW, "NaN")])
    store.add("up", [*every(15, -60, -15, "1"), (NOW, "0")])
    collected = await once(store)
    assert window(collected)[-1].at == NOW - 15
    assert collected.problems[key()].message == "Prometheus cannot scrape the pod"


@pytest.mark.parametrize(
    ("status", "kind", "error", "cause", "hint"),
    [
        (422, "422", "too long query; got 27614; mustn't exceed `-search.maxQueryLen=16384`", "too long", "limit"),
        (503, "timeout", "query timed out in expression evaluation", "refuses the query (timeout)", "timed out"),
        (200, "timeout", "query timed out in query execution", "takes too long", "timed out"),
        (400, "bad_data", 'invalid parameter "query": 1:2: parse error', "refuses the query (bad_data)", "parse error"),
        (500, "internal", "expanding series: connection refused", "refuses the query (internal)", "expanding series"),
        (422, "execution", "the query exceeded the maximum number of series (limit: 100 series) "
         "(err-mimir-max-series-per-query)", "refuses the query (execution)", "err-mimir"),
        (422, "422", 'error when executing query="x" for (time=1766370000123, step=300000): no', "(422)", "time=…"),
    ],
)  # fmt: skip
async def test_a_refusal_keeps_its_words_without_live_numbers(
    status: int, kind: str, error: str, cause: str, hint: str
) -> None:
    collected = await once(refusal(status, kind, error))
    assert isinstance(collected.problem, SourceUnavailable)
    assert cause in collected.problem.message and hint in collected.problem.hint
    assert not re.search(r"\d{6}", str(collected.scrapes[key()]))


async def test_a_server_that_is_busy_is_left_alone_for_as_long_as_it_asks() -> None:
    for status, header, quiet in ((429, "30", 30), (503, "3600", 60), (429, "", 0), (503, "soon", 0)):
        asked, store = 0, Store()
        store.add(RUNNING, every(15, -60, 300))

        async def answer(request: web.Request, status: int = status, header: str = header, store: Store = store) -> Any:
            nonlocal asked
            asked += 1
            headers = {"Retry-After": header} if header else {}
            return web.Response(status=status, headers=headers) if asked <= 1 else await store(request)

        async with http_server(answer) as port:
            source = source_of(port)
            busy = await source.collect([endpoint()], NOW)
            assert asked == 1
            if quiet:
                still = await source.collect([endpoint()], NOW + quiet - 1)
                assert asked == 1 and still.problem is busy.problem
            again = await source.collect([endpoint()], NOW + quiet)
            await source.close()
        assert f"answers HTTP {status}" in str(busy.problem) and str(busy.problem) in map(str, busy.problems.values())
        assert again.problem is None and again.problems == {}


class Limited:
    """A server that refuses more than `most` pods in one query, like one that counts samples."""

    def __init__(self, store: Store, most: int) -> None:
        self.store, self.most, self.refused = store, most, 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        found = re.search(r'pod=~"([^"]*)"', str(form.get("query", "")))
        if found and found[1].count("|") + 1 > self.most:
            self.refused += 1
            text = "query processing would load too many samples into memory in query execution"
            document = {"status": "error", "errorType": "execution", "error": text}
            return web.json_response(document, status=422)
        return await self.store(request)


async def test_too_many_samples_are_asked_for_in_parts_which_are_remembered() -> None:
    store = Store()
    pods = [endpoint(f"llama-{number:02}") for number in range(32)]
    for pod in pods:
        store.add(RUNNING, every(15, -900, 900), pod.pod, instance=pod.pod)
    server = Limited(store, 1000)
    async with http_server(server) as port:
        source = source_of(port, history_batch=32)
        await source.collect(pods, NOW)
        server.most, store.texts = 8, []
        halved = await source.collect(pods, NOW + 15)
        assert halved.problem is None and halved.problems == {}
        assert (server.refused, len(store.texts)) == (2 + 4, 8), "one, then two parts refused, then four answered"
        assert all(window(halved, pod.key)[-1].at == NOW + 15 for pod in pods)
        server.refused, store.texts = 0, []
        await source.collect(pods, NOW + 30)
        assert (server.refused, len(store.texts)) == (0, 8)
        server.most, store.texts = 3, []
        beyond = await source.collect(pods, NOW + 45)
        assert (server.refused, len(store.texts)) == (8 + 16 + 8, 0), "eight parts and no more, CPU rows too"
        assert "refuses the query" in str(beyond.problem) and beyond.problems.keys() == {pod.key for pod in pods}
        assert all(window(beyond, pod.key)[-1].at == NOW + 30 for pod in pods), "what is known stays"
        server.most = 1000
        await source.collect(pods, NOW + 60)
        store.texts = []
        for turn in range(3):
            await source.collect(pods, NOW + 60 + 1300 * (turn + 1))
        store.texts = []
        await source.collect(pods, NOW + 4000)
        assert len(store.texts) == 2, "after a time of calm all are asked about at once"
        await source.close()


async def test_histories_that_are_too_much_are_fetched_in_smaller_batches() -> None:
    store = Store()
    pods = [endpoint(f"llama-{number:02}") for number in range(8)]
    for pod in pods:
        store.add(RUNNING, every(15, -900, 300), pod.pod, instance=pod.pod)
    async with http_server(Limited(store, 2)) as port:
        source = source_of(port, history_batch=8)
        turns = [await source.collect(pods, NOW + 15 * turn) for turn in range(9)]
        assert not source.waiting
        await source.close()
    assert all(len(window(turns[-1], pod.key)) == 44 for pod in pods)
    assert turns[-1].problem is None and turns[-1].problems == {}


async def test_one_pod_whose_history_is_too_much_does_not_keep_the_others_waiting() -> None:
    store, refused = Store(), 0
    pods = [endpoint(f"llama-{number}") for number in range(3)]
    for pod in pods:
        store.add(RUNNING, every(15, -900, 300), pod.pod, instance=pod.pod)

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal refused
        form = await request.post()
        if "llama-0" in str(form.get("query", "")) and "[660s]" in str(form.get("query", "")):
            refused += 1
            return await refusal(422, "execution", "too many samples")(request)
        return await store(request)

    async with http_server(answer) as port:
        source = source_of(port, history_batch=1)
        turns = [await source.collect(pods, NOW + 15 * turn) for turn in range(5)]
        assert refused == 2 and not source.waiting
        await source.close()
    assert [len(window(turns[-1], pod.key)) for pod in pods] == [12, 44, 44]
    assert turns[-1].problem is None and turns[-1].problems == {}


async def test_more_pods_than_a_query_holds_are_told_apart_when_they_arrive() -> None:
    store = Store()
    pods = [endpoint(f"llama-3-70b-instruct-7f9c6d5b4-{number:05}") for number in range(600)]
    for pod in (*pods[:40], endpoint("foreign")):
        store.add(RUNNING, every(15, -60, 60), pod.pod, instance=pod.pod)
    async with http_server(store) as port:
        source = source_of(port, history_batch=600)
        collected = await source.collect(pods, NOW)
        await source.close()
    assert len(store.texts) == 2 and all(len(text) <= 16_000 for text in store.texts)
    assert 'pod!=""' in store.texts[0]
    assert sum(not isinstance(one, Absent) for one in collected.scrapes.values()) == 40
    assert key("foreign") not in collected.scrapes


async def test_where_all_names_are_too_long_only_those_are_asked_for_that_the_server_has() -> None:
    store, looked_up = Store(), 0
    store.add(RUNNING, every(15, -60, 600))
    store.add("up", every(15, -60, 600, "1"))

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal looked_up
        if request.path.endswith("/label/__name__/values"):
            looked_up += 1
            return web.json_response({"status": "success", "data": [RUNNING, "up", "node_load1"]})
        return await store(request)

    async with http_server(answer) as port:
        source = source_of(port, max_query=4000)
        for at in (0, 15, 45, 60, 90, 105):
            collected = await source.collect([endpoint()], NOW + at)
        await source.close()
    assert looked_up == 4, "soon again after new names, then less and less often"
    assert re.findall(r"vllm:\w+", store.texts[0]) == [RUNNING] and "node_load1" not in store.texts[0]
    assert collected.problem is None and window(collected)[-1].at == NOW + 105


async def test_a_server_that_never_tells_its_names_is_asked_for_all_of_them() -> None:
    store, looked_up = Store(), 0
    store.add(RUNNING, every(15, -60, 600))

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal looked_up
        if request.path.endswith("/label/__name__/values"):
            looked_up += 1
            return web.Response(status=404)
        return await store(request)

    async with http_server(answer) as port:
        source = source_of(port, max_query=4000)
        for at in (0, 15, 45, 60, 90, 105):
            collected = await source.collect([endpoint()], NOW + at)
        await source.close()
    assert looked_up == 2
    assert collected.problem is None and collected.problems == {} and window(collected)[-1].at == NOW + 105

    assert collected.problem is None and window(collected)[-1].at == NOW + 105


class Google:
    """Takes no regular expression for names, and GET only; evaluates the expressions that we ask, to the letter."""

    def __init__(self, store: Store) -> None:
        self.store, self.asked = store, [""][:0]

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        assert request.method == "GET"
        self.asked.append(request.path)
        query = request.query.get("query", "")
        if request.path.endswith("/label/__name__/values"):
            names = sorted({metric["__name__"] for metric, _ in self.store.series} | {"kubernetes_io:other"})
            return web.json_response({"status": "success", "data": names})
        if "__name__=~" in query:
            text = "convert vector selector failed: =~ is an unsupported matchtype for the __name__ label"
            return await refusal(400, "bad_data", text)(request)
        start, end, step = (float(request.query[name]) for name in ("start", "end", "step"))
        result = []
        pattern = (
            r'label_replace\(last_over_time\(\{__name__="([^"]+)",[^}]*\}\[(\d+)s\]\),"scalewarden_series","\1","",""\)'
        )
        for name, seconds in re.findall(pattern, query):
            for metric, values in self.store.series:
                if metric["__name__"] == name:
                    result.append(self._evaluated(metric, values, start, end, step, float(seconds)))
        document = {
            "status": "success",
            "data": {"resultType": "matrix", "result": [one for one in result if one["values"]]},
        }
        return web.Response(text=json.dumps(document, indent=2), content_type="application/json")

    def _evaluated(
        self, metric: dict[str, str], values: Any, start: float, end: float, step: float, back: float
    ) -> Any:
        points, at = [], start
        while at <= end:
            inside = [value for instant, value in values if at - back < instant <= at]
            points += [[at, inside[-1]]] if inside else []
            at += step
        labels = {name: value for name, value in metric.items() if name != "__name__"}
        return {"metric": {**labels, "scalewarden_series": metric["__name__"]}, "values": points}


async def test_google_is_asked_name_by_name_in_one_expression() -> None:
    store = Store()
    labels = {"cluster": "prod", "location": "europe-west4", "project_id": "p"}
    store.add(RUNNING, every(15, -300 + 0.4, 60), **labels)
    store.add("up", every(15, -300 + 0.4, 60, "1"), **labels)
    store.add("DCGM_FI_DEV_GPU_UTIL", every(30, -300 + 0.4, 60), instance="gpu-1", **labels)
    server = Google(store)
    async with http_server(server) as port:
        source = source_of(port, method="GET")
        first = await source.collect([endpoint()], NOW)
        assert len(server.asked) == 2 + 1 + 2 + 1, "refused, names, the two expressions, CPU rows once"
        server.asked.clear()
        second = await source.collect([endpoint()], NOW + 15)
        await source.close()
    assert sorted(server.asked) == ["/api/v1/label/__name__/values", "/api/v1/query_range", "/api/v1/query_range"]
    assert first.problem is None and second.problem is None and second.problems == {}
    scrapes = window(second)
    assert scrapes[-1].named(RUNNING)[0].value == 3 and scrapes[-1].at == NOW + 15
    assert {later.at - earlier.at for earlier, later in pairwise(scrapes)} == {15}
    assert second.exporters == {PodKey("", "gpu-1")}


async def test_recorded_series_stand_for_raw_ones_where_they_are_wanted() -> None:
    store = Store()
    store.add("scalewarden:kv_usage", every(15, -60, 0, "0.5"), instance="", job="")
    store.add("up", every(15, -60, 0, "1"))
    store.add(RUNNING, every(15, -60, 0))
    collected = await once(store, wanted=Wanted(frozenset({"scalewarden:kv_usage"}), frozenset()))
    assert {name for scrape in window(collected) for name in scrape.names} == {"scalewarden:kv_usage"}
    assert collected.problems == {} and RUNNING not in store.texts[0]


@pytest.mark.parametrize(("matchers", "value"), [({}, ""), ({"cluster": "prod"}, "3")])
async def test_a_pod_of_the_same_name_in_another_cluster_is_never_read_for_ours(matchers: Any, value: str) -> None:
    store = Store()
    store.add(RUNNING, every(15, -60, 0, "3"), cluster="prod", instance="10.1.0.1:8000")
    store.add(RUNNING, every(15, -60, 0, "9"), cluster="test", instance="10.2.0.1:8000")
    collected = await once(store, matchers=matchers)
    if value:
        assert window(collected)[-1].named(RUNNING)[0].value == float(value)
        return
    assert "has pods of this name in more than one cluster" in collected.problems[key()].message
    assert isinstance(collected.scrapes[key()], Absent)


async def test_the_cluster_where_the_pod_has_our_address_is_ours() -> None:
    store = Store()
    store.add(RUNNING, every(15, -60, 0, "3"), cluster="prod", instance="10.0.0.1:8000")
    store.add(RUNNING, every(15, -60, 0, "9"), cluster="test", instance="10.2.0.1:8000")
    assert window(await once(store))[-1].named(RUNNING)[0].value == 3


async def test_a_pair_of_servers_that_scrape_one_pod_is_no_second_cluster() -> None:
    store = Store()
    for replica, offset in (("a", 0.0), ("b", -7.0)):
        store.add(RUNNING, every(15, -60 + offset, 0), cluster="prod", replica=replica)
    collected = await once(store)
    assert collected.problems == {}
    assert {later.at - earlier.at for earlier, later in pairwise(window(collected))} == {15}


async def test_a_server_whose_clock_is_behind_is_named_and_one_ahead_gives_no_sample_from_the_future() -> None:
    store = Store()
    store.add(RUNNING, every(15, -900, -300))
    behind = await once(store)
    assert behind.problems[key()].message == "Prometheus has no new samples of the pod"
    assert "clock" in behind.problems[key()].hint
    ahead = Store()
    ahead.add(RUNNING, every(15, -60, 300))
    assert window(await once(ahead))[-1].at == NOW


async def test_samples_that_come_late_and_out_of_order_find_their_place() -> None:
    store = Store()
    on_time = [value for value in every(15, -300, 60) if value[0] not in (NOW - 15, NOW - 30)]
    store.add(RUNNING, on_time)
    async with http_server(store) as port:
        source = source_of(port)
        first = await source.collect([endpoint()], NOW)
        store.series[0] = (store.series[0][0], every(15, -300, 60))
        second = await source.collect([endpoint()], NOW + 15)
        await source.close()
    assert NOW - 15 not in {scrape.at for scrape in window(first)}
    assert [scrape.at for scrape in window(second)] == [NOW - 300 + 15 * step for step in range(22)]


async def test_a_series_that_ends_while_others_go_on_is_gone_from_newer_pages() -> None:
    store = Store()
    store.add(RUNNING, every(15, -300, 0))
    store.add("vllm:kv_cache_usage_perc", every(15, -300, -60))
    assert [bool(scrape.named("vllm:kv_cache_usage_perc")) for scrape in window(await once(store))][-5:] == [True] + [
        False
    ] * 4


async def test_answers_may_be_compressed() -> None:
    store = Store()
    store.add(RUNNING, every(15, -60, 0))

    async def answer(request: web.Request) -> web.StreamResponse:
        assert "gzip" in request.headers["Accept-Encoding"]
        plain = await store(request)
        assert isinstance(plain, web.Response) and isinstance(plain.body, bytes)
        return web.Response(body=gzip.compress(plain.body), headers={"Content-Encoding": "gzip"})

    assert len(window(await once(answer))) == 5

    async def damaged(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"no gzip at all", headers={"Content-Encoding": "gzip"})

    assert "breaks off its answer" in str((await once(damaged)).problem)


async def test_tenants_parameters_and_secret_headers_are_sent_and_rotate(tmp_path: Path) -> None:
    secret, store, shown = tmp_path / "secret", Store(), list[tuple[str | None, ...]]()
    secret.write_text("one\n")

    async def answer(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        shown.append(
            (request.path, request.headers.get("X-Scope-OrgID"), request.headers.get("X-Key"), str(form["dedup"]))
        )
        return web.json_response({"status": "success", "data": {"resultType": "matrix", "result": []}})

    async with http_server(answer) as port:
        options = PrometheusOptions(
            f"http://127.0.0.1:{port}/prometheus/",
            headers={"X-Scope-OrgID": "ml"},
            header_files={"X-Key": secret},
            parameters={"dedup": "true"},
        )
        source = PrometheusSource(options)
        await source.collect([endpoint()], NOW)
        secret.write_text("two")
        await source.collect([endpoint()], NOW + 15)
        await source.close()
    assert set(shown) == {("/prometheus/api/v1/query", "ml", value, "true") for value in ("one", "two")}
    assert store.asked == []


@pytest.mark.parametrize("written", ["", "to\nken", "tökén", "a\x00b"])
async def test_a_secret_that_is_none_is_named_by_its_file(tmp_path: Path, written: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(written)
    for options in ({"header_files": {"X-Key": secret}}, {"access": Access(token_file=secret)}):
        collected = await once(Store(), **options)  # type: ignore[arg-type]
        assert "the credentials are empty or no plain text" in str(collected.problem)
        assert str(secret) in str(collected.problem) and (not written or written not in str(collected.problem))


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_no_secret_is_ever_logged_or_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, method: Literal["POST", "GET"]
) -> None:
    caplog.set_level(logging.DEBUG)
    password, key_file = tmp_path / "password", tmp_path / "key"
    password.write_text("hunter2-password")
    key_file.write_text("hunter2-key")
    empty = text('{"status":"success","data":{"resultType":"matrix","result":[]}}', "application/json")
    answers: list[Answer] = [empty, refusal(401, "unauthorized", "no"), refusal(422, "execution", "too many samples")]
    said = []
    for answer in answers:
        async with http_server(answer) as port:
            options = PrometheusOptions(
                f"http://127.0.0.1:{port}",
                access=Access(username="me", password_file=password),
                headers={"X-Token": "hunter2-header"},
                header_files={"X-Key": key_file},
                parameters={"token": "hunter2-parameter"},
                method=method,
            )
            source = PrometheusSource(options)
            collected = await source.collect([endpoint()], NOW)
            await source.close()
        said += [repr(options), repr(collected), str(collected.problem)]
    url = "http://me:hunter2-url@127.0.0.1:1"
    source = PrometheusSource(PrometheusOptions(url))
    said += [repr(await source.collect([endpoint()], NOW)), repr(PrometheusOptions(url))]
    await source.close()
    ours = [one.getMessage() for one in caplog.records if one.name != "aiohttp.access"]  # that is the test's server
    assert not [text for text in (*said, *ours) if "hunter2" in text or "aHVudGVy" in text]


def test_a_header_is_given_once(tmp_path: Path) -> None:
    for options in (
        {"headers": {"X-Key": "a"}, "header_files": {"x-key": tmp_path / "a"}},
        {"headers": {"authorization": "a"}, "access": Access(token_file=tmp_path / "a")},
    ):
        with pytest.raises(BadInput, match="is given twice"):
            PrometheusOptions("http://x", **options)  # type: ignore[arg-type]
