"""Direct scrape against real servers on loopback: what it reads, what it keeps, and how each failure is named."""

import asyncio
import gzip
import socket
import ssl
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web

from scalewarden.errors import BadInput, SourceUnavailable
from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.sources.base import Collected, PodEndpoint, PodKey
from scalewarden.sources.page import PageLimits
from scalewarden.sources.scrape import DirectScrape, ScrapeOptions
from scalewarden.sources.tls import Access
from scalewarden.sources.window import Bounds
from tests.unit.sources.loopback import Answer, http_server, raw_server, text

NOW = 1_766_370_000.0
PAGE = '# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{engine="0"} 3.0\npython_info{a="b"} 1\n'
QUICK = ScrapeOptions(limits=PageLimits(deadline=0.3, max_bytes=2**20), spread=0.0)
KEY = PodKey("serving", "llama-0")


def endpoint(port: int, pod: str = "llama-0", **other: Any) -> PodEndpoint:
    return PodEndpoint("serving", pod, "gpu-1", "127.0.0.1", port, **other)


async def once(port: int, options: ScrapeOptions = QUICK, **other: Any) -> Collected:
    source = DirectScrape(options)
    try:
        return await source.collect([endpoint(port, **other)], NOW)
    finally:
        await source.close()


def cause(collected: Collected) -> str:
    """The named cause, which is the problem's too."""
    series = collected.scrapes[KEY]
    assert isinstance(series, Absent)
    problem = collected.problems[KEY]
    assert isinstance(problem, SourceUnavailable)
    assert problem.message in series.cause
    assert problem.where.startswith("http")
    return series.cause


async def test_a_page_becomes_a_scrape_of_the_wanted_series_only() -> None:
    async with http_server(text(PAGE)) as port:
        collected = await once(port)
    series = collected.scrapes["serving", "llama-0"]  # a plain tuple is the same key
    assert not isinstance(series, Absent)
    [scrape] = series
    assert [(sample.name, sample.labels, sample.value) for sample in scrape.samples] == [
        ("vllm:num_requests_running", {"engine": "0"}, 3.0)
    ]
    assert NOW <= scrape.at <= collected.at < NOW + 1
    assert collected.problems == {} and collected.problem is None


async def test_gzip_is_asked_for_and_read() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.headers["Accept-Encoding"] == "gzip"
        return web.Response(body=gzip.compress(PAGE.encode()), headers={"Content-Encoding": "gzip"})

    async with http_server(answer) as port:
        collected = await once(port)
    assert not isinstance(collected.scrapes[KEY], Absent)


async def test_the_path_and_its_query_are_kept() -> None:
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(str(request.rel_url))
        return await text(PAGE)(request)

    async with http_server(answer) as port:
        await once(port, path="/prometheus/metrics?format=text")
        await once(port, path="metrics")
    assert asked == ["/prometheus/metrics?format=text", "/metrics"]


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (text("<!doctype html><p>Sign in", "text/html"), "answers HTML, not metrics: check metrics.port and metrics"),
        (text("<html>\n<p>Sign in</p></html>\n", "text/plain"), "answers HTML, not metrics"),
        (text('{"detail":"Not Found"}', "application/json"), "answers JSON, not metrics"),
        (text('{"a": 1}\n', "text/plain"), "answers JSON, not metrics"),
        (text("\n", "text/plain"), "answers an empty page"),
        (text(PAGE[:-8]), "ends its page in the middle of a line"),
        (text(PAGE + "vllm:num_requests_running{engine= 3\n"), "serves a page that is not Prometheus text"),
        (text("process_cpu_seconds_total 3\n"), "without any series that is read: check that the engine's metrics"),
    ],
)
async def test_an_answer_that_is_no_metrics_page_is_named(answer: Answer, named: str) -> None:
    async with http_server(answer) as port:
        collected = await once(port)
    assert named in str(collected.problems[KEY].message) + ": " + collected.problems[KEY].hint
    if "without any series" not in named:
        assert named in cause(collected)


@pytest.mark.parametrize("status", [404, 401, 500, 503, 204])
async def test_an_http_status_is_named(status: int) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with http_server(answer) as port:
        assert f"answers HTTP {status}" in cause(await once(port))


