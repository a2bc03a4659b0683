"""A live guard that the API server calls, while others stalk it: honest requests are refused in time, memory stays."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cluster.guard.bench import Bench, Guard, workload
from tests.cluster.guard.load import Load
from tests.unit.surfaces.admission_cases import scale

pytestmark = pytest.mark.cluster

REVIEWS = 6_000
"""Reviews of a busy cluster's day: an HPA that asks every 15 s for what is refused is 5,760."""
MEBIBYTE = 2**20
HEAD = b"POST /scale HTTP/1.1\r\nHost: guard\r\nContent-Type: application/json\r\n"


def anyone() -> ssl.SSLContext:
    """A client that does not care whom it speaks to."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def review(namespace: str, number: int, name: str = "llama", **more: Any) -> bytes:
    """A decrease from 4 to 2, by a user of its own."""
    body = scale(4, 2, user=f"user-{number}", uid=f"review-{number}", namespace=namespace, name=name, **more)
    return json.dumps(body).encode()


async def post(web: aiohttp.ClientSession, port: int, body: bytes) -> tuple[int, bytes]:
    async with web.post(f"https://127.0.0.1:{port}/scale", data=body, ssl=anyone_context) as answer:
        return answer.status, await answer.read()


anyone_context = anyone()


async def besiege(port: int, stop: asyncio.Event) -> int:
    """Clients that begin and never end, garbage, and mebibytes of it, over and over; how many rounds."""
    rounds, silent = 0, []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as web:
        while not stop.is_set():
            for first in (HEAD, HEAD + b"Content-Length: 1048576\r\n\r\n{", b"\x16\x03\x01 no hello", b""):
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=anyone_context if first[:1] == b"P" else None
                )
                writer.write(first)
                silent.append(writer)
            bodies = (
                b"{", b"[]", b"\xff" * 64, b'{"request": {"object": {"spec": {"replicas": "all"}}}}',
                b'{"request": {"uid": ' + b'"x' * (MEBIBYTE // 2),
                review("nowhere", rounds, x="y" * MEBIBYTE),
            )  # fmt: skip
            for status, _ in await asyncio.gather(*(post(web, port, body) for body in bodies)):
                assert status in (200, 400, 413), status
            rounds += 1
        for writer in silent:
            writer.close()
    return rounds


async def test_slow_and_broken_clients_delay_nobody(fenced: Bench, guard: Guard, port: int) -> None:
    stop = asyncio.Event()
    attack = asyncio.create_task(besiege(port, stop))
    with Load(fenced) as load:
        await asyncio.to_thread(load.wait_for, "webhook", 200)
        stop.set()
    assert await attack >= 3
    answered = load.judge()
    assert answered["webhook"] >= 200
    assert answered["policy"] <= 0.05 * answered["webhook"], answered  # a time-out now and then is caught by the policy
    assert max(one.seconds for one in load.asked if one.by == "webhook") < 2.5
    assert fenced.replicas() == 4


def resident(guard: Guard) -> float:
    """MiB of memory that the guard's process has."""
    status = Path(f"/proc/{guard.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


async def ask(port: int, namespace: str, first: int, count: int) -> None:
    """So many reviews, each by another user, of targets that are there and of ones that are not."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16)) as web:
        for start in range(first, first + count, 400):
            bodies = [review(namespace, n, "llama" if n % 4 else f"gone-{n}") for n in range(start, start + 400)]
            for status, _ in await asyncio.gather(*(post(web, port, body) for body in bodies)):
                assert status == 200


def come_and_go(bench: Bench, round_: int) -> None:
    """Fifty described services appear and vanish."""
    objects: list[dict[str, Any]] = []
    for number in range(50):
        name = f"passing-{round_}-{number}"
        described = bench.service()
        described["metadata"]["name"] = described["spec"]["targetRef"]["name"] = name
        objects += [workload("Deployment", name, 0, bench.namespace), described]
    bench.cluster.apply(objects)
    for kind in ("infd", "deployment"):
        names = [f"passing-{round_}-{number}" for number in range(50)]
        bench.cluster.kubectl("delete", kind, *names, "-n", bench.namespace, "--wait=false")


@pytest.mark.timeout(600)
async def test_a_day_of_requests_and_of_services_that_come_and_go_leaves_no_memory_behind(
    fenced: Bench, guard: Guard, port: int
) -> None:
    share = REVIEWS // 6
    seen = []
    for round_ in range(6):
        await ask(port, fenced.namespace, round_ * share, share)
        await asyncio.to_thread(come_and_go, fenced, round_)
        seen.append(resident(guard))
    # What is remembered of texts and objects fills up at first; from then on a whole day may not add up to a leak.
    assert seen[-1] - seen[1] < 8.0, f"MiB after each sixth: {[round(one, 1) for one in seen]}"
    assert len(fenced.events("ScaleDownRefused")) <= REVIEWS / 60  # each by another user, so that no two are one
