"""Watches that die in silence, and webhooks that answer garbage or nothing."""

import asyncio
import json
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator

import pytest
import trustme
from aiohttp import web

from scalewarden.app.guard import Address, serving
from scalewarden.sources import kubeapi
from tests.cluster.guard.bench import Bench
from tests.cluster.guard.inside import InsideGuard, Wire, guard_config
from tests.cluster.guard.load import WEBHOOK, wait_until_known
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

INACTIVITY = 3.0
"""Seconds after which a silent watch counts as dead here; 90 in a real guard."""


@pytest.fixture
def fenced(bench: Bench) -> Bench:
    """A judged service: nobody below 3."""
    bench.judge(safe=4)
    bench.fence()
    return bench


def test_a_watch_that_dies_in_silence_is_noticed_and_nothing_old_is_refused_for_long(
    fenced: Bench, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubeapi, "INACTIVITY", INACTIVITY)
    cluster = fenced.cluster
    with Wire(cluster) as wire, InsideGuard(cluster, port, wire.config(guard_config(cluster))) as inside:
        wait_until_known(fenced)
        before = wire.connections
        wire.cut()
        began = time.monotonic()
        fenced.write_fence({})
        fenced.judge(safe=1)
        cluster.wait_for(lambda: fenced.scale(2, "--dry-run=server").done, "the guard to have heard", INACTIVITY + 20)
        assert time.monotonic() - began < INACTIVITY + 20
        assert wire.connections > before, "it called again"
        cluster.wait_for(lambda: inside.guard.world.problem() == "", "everything to be known", INACTIVITY + 10)
        fenced.fence()
        wait_until_known(fenced)


class Broken:
    """A webhook in the guard's place, with a certificate that is trusted, which answers as it is told."""

    def __init__(self, port: int, authority: trustme.CA) -> None:
        self.calls = 0
        self.answer: Answer = empty
        self._port = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("scalewarden-guard.scalewarden.svc").configure_cert(self._context)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._stop, self._up = threading.Event(), threading.Event()

    async def _run(self) -> None:
        app = web.Application()
        app.add_routes([web.post("/scale", self._serve)])
        async with serving(app, Address("127.0.0.1", self._port), self._context):
            self._up.set()
            await asyncio.to_thread(self._stop.wait)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        return await self.answer(request)

    def start(self) -> None:
        self._thread.start()
        assert self._up.wait(10)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(15)


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def empty(_: web.Request) -> web.Response:
    return web.Response(text="")


async def html(_: web.Request) -> web.Response:
    return web.Response(text="<html>502 Bad Gateway</html>", content_type="text/html")


async def error(_: web.Request) -> web.Response:
    return web.Response(status=500, text="Traceback")


async def elsewhere(request: web.Request) -> web.Response:
    raise web.HTTPFound("https://127.0.0.1:9/")


async def a_pod(_: web.Request) -> web.Response:
    return web.json_response({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}})


async def no_response(_: web.Request) -> web.Response:
    return web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"})


async def refused_to_somebody_else(_: web.Request) -> web.Response:
    response = {"uid": "another", "allowed": False, "status": {"code": 409, "message": "no"}}
    return web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})


async def ten_megabytes(_: web.Request) -> web.Response:
    return web.Response(body=b"{" + b" " * 10_000_000, content_type="application/json")


async def hangs(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def hangs_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def never_ends(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for _ in range(60):
        await response.write(b" ")
        await asyncio.sleep(0.5)
    return response


GARBAGE: tuple[Answer, ...] = (
    empty,
    html,
    error,
    elsewhere,
    a_pod,
    no_response,
    refused_to_somebody_else,
    ten_megabytes,
    hangs,
    hangs_up,
    never_ends,
)


@pytest.fixture(scope="module")
def broken(installed: LocalCluster, port: int) -> Iterator[Broken]:
    """It stands where the guard is called, until the next guard puts its own authority back."""
    authority = trustme.CA()
    server = Broken(port, authority)
    server.start()
    bundle = b64encode(authority.cert_pem.bytes()).decode()
    patch = [{"op": "add", "path": f"/webhooks/{n}/clientConfig/caBundle", "value": bundle} for n in (0, 1)]
    name = ("mutatingwebhookconfiguration", "scalewarden-guard")
    installed.kubectl("patch", *name, "--type=json", "-p", json.dumps(patch))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def watched(installed: LocalCluster, broken: Broken) -> Iterator[Bench]:
    """One service for all answers, fenced below 3."""
    bench = Bench.make(installed)
    bench.judge(safe=4)
    bench.fence()

    def called() -> bool:
        bench.scale(0, "--dry-run=server")
        return broken.calls > 0

    installed.wait_for(called, "the API server to call and trust it", 15)
    yield bench
    installed.kubectl("delete", "namespace", bench.namespace, "--wait=false")


@pytest.mark.parametrize("answer", GARBAGE, ids=lambda one: one.__name__)
def test_a_webhook_that_answers_garbage_changes_nothing(watched: Bench, broken: Broken, answer: Answer) -> None:
    broken.answer, before = answer, broken.calls
    began = time.monotonic()
    refused = watched.scale(2)
    took = time.monotonic() - began
    assert broken.calls > before
    assert not refused.done and "ValidatingAdmissionPolicy 'scalewarden-fence'" in refused.said
    assert took < 2 + 4, "the API server gives up after 2 s; the rest is kubectl"
    calls = broken.calls
    assert watched.scale(6, "--dry-run=server").done
    assert broken.calls == calls, "an increase is never sent"
    assert watched.scale(3, "--dry-run=server").done, "a decrease that the fence allows"
    assert WEBHOOK not in refused.said


def test_then_a_guard_takes_its_place_back(watched: Bench, broken: Broken, port: int) -> None:
    """Last: it ends the broken one."""
    broken.stop()
    with InsideGuard(watched.cluster, port):
        wait_until_known(watched)
