"""Pages of pods through an API server: what is asked, and how its refusals differ from the pods' own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scalewarden.errors import SourceUnavailable
from scalewarden.sources.base import PodEndpoint
from scalewarden.sources.kubeconnection import Connect, Connection
from scalewarden.sources.page import PageLimits
from scalewarden.sources.podproxy import PodPages, proxy_path
from tests.unit.sources.loopback import Answer, api_server, http_server, text

PAGE = "vllm:num_requests_running 3.0\n"
LIMITS = PageLimits(deadline=0.5, max_bytes=2**20)


def endpoint(**other: Any) -> PodEndpoint:
    return PodEndpoint(
        **({"namespace": "serving", "pod": "chat-0", "node": "n", "ip": "127.0.0.1", "port": 8000} | other)
    )


@asynccontextmanager
async def pages(tmp_path: Path, answer: Answer, *, direct: bool = False) -> AsyncIterator[PodPages]:
    async with api_server(tmp_path, answer) as kubeconfig:
        found = PodPages(Connection(Connect(kubeconfig)), direct=direct, limits=LIMITS)
        try:
            yield found
        finally:
            await found.close()


def status(code: int, message: str) -> Answer:
    """An answer of the API server itself."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
        return web.json_response(body, status=code)

    return answer


async def test_a_page_comes_through_the_api_server_with_our_credentials(tmp_path: Path) -> None:
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append((request.raw_path, request.headers["Authorization"]))
        return await text(PAGE)(request)

    async with pages(tmp_path, answer) as found:
        assert await found.page(endpoint(), {}) == PAGE
        await found.page(endpoint(scheme="https", path="/prometheus/metrics?format=text"), {"Authorization": "pod's"})
    assert asked == [
        ("/api/v1/namespaces/serving/pods/chat-0:8000/proxy/metrics", "Bearer secret"),
        (
            "/api/v1/namespaces/serving/pods/https:chat-0:8000/proxy/prometheus/metrics?format=text",
            "Bearer secret",
        ),
    ]
    assert found.said == ""


@pytest.mark.parametrize("path", ["/../../../secrets", "/%2e%2e/%2e%2e/secrets", "metrics#x", "/a b"])
def test_no_path_of_a_pod_leaves_the_proxy(path: str) -> None:
    made = proxy_path(endpoint(path=path))
    assert made.startswith("/api/v1/namespaces/serving/pods/chat-0:8000/proxy/")
    assert "/../" not in made and " " not in made


FORBIDDEN = (
    'pods "chat-0" is forbidden: User "eve" cannot get resource "pods/proxy" in API group "" in the namespace "s"'
)


@pytest.mark.parametrize(
    ("code", "message", "why"),
    [
        (403, FORBIDDEN, "the API server does not let you ask pods through it (it takes the verb get on pods/proxy"),
        (400, "address not allowed", "the API server passes nothing on to loopback addresses"),
    ],
)
async def test_pods_are_asked_directly_where_the_api_server_will_not(
    tmp_path: Path, code: int, message: str, why: str
) -> None:
    asked = []

    async def refuse(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await status(code, message)(request)

    async with http_server(text(PAGE)) as port, pages(tmp_path, refuse) as found:
        for _ in range(3):
            assert await found.page(endpoint(port=port), {}) == PAGE
    assert len(asked) == 1  # it is not asked again
    assert found.said.startswith(why) and found.said.endswith("; pods are asked by their own addresses instead")


async def test_directly_means_that_the_api_server_is_not_asked(tmp_path: Path) -> None:
    async def never(request: web.Request) -> web.StreamResponse:
        raise AssertionError(request.path)

    async with http_server(text(PAGE)) as port, pages(tmp_path, never, direct=True) as found:
        assert await found.page(endpoint(port=port), {}) == PAGE


async def _redirect(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://169.254.169.254/")


async def _large(request: web.Request) -> web.StreamResponse:
    return web.Response(text="# x\n" * 400_000)


async def _denied(request: web.Request) -> web.StreamResponse:
    return web.Response(status=403, text="who are you?")


CASES: Mapping[str, tuple[Answer, str]] = {
    "a redirect": (_redirect, "redirects (HTTP 302), which is not followed"),
    "too large": (_large, "serves a page larger than 1 MiB"),
    "the pod's own 403": (_denied, "answers HTTP 403"),
    "no such path": (status(404, "not found"), "answers HTTP 404"),
    "a dead pod": (
        status(503, "error trying to reach service: dial tcp 10.0.0.7:8000: connect: connection refused"),
        "the pod cannot be reached from the API server",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_one_pod_does_wrong_says_nothing_about_the_way(tmp_path: Path, case: str) -> None:
    answer, cause = CASES[case]
    async with pages(tmp_path, answer) as found:
        with pytest.raises(SourceUnavailable) as met:
            await found.page(endpoint(), {})
        assert cause in met.value.message
        assert found.said == ""
