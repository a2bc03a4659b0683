"""By hand: how long a direct scrape of a large fleet takes, and what it costs.

    python -m tests.benchmarks.scrape_fleet [--pods 2000] [--hanging 0.1] [--cycles 3]

Pods are processes of this machine that serve recorded vLLM pages, compressed when asked. The same number of plain GETs,
whose bodies are thrown away, is the yardstick. The first cycle is cold.
"""

import argparse
import asyncio
import resource
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from pathlib import Path

import aiohttp

from scalewarden.sources.base import PodEndpoint
from scalewarden.sources.page import PageLimits
from scalewarden.sources.scrape import DirectScrape, ScrapeOptions
from tests.benchmarks.pages import loopback, recorded, resident
from tests.benchmarks.pods import PORT, serving

INTERVAL = 15.0
NOW = 1_766_370_000.0


def open_files() -> int:
    """Descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


class Meter:
    """Seconds, CPU seconds, the longest stall of the event loop, and the most open files of a stretch."""

    async def of(self, work: Awaitable[object]) -> None:
        self.stall, self.files = 0.0, 0
        watch = asyncio.create_task(self._watch())
        began, cpu = time.perf_counter(), time.process_time()
        await work
        self.seconds, self.cpu = time.perf_counter() - began, time.process_time() - cpu
        watch.cancel()

    async def _watch(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            self.stall = max(self.stall, time.perf_counter() - before - 0.005)
            self.files = max(self.files, open_files())

    def __str__(self) -> str:
        return (
            f"{self.seconds:5.2f} s, {self.cpu:5.2f} s of CPU, longest stall {self.stall * 1000:4.0f} ms, "
            f"at most {self.files} files open"
        )


async def plain(endpoints: Sequence[PodEndpoint], keep: bool) -> None:
    """Every page once, its bytes thrown away."""
    slots = asyncio.Semaphore(64)
    connector = aiohttp.TCPConnector(limit=0, force_close=not keep)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def get(endpoint: PodEndpoint) -> None:
            async with slots, session.get(endpoint.url, headers={"Accept-Encoding": "gzip"}) as response:
                await response.read()

        for _ in range(2 if keep else 1):
            await asyncio.gather(*map(get, endpoints))


async def measure(pods: int, hanging: float, cycles: int) -> None:
    addresses = loopback(pods)
    sick = round(pods * hanging)
    endpoints = [
        PodEndpoint("serving", f"llama-{n}", f"node-{n // 8}", ip, PORT, "/hang" if n < sick else "/metrics")
        for n, ip in enumerate(addresses)
    ]
    meter = Meter()
    with serving(addresses, recorded()):
        await meter.of(plain(endpoints[sick:], keep=False))
        yardstick = meter.seconds
        print(f"plain GETs   {meter}")
        source, before = DirectScrape(ScrapeOptions(limits=PageLimits())), resident()
        for cycle in range(cycles):
            at, found = NOW + INTERVAL * cycle, []

            async def collect(at: float = at, found: list[object] = found) -> None:
                found.append(await source.collect(endpoints, at))

            await meter.of(collect())
            [collected] = found
            late = [s[-1].at - at for k, s in collected.scrapes.items() if k not in collected.problems]
            causes = Counter(problem.message for problem in collected.problems.values())
            print(
                f"cycle {cycle}      {meter}, {len(collected.problems)} of {pods} pods not read {dict(causes)}",
                end="; ",
            )
            print(f"last visit of a pod that answers began after {max(late):.2f} s", end="; ")
            print(f"{meter.seconds / yardstick:.1f} × plain, {(resident() - before) / pods / 1000:.0f} kB a pod")
        await source.close()
    print(f"RLIMIT_NOFILE {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=2000)
    parser.add_argument("--hanging", type=float, default=0.0, help="share of pods that never answer")
    parser.add_argument("--cycles", type=int, default=3)
    asked = parser.parse_args()
    asyncio.run(measure(asked.pods, asked.hanging, asked.cycles))
