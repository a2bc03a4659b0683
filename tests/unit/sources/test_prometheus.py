"""Prometheus as a source, against a real HTTP server that keeps series and answers the query API as Prometheus does."""

import asyncio
import socket
import ssl
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from scalewarden.errors import BadInput, PartialResponse, SourceUnavailable
from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.sources.base import PodEndpoint, PodKey
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_api import PrometheusOptions
from scalewarden.sources.prometheus_options import RECORDED_ONLY
from scalewarden.sources.tls import Access
from scalewarden.sources.window import Bounds
from tests.unit.sources.loopback import Answer, http_server, raw_server, text
from tests.unit.sources.prometheus_store import NOW, RUNNING, Store, endpoint, every, key, once, source_of, window

GPU = "DCGM_FI_DEV_GPU_UTIL"


async def test_samples_of_one_scrape_come_back_as_one_page_with_their_own_instants() -> None:
    store = Store()
    store.add(RUNNING, [(NOW - 15.25, "3"), (NOW - 0.25, "4")], engine="0")
    store.add("vllm:kv_cache_usage_perc", [(NOW - 15.25, "0.5"), (NOW - 0.25, "NaN")], engine="0")
    first, second = window(await once(store))
    assert (first.at, second.at) == (NOW - 15.25, NOW - 0.25)
    assert {sample.name: sample.value for sample in first.samples} == {RUNNING: 3.0, "vllm:kv_cache_usage_perc": 0.5}
    [running] = second.named(RUNNING)
    assert (running.value, running.labels["engine"]) == (4.0, "0")
    [usage] = second.named("vllm:kv_cache_usage_perc")
    assert usage.value != usage.value  # NaN stays NaN: whether it is missing is for derivation to say


async def test_two_queries_then_only_what_is_new_and_two_more_for_a_new_pod() -> None:
    store = Store()
    for pod in ("llama-0", "llama-1"):
        store.add(RUNNING, every(15, -900, 60), pod, instance=f"{pod}:8000")
    async with http_server(store) as port:
        source = source_of(port)
        await source.collect([endpoint()], NOW)
        assert store.seconds == [660, 660]
        later = await source.collect([endpoint()], NOW + 15)
        assert store.seconds == [75, 75]
        both = await source.collect([endpoint(), endpoint("llama-1")], NOW + 30)
        assert store.seconds == [75, 75, 660, 660]
        await source.collect([endpoint(f"llama-{n}") for n in range(500)], NOW + 45)
        assert len(store.seconds) == 4
        assert (await source.collect([], NOW + 60)).scrapes == {}
        assert store.seconds == []
        await source.close()
    assert [scrape.at - NOW for scrape in window(later)] == [-630 + 15 * step for step in range(44)]
    assert [scrape.at for scrape in window(both)] == [scrape.at for scrape in window(both, key("llama-1"))]


async def test_a_large_new_fleet_has_its_newest_samples_at_once_and_its_history_by_turns() -> None:
    store = Store()
    pods = [endpoint(f"llama-{number}") for number in range(7)]
    for pod in pods:
        store.add(RUNNING, every(15, -900, 60), pod.pod, instance=f"{pod.pod}:8000")
    lengths = []
    async with http_server(store) as port:
        source = source_of(port, history_batch=3)
        for step in range(3):
            collected = await source.collect(pods, NOW + 15 * step)
            assert collected.problems == {}
            lengths.append(sorted(len(window(collected, pod.key)) for pod in pods))
            assert len(store.seconds) == (2 if step == 2 else 4)
        await source.close()
    assert lengths == [[4] * 4 + [44] * 3, [44] * 7, [44] * 7]


async def test_names_are_matched_to_the_letter() -> None:
    store = Store()
    store.add(RUNNING, every(15, -30, 0), "a.b")
    store.add(RUNNING, every(15, -30, 0), "a-b", instance="10.0.0.2:8000")
    collected = await once(store, endpoint("a.b"))
    assert set(collected.scrapes) == {key("a.b")}
    assert any(matchers.get("pod") == r"a\.b" for matchers, *_ in store.asked)


async def test_other_label_names_are_understood() -> None:
    store = Store()
    store.add(RUNNING, every(15, -30, 0), pod="", namespace="", kubernetes_namespace="serving", kubernetes_pod_name="x")
    options: dict[str, Any] = {"namespace_label": "kubernetes_namespace", "pod_label": "kubernetes_pod_name"}
    assert len(window(await once(store, endpoint("x"), **options), key("x"))) == 3


