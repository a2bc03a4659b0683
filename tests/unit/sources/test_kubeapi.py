"""The API client against servers that misbehave in ways a real one does only now and then."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scalewarden.sources.kubeapi import ApiError, KubeApi
from scalewarden.sources.kubeconnection import Connect
from scalewarden.sources.kuberesource import DEPLOYMENTS, NAMESPACES, PODS
from scalewarden.sources.kubewatch import Alive, Gone, Listed, Lost, Put, follow
from tests.unit.sources.loopback import Answer, api_server

POD = {"metadata": {"name": "x", "namespace": "a", "resourceVersion": "7"}}


@asynccontextmanager
async def served(tmp_path: Path, answer: Answer) -> AsyncIterator[KubeApi]:
    async with api_server(tmp_path, answer) as kubeconfig, KubeApi.open(Connect(kubeconfig)) as api:
        yield api


def script(*answers: web.StreamResponse) -> tuple[Answer, list[web.Request]]:
    """Each request gets the next answer, the last one for ever."""
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        planned = answers[min(len(asked), len(answers)) - 1]
        return web.Response(status=planned.status, body=planned.body, headers=planned.headers)

    return answer, asked


def said(status: int, body: object, **headers: str) -> web.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})


def lines(*events: dict[str, Any]) -> web.Response:
    return web.Response(text="".join(json.dumps(event) + "\n" for event in events))


async def test_requests_carry_token_and_selectors(tmp_path: Path) -> None:
    answer, asked = script(said(200, {"metadata": {"resourceVersion": "1"}, "items": []}))
    async with served(tmp_path, answer) as api:
        await api.list(PODS, "a", labels="app=x", fields="spec.nodeName=n")
    assert asked[0].headers["Authorization"] == "Bearer secret"
    assert asked[0].path == "/api/v1/namespaces/a/pods"
    assert asked[0].query["labelSelector"] == "app=x" and asked[0].query["fieldSelector"] == "spec.nodeName=n"


async def test_a_busy_server_is_asked_again_after_as_long_as_it_says(tmp_path: Path) -> None:
    answer, asked = script(
        said(429, {"message": "busy"}, Retry_After="0"), said(503, {}, Retry_After="0"), said(200, POD)
    )
    async with served(tmp_path, answer) as api:
        assert await api.get(PODS, "a", "x") == POD
    assert len(asked) == 3


async def test_a_server_that_stays_busy_is_an_error(tmp_path: Path) -> None:
    answer, asked = script(said(429, {"message": "busy", "reason": "TooManyRequests"}, Retry_After="0"))
    async with served(tmp_path, answer) as api:
        with pytest.raises(ApiError, match="busy") as caught:
            await api.get(PODS, "a", "x")
    assert caught.value.status == 429 and len(asked) == 4


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (said(500, "<html>proxy error</html>"), 500, "Internal Server Error"),
        (said(403, {"message": 'pods is forbidden: User "x"', "reason": "Forbidden"}), 403, "forbidden"),
        (said(200, "<html>login</html>"), 0, "not JSON"),
        (said(200, "[]"), 0, "not an object"),
        (said(404, {"message": "not found", "reason": "NotFound"}), 404, "not found"),
    ],
)
async def test_every_refusal_is_one_error_with_status_and_place(
    tmp_path: Path, answer: web.Response, status: int, words: str
) -> None:
    async with served(tmp_path, script(answer)[0]) as api:
        with pytest.raises(ApiError, match=words) as caught:
            await api.get(DEPLOYMENTS, "a", "x", "scale")
    assert caught.value.status == status
    assert caught.value.where == "/apis/apps/v1/namespaces/a/deployments/x/scale"


async def test_what_is_gone_already_is_deleted(tmp_path: Path) -> None:
    async with served(tmp_path, script(said(404, {"message": "not found"}))[0]) as api:
        await api.delete(PODS, "a", "x")
        assert await api.find(PODS, "a", "x") is None


async def test_follow_lists_anew_when_its_version_has_expired(tmp_path: Path) -> None:
    listing = said(200, {"metadata": {"resourceVersion": "5"}, "items": [POD]})
    expired = {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}
    first = lines({"type": "MODIFIED", "object": POD}, bookmark, expired)
    second = lines({"type": "DELETED", "object": POD})
    answer, asked = script(listing, first, listing, second)
    async with served(tmp_path, answer) as api:
        stream = follow(api, PODS)
        heard = [await anext(stream) for _ in range(5)]
        await stream.aclose()
    listed = Listed(({"apiVersion": "v1", "kind": "Pod", **POD},))
    assert heard == [listed, Put(POD), Alive(), listed, Gone(POD)]
    assert asked[1].query["resourceVersion"] == "5" and asked[1].query["allowWatchBookmarks"] == "true"


async def test_a_watch_that_ends_goes_on_from_where_it_was(tmp_path: Path) -> None:
    listing = said(200, {"metadata": {"resourceVersion": "5"}, "items": []})
    answer, asked = script(listing, lines({"type": "ADDED", "object": POD}), lines({"type": "MODIFIED", "object": POD}))
    async with served(tmp_path, answer) as api:
        stream = follow(api, PODS)
        assert [type(await anext(stream)) for _ in range(3)] == [Listed, Put, Put]
        await stream.aclose()
    assert [request.query["resourceVersion"] for request in asked[1:3]] == ["5", "7"]


async def test_a_silent_watch_counts_as_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalewarden.sources.kubeapi.INACTIVITY", 0.2)

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return said(200, {"metadata": {"resourceVersion": "5"}, "items": []})
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"\n")
        await asyncio.sleep(2)
        return response

    async with served(tmp_path, answer) as api:
        stream = follow(api, PODS)
        assert isinstance(await anext(stream), Listed)
        lost = await anext(stream)
        await stream.aclose()
    assert isinstance(lost, Lost) and lost.error.status == 0


def test_addresses() -> None:
    assert DEPLOYMENTS.path() == "/apis/apps/v1/deployments"
    assert DEPLOYMENTS.path("a", "x", "scale") == "/apis/apps/v1/namespaces/a/deployments/x/scale"
    assert NAMESPACES.path("ignored", "x") == "/api/v1/namespaces/x"
    assert (PODS.api_version, DEPLOYMENTS.api_version) == ("v1", "apps/v1")
    assert DEPLOYMENTS.named("a", "x") == "Deployment a/x"
