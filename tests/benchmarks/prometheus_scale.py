"""How a collection from a real Prometheus grows with the number of InferenceDeployments. By hand:

    PYTHONPATH=operator:. python -m tests.benchmarks.prometheus_scale [--services 10 5000] [--series 12]

One page stands for all pods (two a service), scraped every 15 s with honor_labels. `--series` a pod: 12 is what
recorded series cost, 190 what a raw vLLM page does. Prints queries, bytes, seconds and memory of the first collection
and of one that only asks for what is new, and how long Prometheus takes for each way to name the pods. Seconds with
`CPU` are this process's own; the others include waiting for Prometheus and for a core.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from scalewarden.signals.names import ENGINE
from scalewarden.sources.base import PodEndpoint, PodKey
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_options import PrometheusOptions, Wanted
from scalewarden.sources.prometheus_query import any_of
from tests.prometheus_process import counted, pages, prometheus, scrape_config, until

REPLICAS = 2
Row = dict[str, float]


def _pods(services: int) -> list[PodKey]:
    return [
        PodKey(f"team-{number % 50}", f"llama-{number}-{replica:05x}-abcde")
        for number in range(services)
        for replica in range(REPLICAS)
    ]


def _page(pods: list[PodKey], series: int) -> tuple[str, frozenset[str]]:
    names = sorted(ENGINE)[:series]
    labels = range(-(-series // len(names)))
    lines = [
        f'{name}{{namespace="{pod.namespace}",pod="{pod.pod}",engine="{engine}",model_name="llama-70b"}} 1'
        for name in names
        for pod in pods
        for engine in labels
    ]
    return "\n".join(lines) + "\n", frozenset(names)


async def _measure(services: int, series: int) -> Row:
    pods = _pods(services)
    page, names = _page(pods, series)
    with tempfile.TemporaryDirectory() as folder:
        async with pages(lambda: page) as port:
            job = scrape_config(port, scrape_interval="15s", scrape_timeout="15s")
            async with prometheus(Path(folder), [job]) as address:
                some = next(iter(names))
                expected = len(pods) * -(-series // len(names))
                await until("three scrapes", lambda: _scraped(address, some, expected), 180)
                return await _collections(address, pods, names) | await _namings(address, pods, some)


async def _ask(address: str, query: str) -> dict[str, object]:
    url = f"http://{address}/api/v1/query"
    async with aiohttp.ClientSession() as session, session.post(url, data={"query": query}) as answer:
        return dict(await answer.json())


async def _scraped(address: str, name: str, expected: int) -> bool:
    found = await _ask(address, f"count(count_over_time({name}[5m]) >= 3)")
    return f'"{expected}"' in json.dumps(found)


async def _collections(address: str, pods: list[PodKey], names: frozenset[str]) -> Row:
    options = PrometheusOptions(f"http://{address}", wanted=Wanted(names, frozenset()), deadline=60, history_batch=50)
    source = PrometheusSource(options)
    endpoints = [PodEndpoint(*pod, "gpu-1", "10.0.0.1", 8000) for pod in pods]
    rows: Row = {}
    for turn in ("first", "next"):
        before = await counted(address, "/api/v1/query")
        started, used = time.perf_counter(), time.process_time()
        collected = await source.collect(endpoints, time.time())
        rows[f"{turn}: seconds"] = time.perf_counter() - started
        rows[f"{turn}: CPU seconds"] = time.process_time() - used
        assert collected.problem is None, (collected.problem, collected.problem.hint)
        rows[f"{turn}: pods read"] = sum(not hasattr(one, "cause") for one in collected.scrapes.values())
        rows[f"{turn}: queries"] = await counted(address, "/api/v1/query") - before
    turns = 2
    started = time.perf_counter()
    while source.waiting:
        await source.collect(endpoints, time.time())
        turns += 1
        print(f"  {turns} collections, {time.perf_counter() - started:.0f} s", file=sys.stderr)
    rows["collections until every history is there"] = turns
    before = await counted(address, "/api/v1/query")
    started, used = time.perf_counter(), time.process_time()
    await source.collect(endpoints, time.time())
    rows["steady: seconds"] = time.perf_counter() - started
    rows["steady: CPU seconds"] = time.process_time() - used
    rows["steady: queries"] = await counted(address, "/api/v1/query") - before
    rows["steady: MB of JSON"] = source.bytes / 2**20
    rows["steady: MB a pod"] = source.bytes / 2**20 / len(pods)
    rows["resident memory, MB, at most"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    await source.close()
    return rows


async def _namings(address: str, pods: list[PodKey], name: str) -> Row:
    """Seconds for one name's newest samples, by how the pods are named."""
    names = sorted(pod.pod for pod in pods)
    namespaces = any_of(sorted({pod.namespace for pod in pods}))
    escaped = json.dumps("|".join(re.escape(one) for one in names))
    ways = {
        "pods, nothing escaped": f"{name}{{namespace=~{namespaces},pod=~{any_of(names)}}}[60s]",
        "pods, - escaped": f"{name}{{namespace=~{namespaces},pod=~{escaped}}}[60s]",
        "namespaces": f'{name}{{namespace=~{namespaces},pod!=""}}[60s]',
        "any": f'{name}{{namespace!="",pod!=""}}[60s]',
    }
    rows: Row = {}
    for way, selector in ways.items():
        best = float("inf")
        for _ in range(3):
            started = time.perf_counter()
            answer = await _ask(address, f"count({selector.replace('[60s]', '')})")
            best = min(best, time.perf_counter() - started)
        assert f'"{len(pods)}"' in json.dumps(answer) or "value" in json.dumps(answer), answer
        rows[f"select by {way}: seconds"] = best
        rows[f"select by {way}: bytes of query"] = len(selector)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, nargs="+", default=[10, 5000])
    parser.add_argument("--series", type=int, default=12)
    chosen = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores; {chosen.series} series a pod, {REPLICAS} pods a service")
    rows = [asyncio.run(_measure(services, chosen.series)) for services in chosen.services]
    print(f"{'':52}" + "".join(f"{services:>14,}" for services in chosen.services) + f"{'ratio':>10}")
    for what in rows[0]:
        numbers = [row[what] for row in rows]
        ratio = numbers[-1] / numbers[0] if numbers[0] else float("nan")
        print(f"{what:52}" + "".join(f"{number:>14.3f}" for number in numbers) + f"{ratio:>10.1f}")


if __name__ == "__main__":
    main()