async def test_a_pod_scraped_twice_is_read_once() -> None:
    store = Store()
    store.add(RUNNING, every(15, -60, 0, "3"), job="a")
    store.add(RUNNING, every(15, -67, 0, "3"), job="b", instance="node-1")
    store.add(RUNNING, every(15, -66, 0, "3"), job="a", prometheus_replica="1")
    scrapes = window(await once(store))
    assert all(len(scrape.samples) == 1 for scrape in scrapes)
    assert {round(later.at - earlier.at) for earlier, later in pairwise(scrapes)} == {15}


async def test_a_sidecar_without_engine_series_is_not_preferred() -> None:
    store = Store()
    store.add("up", every(15, -600, 0, "1"), instance="10.0.0.1:9090", job="sidecars")
    store.add("up", every(15, -60, 0, "1"), instance="engine")
    store.add(RUNNING, every(15, -60, 0), instance="engine")
    assert window(await once(store))[-1].named(RUNNING)


@pytest.mark.parametrize("honored", [True, False])
async def test_gpu_series_carry_their_workload_whatever_prometheus_renamed(honored: bool) -> None:
    store, exporter = Store(), PodKey("gpu-operator", "dcgm-x")
    labels = {"gpu": "0", "UUID": "GPU-1", "instance": "10.0.0.9:9400"}
    own = {"namespace": exporter.namespace, "exported_namespace": "serving", "exported_container": "vllm"}
    for pod in ("llama-0", "llama-1", "foreign"):
        if honored:
            store.add(GPU, every(30, -60, 0, "35"), pod, container="vllm", **labels)
        else:
            store.add(GPU, every(30, -60, 0, "35"), exporter.pod, exported_pod=pod, container="dcgm", **own, **labels)
    listed = PodEndpoint(*exporter, "gpu-1", "10.0.0.9", 9400, kind="dcgm")
    collected = await once(store, endpoint(), endpoint("llama-1"), listed)
    [scrape, *_] = window(collected, exporter)
    described = [(one.labels["namespace"], one.labels["pod"], one.labels["container"]) for one in scrape.samples]
    assert sorted(described) == [("serving", "llama-0", "vllm"), ("serving", "llama-1", "vllm")]
    assert collected.exporters == {exporter}
    assert exporter not in collected.problems


async def test_the_gpus_of_a_new_pod_join_those_already_known_from_the_same_exporter() -> None:
    store = Store()
    for pod in ("llama-0", "llama-1"):
        store.add(GPU, every(30, -300, 0), pod, instance="10.0.0.9:9400")
    async with http_server(store) as port:
        source = source_of(port)
        await source.collect([endpoint()], NOW)
        collected = await source.collect([endpoint(), endpoint("llama-1")], NOW)
        await source.close()
    [exporter] = collected.exporters
    assert str(exporter) == "10.0.0.9:9400"  # not a known pod: named by its address
    scrapes = window(collected, exporter)
    assert len(scrapes) == 11
    assert all({one.labels["pod"] for one in scrape.samples} == {"llama-0", "llama-1"} for scrape in scrapes)


async def test_what_is_wrong_with_a_pod_is_named() -> None:
    store = Store()
    store.add("up", every(15, -60, 0, "0"), "down", instance="a")
    store.add(RUNNING, every(15, -300, -75), "down", instance="a")
    store.add("up", every(15, -60, 0, "1"), "silent", instance="b")
    store.add(RUNNING, every(15, -600, -300), "gone", instance="c")
    pods = [endpoint(pod) for pod in ("down", "silent", "gone", "never")]
    exporter = PodEndpoint("gpu-operator", "dcgm-x", "gpu-1", "10.0.0.9", 9400, kind="dcgm")
    collected = await once(store, *pods, exporter)
    named = {pod: problem.message for (_, pod), problem in collected.problems.items()}
    assert named == {
        "down": "Prometheus cannot scrape the pod",
        "silent": "Prometheus scrapes the pod but finds no series that is read",
        "gone": "Prometheus has no new samples of the pod",
        "never": "Prometheus has no series of the pod",
        "dcgm-x": "Prometheus has no GPU series of the judged pods from this exporter",
    }
    assert isinstance(collected.scrapes[key("never")], Absent)
    assert len(window(collected, key("down"))) == 16  # the last good data stay
    assert collected.problem is None