async def test_a_redirect_is_not_followed() -> None:
    visited = []

    async def secret(request: web.Request) -> web.StreamResponse:
        visited.append(request.path)
        return await text(PAGE)(request)

    async with http_server(secret) as inside:

        async def answer(request: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(f"http://127.0.0.1:{inside}/latest/meta-data")

        async with http_server(answer) as port:
            assert "redirects (HTTP 302), which is not followed" in cause(await once(port))
    assert visited == []


async def test_nobody_listening_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert "refuses connections" in cause(await once(taken.getsockname()[1]))


async def test_a_pod_that_hangs_costs_its_deadline_and_not_more() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            writer.write(b"#")
            await writer.drain()
            await asyncio.sleep(0.02)

    for talk in (hang, drip):
        async with raw_server(talk) as port:
            started = asyncio.get_running_loop().time()
            assert "did not answer within 0.3 s" in cause(await once(port))
            assert asyncio.get_running_loop().time() - started < 1.0


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nvllm:num_requests_running 3\n",
            "the pod ends its page too early",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nvllm:", "the pod ends its page too early"),
        (b"HTTP/1.1 200 OK\r\n\r\nvllm:num_requests_running 3", "ends its page in the middle of a line"),
        (b"", "closes the connection without an answer"),
        (b"220 smtp ready\r\n\r\n", "does not answer HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe\x00binary\n", "serves a page that is not UTF-8 text"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nabc", "compresses its page in a way that was not asked for"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nabc", "serves broken gzip"),
        (
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n" + PAGE.encode(),
            "does not answer HTTP",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE.encode())[:-12],
            "the pod ends its page too early",
        ),
    ],
)
async def test_a_broken_answer_is_named(sent: bytes, named: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    async with raw_server(talk) as port:
        assert named in cause(await once(port))


def _endless() -> Iterator[bytes]:
    while True:
        yield b"vllm:padding 1.0\n" * 4096


def _bomb() -> Iterator[bytes]:
    """Pieces of a kilobyte that each inflate to a megabyte, sent sixty-four at a time."""
    squeeze = zlib.compressobj(wbits=31)
    comment = b"#" + b"0" * (2**20 - 1)
    while True:
        yield b"".join(squeeze.compress(comment) + squeeze.flush(zlib.Z_SYNC_FLUSH) for _ in range(64))


@pytest.mark.parametrize(("stream", "encoding"), [(_endless(), "identity"), (_bomb(), "gzip")])
async def test_an_endless_page_is_cut_off_with_memory_bounded(stream: Iterator[bytes], encoding: str) -> None:
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n".encode())
        for chunk in stream:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0)
            sent += len(chunk)
            if sent >= 2**30:
                return

    options = ScrapeOptions(limits=PageLimits(deadline=20.0, max_bytes=8 * 2**20), spread=0.0)
    async with raw_server(talk) as port:
        tracemalloc.start()
        try:
            collected = await once(port, options)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert "serves a page larger than 8 MiB" in cause(collected)
    assert sent < 2**25
    assert peak < 48 * 2**20


async def test_too_many_series_are_refused() -> None:
    page = "".join(f'vllm:num_requests_running{{engine="{n}"}} 1\n' for n in range(6))
    async with http_server(text(page)) as port:
        assert "too many series" in cause(await once(port, ScrapeOptions(max_series=5, spread=0.0)))


async def test_nan_and_sentinels_are_handed_on_as_they_are() -> None:
    async with http_server(text('vllm:num_requests_running{engine="0"} NaN\n')) as port:
        series = (await once(port)).scrapes[KEY]
    assert not isinstance(series, Absent)
    assert series[0].samples[0].value != series[0].samples[0].value


