"""A real Prometheus with real scrapes: access, queries counted by itself, users' PromQL, limits, histograms, names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web

from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.cpu import cpu_signals
from scalewarden.sources.base import Collected, CustomKey, CustomQuery, PodEndpoint, PodKey
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_api import PrometheusApi
from scalewarden.sources.prometheus_options import PrometheusOptions, Wanted
from scalewarden.sources.tls import Access
from tests.prometheus_process import counted, pages, prometheus, scrape_config, until
from tests.unit.sources.loopback import http_server

pytestmark = pytest.mark.cluster

USED, PERIODS, THROTTLED = (
    "container_cpu_usage_seconds_total", "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total",
)  # fmt: skip
RUNNING, USAGE = "vllm:num_requests_running", "vllm:kv_cache_usage_perc"
BCRYPT = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
"""Of `correct horse`; made for this test."""


def pod_names(services: int) -> list[PodKey]:
    return [PodKey(f"team-{n % 3}", f"llama-{n}-{replica}") for n in range(services) for replica in range(2)]


def page_of(pods: Sequence[PodKey]) -> str:
    lines = [
        f'{name}{{namespace="{pod.namespace}",pod="{pod.pod}",engine="0"}} {value}'
        for name, value in ((RUNNING, 3), (USAGE, 0.25))
        for pod in pods
    ]
    return "\n".join(lines) + "\n"


def endpoints(pods: Sequence[PodKey]) -> list[PodEndpoint]:
    return [PodEndpoint(*pod, "gpu-1", "10.0.0.1", 8000) for pod in pods]


@asynccontextmanager
async def scraped(folder: Path, pods: Sequence[PodKey], *flags: str, **job: Any) -> AsyncIterator[str]:
    """A Prometheus that has scraped these pods three times."""
    async with (
        pages(lambda: page_of(pods)) as port,
        prometheus(folder, [scrape_config(port, **job)], *flags) as address,
    ):
        await until("three scrapes", lambda: _times(address, RUNNING, 3))
        yield address


async def _times(address: str, name: str, least: int) -> bool:
    url, form = f"http://{address}/api/v1/query", {"query": f"min(count_over_time({name}[5m])) >= {least}"}
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        return bool((await answer.json())["data"]["result"])


async def collected_from(
    address: str, pods: Sequence[PodKey], custom: Sequence[CustomQuery] = (), **options: Any
) -> Collected:
    source = PrometheusSource(PrometheusOptions(**{"url": f"http://{address}", "step": 1.0, **options}))
    try:
        return await source.collect(endpoints(pods), time.time(), custom)
    finally:
        await source.close()


async def test_the_number_of_queries_is_the_same_for_10_and_for_500_services(tmp_path: Path) -> None:
    counts = {}
    async with scraped(tmp_path, pod_names(500)) as address:
        for services in (10, 500):
            pods = pod_names(services)
            source = PrometheusSource(PrometheusOptions(f"http://{address}", history_batch=1000))
            for turn in ("first", "second"):
                before = await counted(address, "/api/v1/query")
                collected = await source.collect(endpoints(pods), time.time())
                counts[services, turn] = await counted(address, "/api/v1/query") - before
                assert collected.problem is None and collected.problems == {}
                assert all(not isinstance(collected.scrapes[pod], Absent) for pod in pods)
            await source.close()
    assert set(counts.values()) == {3}, "two for the pods' pages, one for their CPU rows"


async def test_basic_auth_a_private_authority_and_a_client_certificate(tmp_path: Path) -> None:
    authority, pods = trustme.CA(), pod_names(1)
    ca, server, key, own, password = (tmp_path / name for name in ("ca", "server", "key", "own", "password"))
    authority.cert_pem.write_to_path(str(ca))
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(key))
    server.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    authority.issue_cert("scalewarden").private_key_and_cert_chain_pem.write_to_path(str(own))
    tls = {
        "cert_file": str(server),
        "key_file": str(key),
        "client_ca_file": str(ca),
        "client_auth_type": "RequireAndVerifyClientCert",
    }
    web_config = {"tls_server_config": tls, "basic_auth_users": {"me": BCRYPT}}
    password.write_text("correct horse\n")
    access = Access(ca_file=ca, cert_file=own, username="me", password_file=password)
    async with (
        pages(lambda: page_of(pods)) as port,
        prometheus(tmp_path, [scrape_config(port)], web=web_config) as address,
    ):
        url = f"https://localhost:{address.rpartition(':')[2]}"

        async def read() -> bool:
            collected = await collected_from("", pods, url=url, access=access)
            assert collected.problem is None, collected.problem
            return collected.problems == {}

        await until("the pods to be read", read)
        password.write_text("wrong")
        refused = await collected_from("", pods, url=url, access=access)
        anonymous = await collected_from("", pods, url=url, access=Access(ca_file=ca))
        stranger = await collected_from("", pods, url=url, access=Access(cert_file=own))
    assert "answers HTTP 401" in str(refused.problem)
    assert anonymous.problem is not None
    assert "no TLS certificate that is trusted" in str(stranger.problem)


def cpu_rows() -> str:
    """A kubelet's page: 3 cores in use, a quarter of the periods throttled; the pod's own group counts all of it."""
    now = time.time()
    rows = {USED: 3.0 * now, PERIODS: 10.0 * now, THROTTLED: 2.5 * now}
    labels = [('container="vllm"', 1.0), ('container=""', 2.0), ('container="POD"', 1.0)]
    lines = (f'{name}{{namespace="team-0",pod="llama-0-0",{one}}} {value * times}'
             for name, value in rows.items() for one, times in labels)  # fmt: skip
    return "\n".join(lines) + "\n"


async def test_cpu_of_pods_is_read_from_the_kubelets_rows(tmp_path: Path) -> None:
    pod, other = pod_names(1)
    async with pages(cpu_rows) as port, prometheus(tmp_path, [scrape_config(port)]) as address:
        await until("five scrapes", lambda: _times(address, USED, 5))
        collected = await collected_from(address, [pod, other])
    rows = collected.cpu[pod]
    assert not isinstance(rows, Absent)
    found = cpu_signals(rows, {"vllm": 4.0}, collected.at, Thresholds(), 600.0)
    ratio, throttled = found[SignalName.CPU_RATIO], found[SignalName.CPU_THROTTLED]
    assert isinstance(ratio, Reading) and ratio.value == pytest.approx(0.75, rel=0.05)
    assert isinstance(throttled, Reading) and throttled.value == pytest.approx(0.25, rel=0.05)
    assert "cAdvisor" in str(collected.cpu[other])


def custom(name: str, promql: str, signal: SignalName = SignalName.KV_USAGE) -> CustomQuery:
    pods = frozenset(pod for pod in pod_names(3) if pod.pod.startswith(name))
    return CustomQuery(CustomKey(next(iter(pods)).namespace, name, signal), promql, pods)


GOOD = f"max by (namespace, pod) ({USAGE})"
BAD = {
    "max by (pod (x)": "it does not close its (",
    f"sum({USAGE}": "it does not close its (",
    "1": "expected type instant vector",
    "no_such_function(x)": "unknown function",
    f"{USAGE}[5m]": "expected type instant vector",
    f'{USAGE} * on(engine) {{__name__=~"{RUNNING}|{USAGE}"}}': "refuses the query (execution)",
    f"{GOOD}) or ({GOOD}": "it closes a )",
    'vector(1) or label_replace(vector(1), "pod", "somebody", "", "")': "gives no series with the label pod",
}


async def test_users_promql_good_and_bad_is_read_by_one_union(tmp_path: Path) -> None:
    pods = pod_names(3)
    good = [custom("llama-0", f"{GOOD}  # a remark )"), custom("llama-1", f"{GOOD} * 2"), custom("llama-2", GOOD)]
    signals = [signal for signal in SignalName if signal is not SignalName.KV_USAGE]
    bad = [custom("llama-0", text, signals[number]) for number, text in enumerate(BAD)]
    async with scraped(tmp_path, pods) as address:
        source = PrometheusSource(PrometheusOptions(f"http://{address}", step=1.0))
        refused: dict[Any, Absent] = {}
        for _ in range(12):
            before = await counted(address, "/api/v1/query_range")
            collected = await source.collect(endpoints(pods), time.time(), [*good, *bad])
            asked = await counted(address, "/api/v1/query_range") - before
            assert asked <= 5
            refused = dict(collected.refused)
        await source.close()
    assert asked == 1
    named = {one.promql: refused[one.key].cause for one in bad}
    assert {text: BAD[text] in cause for text, cause in named.items()} == dict.fromkeys(BAD, True), named
    assert refused.keys() == {one.key for one in bad}
    values = {pod.pod: _newest(collected, pod, "scalewarden_custom:kv_usage") for pod in pods}
    assert values == {name: 0.5 if "llama-1" in name else 0.25 for name in values}


def _newest(collected: Collected, pod: PodKey, name: str) -> float:
    series = collected.scrapes[pod]
    assert not isinstance(series, Absent), series
    return next(one.value for scrape in reversed(series) for one in scrape.named(name))


async def test_a_limit_on_samples_is_met_by_asking_in_parts(tmp_path: Path) -> None:
    pods = pod_names(40)
    async with scraped(tmp_path, pods, "--query.max-samples=700") as address:
        options = PrometheusOptions(f"http://{address}", overlap=5.0, history_batch=2, history_bytes=1)
        source = PrometheusSource(options)
        for _ in range(60):
            collected = await source.collect(endpoints(pods), time.time())
            if not source.waiting:
                break
        collected = await source.collect(endpoints(pods), time.time())
        await source.close()
    assert collected.problem is None and collected.problems == {}
    assert all(not isinstance(collected.scrapes[pod], Absent) for pod in pods)


async def test_native_histograms_beside_plain_series_do_no_harm(tmp_path: Path) -> None:
    base = "vllm:e2e_request_latency_seconds"
    labels = 'namespace="team-0",pod="llama-0-0"'
    histogram = (
        f"# TYPE {base} histogram\n"
        f'{base}_bucket{{{labels},le="1"}} 2\n{base}_bucket{{{labels},le="+Inf"}} 3\n'
        f"{base}_sum{{{labels}}} 2.5\n{base}_count{{{labels}}} 3\n"
    )
    pods = pod_names(1)[:1]
    async with (
        pages(lambda: page_of(pods) + histogram) as port,
        prometheus(tmp_path, [scrape_config(port, convert_classic_histograms_to_nhcb=True)]) as address,
    ):
        await until("three scrapes", lambda: _times(address, RUNNING, 3))
        form = {"query": f"{base}[5m]"}
        async with aiohttp.ClientSession() as session, session.post(f"http://{address}/api/v1/query", data=form) as raw:
            [found] = (await raw.json())["data"]["result"]
        assert "histograms" in found and "values" not in found, "this Prometheus has made native histograms"
        wanted = Wanted(frozenset({base, RUNNING}), frozenset())
        collected = await collected_from(address, pods, wanted=wanted)
    series = collected.scrapes[pods[0]]
    assert not isinstance(series, Absent)
    assert {name for scrape in series for name in scrape.names} == {RUNNING}
    assert collected.problem is None and collected.problems == {}


async def test_a_target_that_goes_down_and_one_that_is_no_longer_scraped(tmp_path: Path) -> None:
    pods, up = pod_names(1), True

    async def answer(_: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "text/plain; version=0.0.4"}
        return web.Response(text=page_of(pods), headers=headers) if up else web.Response(status=500)

    async with http_server(answer) as port:
        labels = {"namespace": pods[0].namespace, "pod": pods[0].pod}
        job = scrape_config(port, static_configs=[{"targets": [f"127.0.0.1:{port}"], "labels": labels}])
        async with prometheus(tmp_path, [job]) as address:
            source = PrometheusSource(PrometheusOptions(f"http://{address}"))

            async def met(pod: PodKey) -> str:
                collected = await source.collect(endpoints(pods), time.time())
                assert collected.problem is None
                return collected.problems[pod].message if pod in collected.problems else "well"

            await until("the pod to be read", lambda: _equal(met(pods[0]), "well"))
            up = False
            await until("the fault to be named", lambda: _equal(met(pods[0]), "Prometheus cannot scrape the pod"))
            up = True
            await until("it to be well again", lambda: _equal(met(pods[0]), "well"))
            await source.close()


async def _equal(found: Any, expected: str) -> bool:
    return bool(await found == expected)


@asynccontextmanager
async def google(address: str) -> AsyncIterator[str]:
    """A proxy that refuses regular expressions for names, as Google's service does, and passes everything else on."""

    async def answer(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        if "__name__=~" in str(form.get("query", "")):
            error = "convert vector selector failed: =~ is an unsupported matchtype for the __name__ label"
            return web.json_response({"status": "error", "errorType": "bad_data", "error": error}, status=400)
        url = f"http://{address}{request.path_qs}"
        async with aiohttp.ClientSession() as session, session.request(request.method, url, data=dict(form)) as passed:
            return web.Response(body=await passed.read(), status=passed.status, content_type="application/json")

    async with http_server(answer) as port:
        yield f"127.0.0.1:{port}"


async def test_asked_name_by_name_the_values_are_the_same(tmp_path: Path) -> None:
    pods = pod_names(5)
    async with scraped(tmp_path, pods) as address, google(address) as picky:
        raw, named = await collected_from(address, pods), await collected_from(picky, pods)
    for collected in (raw, named):
        assert collected.problem is None and collected.problems == {}
    for pod in pods:
        for name in (RUNNING, USAGE):
            assert _newest(raw, pod, name) == _newest(named, pod, name)
        series = named.scrapes[pod]
        assert not isinstance(series, Absent) and len(series) >= 2
        assert all(scrape.at % 1.0 == 0 for scrape in series)


async def test_history_is_read_in_chunks(tmp_path: Path) -> None:
    pods = pod_names(1)
    async with scraped(tmp_path, pods) as address:
        api = PrometheusApi(PrometheusOptions(f"http://{address}"))
        end = time.time() // 1
        answers = await asyncio.to_thread(lambda: list(api.range(f"count({RUNNING})", end - 15_000, end, 1.0)))
        api.close()
    assert len(answers) == 2
    points = [at for answer in answers for one in answer.result for at, _ in one["values"]]
    assert points == sorted(set(points)) and 2 <= len(points) < 60