async def test_a_partial_answer_is_used_said_and_asked_again() -> None:
    store = Store(warnings=["No StoreAPIs matched\nfor  this query"])
    store.add(RUNNING, every(15, -60, 30))
    async with http_server(store) as port:
        source = source_of(port)
        partial = await source.collect([endpoint(), endpoint("llama-1")], NOW)
        assert store.seconds == [660, 660]
        store.warnings, store.series = (
            [],
            [*store.series, (dict(store.series[0][0], pod="llama-1"), every(15, -60, 30))],
        )
        whole = await source.collect([endpoint(), endpoint("llama-1")], NOW + 15)
        assert store.seconds == [660, 660]
        await source.close()
    assert isinstance(partial.problem, PartialResponse)
    assert partial.problem.hint == "No StoreAPIs matched for this query"
    assert len(window(partial)) == 5
    assert partial.scrapes[key("llama-1")] == Absent(f"{partial.problem.message}: {partial.problem.hint}")
    assert whole.problem is None and len(window(whole, key("llama-1"))) == 6


def status(code: int, body: str = "", content_type: str = "text/plain") -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": content_type, "Location": "http://127.0.0.1:1/"}
        return web.Response(status=code, text=body, headers=headers)

    return answer


API_ERROR = '{"status":"error","errorType":"execution","error":"query processing would load\\ntoo many samples"}'


@pytest.mark.parametrize(
    ("answer", "named", "hint"),
    [
        (status(422, API_ERROR), "refuses the query (execution)", "would load too many samples"),
        (status(503, "upstream connect error"), "answers HTTP 503", "see Prometheus' log"),
        (status(401), "answers HTTP 401", "give a token"),
        (status(404), "answers HTTP 404", "path prefix"),
        (status(302), "redirects (HTTP 302), which is not followed", "final URL"),
        (text("<!DOCTYPE html><title>Sign in</title>", "text/html"), "answers HTML, not JSON", "login page"),
        (text('{"status":"success","data":{}}'), "answers something that is not the query API's JSON", "URL"),
        (text('{"status":"success","data":{"resultType":"matrix","result":[{}]}}'), "malformed series", "URL"),
        (text(""), "answers something that is not the query API's JSON", "URL"),
    ],
)
async def test_an_answer_that_is_none_is_named(answer: Answer, named: str, hint: str) -> None:
    collected = await once(answer)
    assert isinstance(collected.problem, SourceUnavailable)
    assert named in collected.problem.message
    assert hint in collected.problem.hint
    assert collected.scrapes[key()] == Absent(f"{collected.problem.message}: {collected.problem.hint}")
    assert collected.problems[key()] is collected.problem


async def test_no_prometheus_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        source = source_of(taken.getsockname()[1])
        collected = await source.collect([endpoint()], NOW)
        await source.close()
    assert "refuses connections" in str(collected.problem)


async def test_a_prometheus_without_address_is_named() -> None:
    source = PrometheusSource(PrometheusOptions("http://prometheus.invalid:9090"))
    collected = await source.collect([endpoint()], NOW)
    await source.close()
    assert "cannot be reached" in str(collected.problem)


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("talk", [_hang, _drip])
async def test_a_slow_prometheus_costs_its_deadline_and_not_more(talk: Any) -> None:
    async with raw_server(talk) as port:
        source = source_of(port, deadline=0.3)
        started = asyncio.get_running_loop().time()
        collected = await source.collect([endpoint()], NOW)
        took = asyncio.get_running_loop().time() - started
        await source.close()
    assert "did not answer within 0.3 s" in str(collected.problem)
    assert took < 1.2


async def test_a_cut_off_or_endless_answer_is_named() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"sta')
        await writer.drain()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()

    for talk, named in ((cut, "breaks off its answer"), (endless, "answer is larger than 1 MiB")):
        async with raw_server(talk) as port:
            source = source_of(port, max_bytes=2**20)
            collected = await source.collect([endpoint()], NOW)
            await source.close()
        assert named in str(collected.problem)


async def test_data_stay_while_prometheus_is_down_until_they_are_too_old_and_gaps_are_filled() -> None:
    store, up = Store(), True
    store.add(RUNNING, every(15, -60, 1200))

    async def answer(request: web.Request) -> web.StreamResponse:
        return await store(request) if up else web.Response(status=503)

    async with http_server(answer) as port:
        source = source_of(port, bounds=Bounds(span=300.0))
        await source.collect([endpoint()], NOW)
        up = False
        down = await source.collect([endpoint()], NOW + 120)
        long_down = await source.collect([endpoint()], NOW + 400)
        up = True
        store.asked.clear()
        back = await source.collect([endpoint()], NOW + 500)
        await source.close()
    assert len(window(down)) == 5 and down.problems[key()] is down.problem
    assert isinstance(long_down.scrapes[key()], Absent)
    assert store.seconds == [300, 300]
    assert len(window(back)) == 20 and back.problems == {}