async def test_a_pod_that_stops_answering_keeps_its_window_and_the_cause_is_named() -> None:
    healthy = True

    async def answer(request: web.Request) -> web.StreamResponse:
        return await text(PAGE)(request) if healthy else web.Response(status=500)

    source = DirectScrape(QUICK)
    async with http_server(answer) as port:
        await source.collect([endpoint(port)], NOW)
        healthy = False
        later = await source.collect([endpoint(port)], NOW + 15)
        too_late = await source.collect([endpoint(port)], NOW + 700)
    await source.close()
    kept = later.scrapes[KEY]
    assert not isinstance(kept, Absent) and len(kept) == 1 and kept[0].at < NOW + 1
    assert later.problems[KEY].message == "the pod answers HTTP 500"
    assert "answers HTTP 500" in cause(too_late)


async def test_the_window_grows_oldest_first_and_drops_what_is_too_old() -> None:
    source = DirectScrape(ScrapeOptions(spread=0.0, bounds=Bounds(span=30.0)))
    async with http_server(text(PAGE)) as port:
        for step in range(6):
            collected = await source.collect([endpoint(port)], NOW + 15 * step)
    await source.close()
    series = collected.scrapes[KEY]
    assert not isinstance(series, Absent)
    assert [round(scrape.at - NOW) for scrape in series] == [45, 60, 75]


async def test_a_scrape_is_stamped_with_the_instant_of_its_visit() -> None:
    ticks = count(100.0)
    source = DirectScrape(QUICK, monotonic=lambda: next(ticks))
    async with http_server(text(PAGE)) as port:
        collected = await source.collect([endpoint(port)], NOW)
    await source.close()
    series = collected.scrapes[KEY]
    assert not isinstance(series, Absent)
    assert (series[0].at, collected.at) == (NOW + 1, NOW + 2)


async def test_pods_that_vanish_are_forgotten() -> None:
    source = DirectScrape(QUICK)
    async with http_server(text(PAGE)) as port:
        await source.collect([endpoint(port), endpoint(port, "llama-1")], NOW)
        without = await source.collect([endpoint(port, "llama-1")], NOW + 15)
        back = await source.collect([endpoint(port), endpoint(port, "llama-1")], NOW + 30)
    await source.close()
    assert set(without.scrapes) == {PodKey("serving", "llama-1")}
    lengths = {pod: len(series) for (_, pod), series in back.scrapes.items() if not isinstance(series, Absent)}
    assert lengths == {"llama-0": 1, "llama-1": 3}


async def test_one_hanging_pod_does_not_spoil_the_others() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/hang":
            await asyncio.sleep(5)
        return await text(PAGE)(request)

    source = DirectScrape(QUICK)
    async with http_server(answer) as port:
        pods = [endpoint(port, f"llama-{n}") for n in range(20)] + [endpoint(port, "sick", path="/hang")]
        collected = await source.collect(pods, NOW)
    await source.close()
    assert set(collected.problems) == {PodKey("serving", "sick")}


async def test_never_more_visits_at_once_than_allowed() -> None:
    under_way = most = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        return await text(PAGE)(request)

    source = DirectScrape(ScrapeOptions(concurrency=4, spread=0.0))
    async with http_server(answer) as port:
        collected = await source.collect([endpoint(port, f"llama-{n}") for n in range(20)], NOW)
    await source.close()
    assert collected.problems == {}
    assert most == 4


async def test_visits_are_spread_and_every_pod_keeps_its_place() -> None:
    delays: list[float] = []

    async def note(delay: float) -> None:
        delays.append(delay)

    source = DirectScrape(ScrapeOptions(concurrency=8, spread=2.0), sleep=note)
    async with http_server(text(PAGE)) as port:
        pods = [endpoint(port, f"llama-{n}") for n in range(16)]
        await source.collect(pods, NOW)
        await source.collect(pods, NOW + 15)
        await source.collect(pods[:1], NOW + 30)
    await source.close()
    first, second, [alone] = delays[:16], delays[16:32], delays[32:]
    assert first == second
    assert len(set(first)) == 16 and 0 <= min(first) < 0.5 and 1.5 < max(first) < 2.0
    assert alone == pytest.approx(first[0] / 8)  # one pod is no herd


