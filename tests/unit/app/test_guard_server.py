"""The admission server over HTTP: paths, limits, deadline, metrics, and certificates that change under way."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from scalewarden.app import guard_server
from scalewarden.app.certificates import Material, following
from scalewarden.app.guard import Address, serving
from scalewarden.app.guard_metrics import GuardMetrics
from scalewarden.app.guard_server import MOST_BYTES, GuardServer
from scalewarden.app.guard_tls import Files, Tls
from scalewarden.errors import BadInput, ClusterError
from scalewarden.surfaces.admission_record import Outcome, Record
from tests.unit.surfaces.admission_cases import NOW, entry, scale, service_edited, state

Client = TestClient[Any, Any]


@pytest.fixture
def told() -> list[Record]:
    """What the server tells."""
    return []


@pytest.fixture
def metrics() -> GuardMetrics:
    """The server's metrics."""
    return GuardMetrics()


@pytest.fixture
async def client(told: list[Record], metrics: GuardMetrics) -> AsyncIterator[Client]:
    """A server that guards one service, over plain HTTP."""
    server = GuardServer(state(fence=entry()), told.append, metrics, lambda: NOW)
    async with TestClient(TestServer(server.app())) as found:
        yield found


async def test_a_review_is_answered_told_and_counted(client: Client, told: list[Record], metrics: GuardMetrics) -> None:
    response = await client.post("/scale", json=scale(4, 2))
    assert response.status == 200 and response.content_type == "application/json"
    assert (await response.json())["response"]["allowed"] is False
    assert [record.outcome for record in told] == [Outcome.REFUSED]
    page = metrics.page({"scalefences": 1.5}, suppressed=2).decode()
    wanted = 'decision="Deny",path="deployments/scale",reason="KVCachePressure"} 1.0'
    assert f"scalewarden_verdicts_total{{{wanted}" in page
    assert 'scalewarden_admission_seconds_count{path="scale"} 1.0' in page
    assert 'scalewarden_watch_age_seconds{resource="scalefences"} 1.5' in page
    assert "scalewarden_events_suppressed_total 2.0" in page


async def test_a_dry_run_is_answered_and_neither_told_nor_counted(client: Client, told: list[Record]) -> None:
    response = await client.post("/scale", json=scale(4, 2, dryRun=True))
    assert (await response.json())["response"]["allowed"] is False
    assert told == []


async def test_a_deleted_service_is_counted_once_and_dry_runs_are_not(client: Client, metrics: GuardMetrics) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    gone = {"operation": "DELETE", "object": None}
    for dry_run in (True, False):
        review = service_edited({"targetRef": target}, {}, **gone, dryRun=dry_run)
        assert (await (await client.post("/services", json=review)).json())["response"]["warnings"]
    page = metrics.page({}, 0).decode()
    assert "scalewarden_guard_degraded_total 1.0" in page and "scalewarden_verdicts_total{" not in page


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/elsewhere", b"{}", 404),
        ("/scale/", b"{}", 404),
        ("/scale", b"<html>", 400),
        ("/scale", b"", 400),
        ("/scale", b"\xff\xfe", 400),
        ("/scale", b" " * (MOST_BYTES + 1), 413),
    ],
)
async def test_what_is_no_review_gets_an_error_that_the_api_server_ignores(
    client: Client, path: str, body: bytes, status: int
) -> None:
    assert (await client.post(path, data=body)).status == status


async def test_a_large_review_is_answered(client: Client) -> None:
    body = scale(4, 2)
    body["request"]["object"]["metadata"]["annotations"] = {"large": "x" * 3_000_000}
    assert (await (await client.post("/scale", json=body)).json())["response"]["allowed"] is False


async def test_a_body_that_does_not_arrive_is_given_up_before_the_api_server_does(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_server, "DEADLINE", 0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    assert (await client.post("/scale", data=slowly())).status == 503
    assert (await client.post("/scale", json=scale(4, 2))).status == 200, "and the next one is answered"


def material(of: Material | None = None) -> Material:
    """A certificate for localhost."""
    made = following(of, ("localhost",), datetime.now(UTC))
    assert made is not None
    return made


def put(folder: Path, made: Material) -> None:
    """Write it as cert-manager's Secret is mounted."""
    (folder / "tls.crt").write_bytes(made.cert)
    (folder / "tls.key").write_bytes(made.key)


async def serial(port: int, bundle: bytes) -> int:
    """The serial number of the certificate that a client meets which trusts the bundle."""
    context = ssl.create_default_context(cadata=bundle.decode())
    _, writer = await asyncio.open_connection("localhost", port, ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
    writer.close()
    return int(found, 16)


async def test_a_new_certificate_serves_new_handshakes_while_open_connections_go_on(
    tmp_path: Path, told: list[Record], metrics: GuardMetrics, unused_tcp_port: int
) -> None:
    first, second = material(), material()
    put(tmp_path, first)
    tls = Tls(Files(tmp_path))
    await tls.load()
    server = GuardServer(state(fence=entry()), told.append, metrics, lambda: NOW)
    trusting = ssl.create_default_context(cadata=first.bundle.decode())
    url = f"https://localhost:{unused_tcp_port}/scale"
    async with (
        serving(server.app(), Address("localhost", unused_tcp_port), tls.context),
        aiohttp.ClientSession() as web,
    ):
        connector = {"ssl": trusting, "data": orjson.dumps(scale(4, 2))}
        assert (await web.post(url, **connector)).status == 200
        before = await serial(unused_tcp_port, first.bundle)
        put(tmp_path, second)
        await tls.load()
        assert await serial(unused_tcp_port, second.bundle) != before
        assert (await web.post(url, **connector)).status == 200, "the open connection, although its CA is gone"


async def test_certificates_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as missing:
        await Tls(Files(tmp_path)).load()
    assert "tls.crt" in missing.value.where and "tls.key" in missing.value.hint
    put(tmp_path, material())
    (tmp_path / "tls.key").write_bytes(material().key)
    with pytest.raises(BadInput, match="cannot be used"):
        await Tls(Files(tmp_path)).load()


async def test_an_address_in_use_is_named(unused_tcp_port: int) -> None:
    at = Address("127.0.0.1", unused_tcp_port)
    server = GuardServer(state(), lambda _: None, GuardMetrics())
    async with serving(server.app(), at):
        with pytest.raises(ClusterError, match="cannot listen") as error:
            async with serving(server.app(), at):
                pass
    assert error.value.where == f"127.0.0.1:{unused_tcp_port}"