async def test_credentials_and_headers_are_sent_and_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token, shown = tmp_path / "token", set()
    token.write_text("one\n")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    store = Store()

    async def answer(request: web.Request) -> web.StreamResponse:
        shown.add((request.headers.get("Authorization"), request.headers.get("X-Scope-OrgID")))
        return await store(request)

    async with http_server(answer) as port:
        source = source_of(port, access=Access(token_file=token), headers={"X-Scope-OrgID": "ml"})
        await source.collect([endpoint()], NOW)
        token.write_text("two\n")
        await source.collect([endpoint()], NOW)
        token.unlink()
        unreadable = await source.collect([endpoint()], NOW)
        await source.close()
        basic = source_of(port, access=Access(username="me", password_file=netrc))
        await basic.collect([endpoint()], NOW)
        await basic.close()
    assert {("Bearer one", "ml"), ("Bearer two", "ml")} < shown
    assert any(str(sent).startswith("Basic bWU6") for sent, _ in shown)
    assert len(shown) == 3
    assert "the credentials cannot be read" in str(unreadable.problem)


async def test_a_client_certificate_and_a_private_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    authority.issue_cert("scalewarden").private_key_and_cert_chain_pem.write_to_path(str(own))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.verify_mode = ssl.CERT_REQUIRED
    authority.issue_cert("localhost").configure_cert(serving)
    authority.configure_trust(serving)
    access = Access(ca_file=ca_file, cert_file=own)
    async with http_server(Store(), serving) as port:
        problems = []
        for used in (access, replace(access, ca_file=None), replace(access, cert_file=None)):
            source = PrometheusSource(PrometheusOptions(f"https://localhost:{port}", access=used))
            problems.append(str((await source.collect([endpoint()], NOW)).problem))
            await source.close()
    trusted, strangers, anonymous = problems
    assert trusted == "None"
    assert "no TLS certificate that is trusted" in strangers
    assert anonymous != "None"


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://prometheus", "http://", ""])
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(BadInput, match="is not an http or https URL"):
        PrometheusSource(PrometheusOptions(url))


async def test_a_password_in_the_url_is_not_shown() -> None:
    source = PrometheusSource(PrometheusOptions("http://me:secret@127.0.0.1:1/prefix"))
    collected = await source.collect([endpoint()], NOW)
    await source.close()
    assert collected.problem is not None
    assert collected.problem.where == "http://127.0.0.1:1/prefix"


async def test_recorded_series_are_read_with_what_no_rule_can_record() -> None:
    """Rules speak at their own instants and have no target; sizes and limits are on the pod's own page."""
    store = Store()
    labels = {"engine": "vLLM", "job": "", "instance": ""}
    store.add("scalewarden:kv_usage", every(30, -120 + 7, 0, "0.5"), **labels)
    store.add("scalewarden:running", every(30, -120 + 7, 0, "4"), **labels)
    store.add("vllm:cache_config_info", every(15, -120, 0, "1"), kv_cache_size_tokens="4096")
    store.add(RUNNING, every(15, -120, 0, "9"))
    collected = await once(store, endpoint(), wanted=RECORDED_ONLY)
    assert collected.problems == {}
    signals = replica_signals(window(collected), Engine.AUTO, NOW, Thresholds(), 600)
    values = {name: signal.value for name, signal in signals.items() if isinstance(signal, Reading)}
    assert values == {SignalName.KV_USAGE: 0.5, SignalName.RUNNING: 4, SignalName.KV_TOKENS: 4096}
    assert [scrape.at for scrape in window(collected)] == [NOW - 120 + 7 + 30 * step for step in range(4)]
    assert RUNNING not in " ".join(store.texts)


async def test_recorded_series_alone_are_enough() -> None:
    store = Store()
    store.add("scalewarden:waiting", every(30, -60, 0, "2"), engine="TGI", job="", instance="")
    collected = await once(store, endpoint(), wanted=RECORDED_ONLY)
    signals = replica_signals(window(collected), Engine.AUTO, NOW, Thresholds(), 600)
    waiting = signals[SignalName.WAITING]
    assert isinstance(waiting, Reading) and waiting.value == 2


async def test_a_pod_made_anew_does_not_go_on_from_the_one_before() -> None:
    store = Store()
    store.add(RUNNING, every(15, -120, 0))
    collected = await once(store, endpoint(created_at=NOW - 40))
    assert [scrape.at for scrape in window(collected)] == [NOW - 30, NOW - 15, NOW]