async def test_exporters_are_told_apart() -> None:
    page = 'DCGM_FI_DEV_GPU_UTIL{gpu="0",namespace="serving",pod="llama-0"} 35\n'
    source = DirectScrape(QUICK)
    async with http_server(text(page)) as port:
        exporter = PodEndpoint("gpu-operator", "dcgm-x", "gpu-1", "127.0.0.1", port, kind="dcgm")
        collected = await source.collect([exporter], NOW)
    await source.close()
    assert set(collected.exporter_scrapes) == {"gpu-operator/dcgm-x"}


async def test_a_pod_recreated_under_its_name_begins_anew() -> None:
    source = DirectScrape(QUICK)
    async with http_server(text(PAGE)) as port:
        lengths = []
        for step, known in enumerate(
            ({"uid": "a"}, {"uid": "a", "restarted_at": NOW + 20}, {"uid": "b"}, {"uid": "b"})
        ):
            collected = await source.collect([endpoint(port, **known)], NOW + 15 * step)
            series = collected.scrapes[KEY]
            assert not isinstance(series, Absent)
            lengths.append(len(series))
    await source.close()
    assert lengths == [1, 2, 1, 2], "a container's restart is no new pod"


async def test_without_a_uid_another_address_is_another_pod() -> None:
    source = DirectScrape(QUICK)
    async with http_server(text(PAGE)) as port:
        await source.collect([endpoint(port)], NOW)
        moved = await source.collect([PodEndpoint("serving", "llama-0", "gpu-1", "127.0.0.2", port)], NOW + 15)
    await source.close()
    assert "refuses connections" in cause(moved), "nothing is left of the pod that was at the old address"


@pytest.mark.parametrize(
    ("later", "rate"),
    [
        ({"uid": "a"}, 200 / 15),  # nothing happened: 1,000 → 1,200
        ({"uid": "a", "restarted_at": NOW + 5}, 1200 / 15),  # counted from zero since, though it never fell
        ({"uid": "b"}, None),  # another pod: one scrape makes no rate
    ],
)
async def test_counters_of_a_restarted_or_recreated_pod(later: dict[str, Any], rate: float | None) -> None:
    counted = iter((1000, 1200))

    async def answer(request: web.Request) -> web.StreamResponse:
        page = (
            f'vllm:kv_cache_usage_perc{{engine="0"}} 0.5\nvllm:generation_tokens_total{{engine="0"}} {next(counted)}\n'
        )
        return await text(page)(request)

    source = DirectScrape(QUICK, monotonic=lambda: 0.0)
    async with http_server(answer) as port:
        await source.collect([endpoint(port, uid="a")], NOW)
        collected = await source.collect([endpoint(port, **later)], NOW + 15)
    await source.close()
    signals = replica_signals(
        collected.scrapes[KEY], Engine.VLLM, NOW + 15, Thresholds(), 600.0, later.get("restarted_at")
    )
    tokens = signals[SignalName.GEN_TPS]
    assert (tokens.value if isinstance(tokens, Reading) else None) == (rate and pytest.approx(rate))


async def test_a_live_page_with_a_series_twice_is_read_without_that_number() -> None:
    page = PAGE + 'vllm:kv_cache_usage_perc{engine="0"} 0.5\nvllm:kv_cache_usage_perc{engine="0"} 0.9\n'
    async with http_server(text(page)) as port:
        collected = await once(port)
    assert collected.problems == {}
    signals = replica_signals(collected.scrapes[KEY], Engine.VLLM, collected.at, Thresholds(), 600.0)
    assert isinstance(signals[SignalName.RUNNING], Reading)
    kv = signals[SignalName.KV_USAGE]
    assert isinstance(kv, Absent) and "NaN" in kv.cause


async def test_series_that_a_service_names_itself_are_read_too() -> None:
    async with http_server(text(PAGE + "mine_total 4\n")) as port:
        series = (await once(port, also=frozenset({"mine_total"}))).scrapes[KEY]
    assert not isinstance(series, Absent)
    assert series[0].named("mine_total")[0].value == 4


