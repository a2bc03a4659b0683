"""The web page: what it shows, that it only shows, and to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from scalewarden.app.web_page import WebPage
from scalewarden.errors import BadInput
from tests.unit.cli.test_explain import NOW, STATUS
from tests.unit.model.objects import deployment
from tests.unit.surfaces.test_report import HOSTILE, Balanced


def objects() -> list[dict[str, Any]]:
    judged = {**deployment({}), "status": STATUS}
    new = deployment({})
    new = {**new, "metadata": {**new["metadata"], "name": "new", "creationTimestamp": "2026-11-21T20:00:00Z"}}
    broken = {**deployment({"engine": "None"}), "metadata": {"name": "broken", "namespace": "serving"}}
    return [judged, new, broken]


@pytest.fixture
async def port(unused_tcp_port: int) -> AsyncIterator[int]:
    runner = await WebPage(objects, lambda: NOW).serve("127.0.0.1", unused_tcp_port)
    yield unused_tcp_port
    await runner.cleanup()


async def get(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, str, Any]:
    async with (
        aiohttp.ClientSession() as web,
        web.request(method, f"http://127.0.0.1:{port}{path}", headers=headers) as answer,
    ):
        return answer.status, await answer.text(), answer.headers


async def test_every_service_with_what_kubectl_shows(port: int) -> None:
    status, text, headers = await get(port)
    found = Balanced(text)
    assert status == 200 and "KVCacheBound" in found.text and "Enforce" in found.text
    assert found.links == [f"services/serving/{deployment({})['metadata']['name']}", "services/serving/new"]
    assert "2 services" in found.text and "3h" in found.text
    assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["Cache-Control"] == "no-store"


async def test_one_service_as_explain_shows_it(port: int) -> None:
    _, text, _ = await get(port, f"/services/serving/{deployment({})['metadata']['name']}")
    found = Balanced(text)
    for words in (
        "The KV cache bounds the service.",
        "under pressure on 3 of 4 replicas",
        "0.93",
        "by alice",
        "What to do",
    ):
        assert words in found.text, words
    assert found.links == ["../../"]


async def test_one_that_was_not_judged_and_one_that_is_not_there(port: int) -> None:
    assert "not evaluated yet" in (await get(port, "/services/serving/new"))[1]
    status, text, _ = await get(port, "/services/serving/%3Cscript%3E")
    assert status == 404 and "<script" not in text and "There is no service serving/&lt;script&gt;" in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_it_only_shows(port: int, method: str) -> None:
    assert (await get(port, method=method))[0] == 405


@pytest.mark.parametrize(
    ("host", "status"), [("localhost:1", 200), ("[::1]:1", 200), ("evil.example:80", 403), ("", 403)]
)
async def test_on_localhost_no_other_name_leads_to_it(port: int, host: str, status: int) -> None:
    assert (await get(port, Host=host))[0] == status


async def test_elsewhere_it_answers_to_any_name(unused_tcp_port: int) -> None:
    runner = await WebPage(list, lambda: NOW).serve("0.0.0.0", unused_tcp_port)
    status, text, _ = await get(unused_tcp_port, Host="scalewarden.scalewarden.svc")
    await runner.cleanup()
    assert status == 200 and "No service is described." in text


async def test_a_port_in_use_is_named(port: int) -> None:
    with pytest.raises(BadInput, match="cannot listen"):
        await WebPage(list).serve("127.0.0.1", port)


async def test_words_of_others_are_words(unused_tcp_port: int) -> None:
    status = {**STATUS, "findings": [{**STATUS["findings"][0], "message": HOSTILE}]}
    runner = await WebPage(lambda: [{**deployment({}), "status": status}], lambda: NOW).serve(
        "127.0.0.1", unused_tcp_port
    )
    _, text, _ = await get(unused_tcp_port, f"/services/serving/{deployment({})['metadata']['name']}")
    await runner.cleanup()
    Balanced(text)
    assert "<script" not in text and "\u202e" not in text
