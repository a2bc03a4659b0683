"""What strangers and broken clients send to the guard: it stays up, and honest requests are answered in time."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import orjson
import pytest

from scalewarden.app import guard
from scalewarden.app.guard import Address, serving
from scalewarden.app.guard_metrics import GuardMetrics
from scalewarden.app.guard_server import DEADLINE, MOST_AT_ONCE, MOST_BYTES, SMALL_BYTES, GuardServer
from tests.unit.surfaces.admission_cases import NOW, entry, parent, scale, state

SOON = 1.0
"""Seconds within which an honest request must be answered; the API server waits 2."""
MANY = 200
HEAD = b"POST /scale HTTP/1.1\r\nHost: guard\r\nContent-Type: application/json\r\n"


@pytest.fixture
async def port(unused_tcp_port: int) -> AsyncIterator[int]:
    """A server that guards one service, over plain HTTP, with the guard's own limits."""
    server = GuardServer(state(fence=entry()), lambda _: None, GuardMetrics(), lambda: NOW)
    async with serving(server.app(), Address("127.0.0.1", unused_tcp_port)):
        yield unused_tcp_port


async def refusal_within(port: int, seconds: float = SOON, body: dict[str, Any] | None = None) -> None:
    """An honest decrease gets its refusal in time."""
    url = f"http://127.0.0.1:{port}/scale"
    async with (
        asyncio.timeout(seconds),
        aiohttp.ClientSession() as web,
        web.post(url, json=body or scale(4, 2)) as response,
    ):
        assert (await response.json())["response"]["allowed"] is False


async def connections(port: int, first: bytes, count: int) -> list[asyncio.StreamWriter]:
    """So many clients that sent this much, and now keep silent."""
    opened = []
    for _ in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)
        opened.append(writer)
    return opened


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"POST /sca",
        HEAD,
        HEAD + b"Content-Length: 2000\r\n\r\n{",
        HEAD + b"Content-Length: 1048576\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ],
    ids=["silent", "half a line", "half a head", "half a small body", "half of 1 MiB", "half of no known length"],
)
async def test_slow_clients_do_not_hold_up_an_honest_one(port: int, first: bytes) -> None:
    slow = await connections(port, first, MANY)
    await refusal_within(port)
    for writer in slow:
        writer.close()
    await refusal_within(port)


async def test_large_bodies_that_stand_still_are_given_up_and_a_large_one_is_answered_then(port: int) -> None:
    await connections(port, HEAD + b"Content-Length: 1048576\r\n\r\n{", MOST_AT_ONCE)
    await asyncio.sleep(DEADLINE + 0.2)
    await refusal_within(port, body=weighing(1024 * 1024))


async def test_a_client_that_never_sends_a_request_is_hung_up_on(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "IDLE", 0.3)
    server = GuardServer(state(fence=entry()), lambda _: None, GuardMetrics(), lambda: NOW)
    async with serving(server.app(), Address("127.0.0.1", unused_tcp_port)):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(HEAD)
        async with asyncio.timeout(3):
            assert await reader.read() == b""
        writer.close()


def weighing(size: int) -> dict[str, Any]:
    """A review that is about so many bytes long."""
    body = scale(4, 2)
    body["request"]["object"]["metadata"]["annotations"] = {"large": "x" * size}
    return body


async def test_of_a_hundred_reviews_of_a_mebibyte_at_once_each_is_answered_or_let_through_in_time(port: int) -> None:
    text = orjson.dumps(weighing(1024 * 1024))
    assert SMALL_BYTES < len(text) < MOST_BYTES

    async def send(web: aiohttp.ClientSession) -> int:
        async with web.post(f"http://127.0.0.1:{port}/scale", data=text) as response:
            if response.status == 200:
                assert (await response.json())["response"]["allowed"] is False
            return response.status

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as web:
        answers = await asyncio.gather(*(send(web) for _ in range(100)))
    assert set(answers) <= {200, 503} and answers.count(200) >= MOST_AT_ONCE
    await refusal_within(port)