@pytest.mark.parametrize("ip", ["169.254.169.254", "fe80::1", "metadata.google.internal", "0.0.0.0"])
async def test_an_address_that_no_pod_has_is_never_asked(ip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dialled(*_: object, **__: object) -> None:
        raise AssertionError("it was asked")

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", dialled)
    source = DirectScrape(QUICK)
    collected = await source.collect([PodEndpoint("serving", "llama-0", "gpu-1", ip, 80)], NOW)
    await source.close()
    assert "which is never scraped: see status.podIP" in cause(collected)


async def test_ipv6_is_dialled() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.headers["Host"] == f"[::1]:{port}"
        return await text(PAGE)(request)

    try:
        runner = web.AppRunner(web.Application())
        runner.app.router.add_get("/metrics", answer)
        await runner.setup()
        await web.TCPSite(runner, "::1", 0).start()
    except OSError:
        pytest.skip("NOT RUN: this machine has no IPv6 loopback")
    port = runner.addresses[0][1]
    source = DirectScrape(QUICK)
    collected = await source.collect([PodEndpoint("serving", "llama-0", "gpu-1", "::1", port)], NOW)
    await source.close()
    await runner.cleanup()
    assert collected.problems == {} and not isinstance(collected.scrapes[KEY], Absent)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PAGE),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(PAGE),
    ],
)
async def test_every_way_to_end_a_page_is_understood(head: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head + PAGE.encode() + (b"\r\n0\r\n\r\n" if b"chunked" in head else b""))
        await writer.drain()

    async with raw_server(talk) as port:
        assert not isinstance((await once(port)).scrapes[KEY], Absent)


@pytest.mark.parametrize(
    ("sent", "named"),
    [(PAGE, "does not answer HTTP"), (PAGE[:20], "ends its page in the middle of a line")],
)
async def test_a_length_that_is_too_short_is_no_shorter_page(sent: str, named: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + sent.encode())
        await writer.drain()

    async with raw_server(talk) as port:
        assert named in cause(await once(port))


async def test_endless_headers_are_cut_off_with_memory_bounded() -> None:
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while sent < 2**26:
            writer.write(b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(64)))
            await writer.drain()
            await asyncio.sleep(0)
            sent += 2**16

    async with raw_server(talk) as port:
        assert "does not answer HTTP" in cause(await once(port, ScrapeOptions(spread=0.0)))
    assert sent < 2**23


async def test_a_connection_is_closed_after_its_page() -> None:
    closed: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(PAGE), PAGE.encode()))
        await writer.drain()
        closed.append(await reader.read())

    source = DirectScrape(QUICK)
    async with raw_server(talk) as port:
        await source.collect([endpoint(port)], NOW)
        async with asyncio.timeout(5):
            while not closed:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    await source.close()
    assert closed == [b""]


