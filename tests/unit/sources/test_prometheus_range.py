"""History by range queries: chunks of time that no server refuses, each point once."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from scalewarden.errors import SourceUnavailable
from scalewarden.sources.prometheus_api import MOST_POINTS, Answer, PrometheusApi
from scalewarden.sources.prometheus_options import PrometheusOptions
from tests.unit.sources.loopback import http_server

DAY = 86_400.0


@dataclass
class History:
    """Refuses as Prometheus does: more than 11,000 points, and more samples than it may load."""

    most_samples: int = 10**9
    more: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[float, float]] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        start, end, step = (float(str(form[name])) for name in ("start", "end", "step"))
        points = int((end - start) / step) + 1
        self.asked.append((start, end))
        if points > MOST_POINTS:
            return self._refused(400, "bad_data", "exceeded maximum resolution of 11,000 points per timeseries")
        if points > self.most_samples:
            return self._refused(422, "execution", "query processing would load too many samples into memory")
        values = [[start + step * turn, str(turn)] for turn in range(points)]
        data = {"resultType": "matrix", "result": [{"metric": {"pod": "llama-0"}, "values": values}]}
        return web.json_response({"status": "success", "data": data, **self.more})

    def _refused(self, status: int, kind: str, error: str) -> web.Response:
        return web.json_response({"status": "error", "errorType": kind, "error": error}, status=status)


async def ranged(server: Any, start: float, end: float, step: float, **options: Any) -> list[Answer]:
    async with http_server(server) as port:
        api = PrometheusApi(PrometheusOptions(f"http://127.0.0.1:{port}", **options))
        try:
            return await asyncio.to_thread(lambda: list(api.range("rate(x[5m])", start, end, step)))
        finally:
            api.close()


def instants(answers: list[Answer]) -> list[float]:
    return [float(at) for answer in answers for one in answer.result for at, _ in one["values"]]


@pytest.mark.parametrize(("days", "chunks"), [(0.0, 1), (1.0, 1), (7.0, 4)])
async def test_a_long_range_comes_in_chunks_with_every_point_once(days: float, chunks: int) -> None:
    server = History()
    found = instants(await ranged(server, 0.0, days * DAY, 15.0))
    assert found == [15.0 * turn for turn in range(int(days * DAY / 15) + 1)]
    assert len(server.asked) == chunks


async def test_chunks_get_smaller_until_they_pass() -> None:
    server = History(most_samples=1000)
    found = instants(await ranged(server, 0.0, DAY, 15.0))
    assert found == [15.0 * turn for turn in range(5761)]
    assert len(server.asked) < 15, "what is too much is remembered"


async def test_a_range_that_is_too_much_in_any_chunk_is_named() -> None:
    server = History(most_samples=1)
    with pytest.raises(SourceUnavailable, match="refuses the query"):
        await ranged(server, 0.0, DAY, 15.0)
    assert len(server.asked) < 15


async def test_a_partial_chunk_says_so() -> None:
    [answer] = await ranged(History(more={"warnings": ["a store is missing"]}), 0.0, 60.0, 15.0)
    assert answer.partial == ("a store is missing",)


async def test_an_answer_larger_than_we_take_is_asked_for_in_smaller_chunks() -> None:
    server = History()
    found = instants(await ranged(server, 0.0, 15.0 * 8000, 15.0, max_bytes=60_000))
    assert found == [15.0 * turn for turn in range(8001)]