NOT_JSON: dict[str, bytes] = {
    "deeper than any parser goes": b'{"request":' * 100_000,
    "brackets": b"[" * 1_000_000,
    "half a surrogate": b'{"request": {"uid": "\\ud800"}}',
    "not UTF-8": b'{"request": {"uid": "\xff\xfe"}}',
    "UTF-16": '{"request": {}}'.encode("utf-16"),
    "cut off": orjson.dumps(scale(4, 2))[:-2],
    "two documents": orjson.dumps(scale(4, 2)) * 2,
    "NaN": b'{"request": NaN}',
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_what_is_no_json_is_a_400_that_the_api_server_ignores(port: int, body: bytes) -> None:
    async with aiohttp.ClientSession() as web, web.post(f"http://127.0.0.1:{port}/scale", data=body) as response:
        assert response.status == 400 and "not JSON" in await response.text()
    await refusal_within(port)


def with_request(**changes: Any) -> dict[str, Any]:
    """A decrease with something wrong in it."""
    body = scale(4, 2)
    body["request"] |= changes
    return body


ODD: dict[str, object] = {
    "null": None,
    "a list": [],
    "null request": {"request": None},
    "no object": with_request(object=None),
    "deletion": with_request(operation="DELETE", object=None),
    "no old object": with_request(oldObject=None),
    "creation": with_request(operation="CREATE", oldObject=None),
    "connection": with_request(operation="CONNECT"),
    "no spec": with_request(object={"spec": None}),
    "a list for an object": with_request(object=[]),
    "a count beyond 64 bits": with_request(object={"spec": {"replicas": 10**30}}),
    "a count with a point": with_request(object={"spec": {"replicas": 2.0}}),
    "a count in quotes": with_request(object={"spec": {"replicas": "2"}}),
    "true for a count": with_request(object={"spec": {"replicas": True}}),
    "name in another script": with_request(name="лама-七十"),
    "a name with line breaks": with_request(name="llama\r\nX: y"),
    "another namespace": with_request(namespace="ᴋube-system"),
    "no resource": with_request(resource=None),
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD.keys())
async def test_what_the_guard_does_not_understand_passes(port: int, body: object) -> None:
    text = _dumped(body)
    async with aiohttp.ClientSession() as web, web.post(f"http://127.0.0.1:{port}/scale", data=text) as response:
        assert response.status == 200, await response.text()
        assert (await response.json())["response"]["allowed"] is True
    await refusal_within(port)


def _dumped(body: object) -> bytes:
    """JSON also of numbers that orjson does not write."""
    return json.dumps(body).encode()


@pytest.mark.parametrize("user", ["Ünïcode 用户", "a\u0000b", "x" * 10_000, "\u202eevil", ""])
async def test_whoever_asks_is_refused_whatever_they_are_called(port: int, user: str) -> None:
    await refusal_within(port, body=scale(4, 2, user))


@pytest.mark.parametrize(("before", "after"), [(4, None), (4, 0)])
async def test_no_count_at_all_means_one_and_is_a_decrease(port: int, before: int, after: int | None) -> None:
    await refusal_within(port, body=parent(before, after))


async def test_garbage_on_the_wire_is_answered_or_hung_up_on(port: int) -> None:
    lines = (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 1000, b"A" * 100_000)
    async with AsyncExitStack() as stack:
        for line in lines:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(line)
            writer.write_eof()
            async with asyncio.timeout(3):
                assert b" 200 " not in await reader.read()
    await refusal_within(port)


@pytest.mark.parametrize("length", [2000, 1_048_576])
async def test_who_hangs_up_in_the_middle_leaves_no_traceback(
    port: int, length: int, caplog: pytest.LogCaptureFixture
) -> None:
    for writer in await connections(port, HEAD + f"Content-Length: {length}\r\n\r\n{{".encode(), 20):
        await writer.drain()
        writer.transport.abort()
    await asyncio.sleep(0.2)
    await refusal_within(port)
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]