class TestPodsThatKeepUsWaiting:
    """They cost themselves their deadline, and nobody else anything."""

    OPTIONS = ScrapeOptions(
        concurrency=4, room=64, patience=0.02, limits=PageLimits(deadline=1.0), spread=0.0, longest_rest=45.0
    )

    @pytest.mark.parametrize("drips", [False, True])
    async def test_the_others_do_not_wait(self, drips: bool) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            if request.path == "/metrics":
                return await text(PAGE)(request)
            response = web.StreamResponse()
            if drips:
                await response.prepare(request)
                await response.write(b"# a page that never ends\n")
            await asyncio.sleep(30)
            return response

        source = DirectScrape(self.OPTIONS)
        async with http_server(answer) as port:
            sick = [endpoint(port, f"sick-{n}", path="/hang") for n in range(40)]
            pods = [*sick, *(endpoint(port, f"llama-{n}") for n in range(40))]
            for step in range(2):
                now = NOW + 15 * step
                collected = await source.collect(pods, now)
                assert {key.pod for key in collected.problems} == {one.pod for one in sick}
                newest = [series[-1].at for series in collected.scrapes.values() if not isinstance(series, Absent)]
                assert len(newest) == 40
                assert max(newest) - now < 0.9, "four at a time, forty hanging ones would take ten deadlines"
                assert collected.at - now < 2.5
        await source.close()

    async def test_each_is_tried_less_often_but_once_a_minute(self) -> None:
        tried: list[float] = []
        healthy = False

        async def answer(request: web.Request) -> web.StreamResponse:
            tried.append(now)
            if not healthy:
                await asyncio.sleep(30)
            return await text(PAGE)(request)

        source = DirectScrape(replace(self.OPTIONS, limits=PageLimits(deadline=0.03)), monotonic=lambda: 0.0)
        async with http_server(answer) as port:
            causes = set()
            for step in range(60):
                now = NOW + 15 * step
                causes.add(cause(await source.collect([endpoint(port)], now)))
            gaps = {later - earlier for earlier, later in pairwise(tried)}
            assert gaps == {15, 30, 45} or gaps == {15, 30, 45, 60}
            assert len(tried) < 40 and len(causes) == 1
            healthy = True
            tried.clear()
            for step in range(60, 68):
                now = NOW + 15 * step
                await source.collect([endpoint(port)], now)
        await source.close()
        assert len(tried) >= 5 and tried[-1] - tried[-2] == 15, "an answer ends the rest"

    async def test_a_rest_does_not_outlast_a_clock_that_is_set_back(self) -> None:
        async def hang(request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(30)
            return web.Response()

        source = DirectScrape(replace(self.OPTIONS, limits=PageLimits(deadline=0.2)), monotonic=lambda: 0.0)
        async with http_server(hang) as port:
            await source.collect([endpoint(port)], NOW + 3600)
        async with http_server(text(PAGE)) as port:
            back = await source.collect([endpoint(port)], NOW)
        await source.close()
        assert back.problems == {}

    async def test_who_refuses_at_once_is_asked_every_time(self) -> None:
        asked = 0

        async def starting(request: web.Request) -> web.StreamResponse:
            nonlocal asked
            asked += 1
            return web.Response(status=503)

        source = DirectScrape(self.OPTIONS)
        async with http_server(starting) as port:
            for step in range(10):
                await source.collect([endpoint(port)], NOW + step)
        await source.close()
        assert asked == 10


class TestTls:
    """https pods are dialled by IP, verified against a CA and a server name, and only they are shown the token."""

    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def serving(self, authority: trustme.CA) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("llama.serving.svc").configure_cert(context)
        return context

    @pytest.fixture
    def ca_file(self, authority: trustme.CA, tmp_path: Path) -> Path:
        path = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        return path

    async def test_a_trusted_certificate_and_a_rotating_token(
        self, serving: ssl.SSLContext, ca_file: Path, tmp_path: Path
    ) -> None:
        token, shown = tmp_path / "token", []

        async def answer(request: web.Request) -> web.StreamResponse:
            shown.append(request.headers.get("Authorization"))
            return await text(PAGE)(request)

        source = DirectScrape(
            ScrapeOptions(access=Access(ca_file=ca_file, token_file=token), server_name="llama.serving.svc", spread=0.0)
        )
        async with http_server(answer, serving) as port, http_server(answer) as plain:
            for content in ("one", "two\n"):
                token.write_text(content)
                collected = await source.collect([endpoint(port, scheme="https")], NOW)
                assert collected.problems == {}
            await source.collect([endpoint(plain)], NOW)
            token.unlink()
            unreadable = await source.collect([endpoint(port, "llama-9", scheme="https")], NOW)
        await source.close()
        assert shown == ["Bearer one", "Bearer two", None]
        assert unreadable.problems[PodKey("serving", "llama-9")].message == "the credentials cannot be read"

    async def test_a_certificate_that_is_not_trusted_is_named(self, serving: ssl.SSLContext, ca_file: Path) -> None:
        other_name = ScrapeOptions(access=Access(ca_file=ca_file), spread=0.0)
        async with http_server(text(PAGE), serving) as port:
            for options in (QUICK, other_name):
                collected = await once(port, options, scheme="https")
                assert "presents a TLS certificate that is not trusted" in cause(collected)

    async def test_plain_http_behind_https_is_named(self) -> None:
        async with http_server(text(PAGE)) as port:
            assert "does not speak TLS" in cause(await once(port, scheme="https"))

    def test_a_ca_file_that_is_none_is_refused_at_once(self, tmp_path: Path) -> None:
        bad = tmp_path / "ca.pem"
        bad.write_text("no certificate")
        with pytest.raises(BadInput, match=str(bad)):
            DirectScrape(ScrapeOptions(access=Access(ca_file=bad)))
