"""How the past is asked for: stretch by stretch, smaller where that is too much, never a part for the whole."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from scalewarden.errors import PartialResponse, SourceError
from scalewarden.model.signal import Point
from scalewarden.model.workload import Target
from scalewarden.sources.base import PodKey
from scalewarden.sources.past_told import Course, together
from scalewarden.sources.pod_names import Family
from scalewarden.sources.prometheus_errors import TooMuch
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.prometheus_past import AHEAD, STRETCH, PastReader, Stretch
from tests.unit.sources.loopback import http_server

NOW = 1_766_370_000.0
TARGET = Target("apps/v1", "Deployment", "chat", "deployments")
POD = "chat-7d9c5b6f4d-x2k9p"
NAN = float("nan")
RUNNING = "vllm:num_requests_running"


class Server:
    """Answers every selector from series by name; `most` seconds are the most that it takes. asked: (query, time).
    wrote: the minutes after NOW in which it wrote anything, as it answers when asked for that."""

    def __init__(self, series: dict[str, list[dict[str, Any]]], most: float = 1e9, **more: Any) -> None:
        self.series, self.most, self.more = series, most, more
        self.asked: list[tuple[str, float]] = []
        self.asked_whether_it_wrote: list[str] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/label/__name__/values"):
            if self.more.get("secretive"):
                return web.json_response({"status": "error", "errorType": "bad_data", "error": "no"}, status=400)
            return web.json_response({"status": "success", "data": [RUNNING, "up"]})
        form = await request.post()
        query = str(form["query"])
        if request.path.endswith("/query_range"):
            self.asked_whether_it_wrote.append(query)
            values = [[NOW + at, "7"] for at in self.more.get("wrote", ())]
            return web.json_response(
                {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}}
            )
        self.asked.append((query, float(str(form["time"]))))
        span = re.search(r"\[(\d+)s\]$", query)
        assert span
        if float(span[1]) > self.most:
            error = "query processing would load too many samples into memory in query execution"
            return web.json_response({"status": "error", "errorType": "execution", "error": error}, status=422)
        found = [one for name, several in self.series.items() if name in query for one in several]
        found = [one for one in found if self._labels(one, query)]
        answer = {"status": "success", "data": {"resultType": "matrix", "result": found}, **self.more.get("said", {})}
        return web.json_response(answer)

    def _labels(self, series: dict[str, Any], query: str) -> bool:
        """As Prometheus matches regular expressions: on both ends, a label that is not there being empty."""
        matchers = re.findall(r'(\w+)=~"([^"]*)"', query)
        return all(re.fullmatch(pattern, series["metric"].get(name, "")) for name, pattern in matchers)


def series(name: str, values: dict[float, float], **labels: str) -> dict[str, Any]:
    given = {"__name__": name, "namespace": "serving", "pod": POD, **labels}
    return {"metric": given, "values": [[NOW + at, str(value)] for at, value in values.items()]}


async def read(server: Server, seconds: float = 600.0, **options: Any) -> list[Stretch]:
    async with http_server(server) as port:
        reader = PastReader(PrometheusOptions(f"http://127.0.0.1:{port}", **options))
        family = Family.of("serving", TARGET)
        try:
            return await asyncio.to_thread(lambda: list(reader.stretches(family, TARGET, NOW, NOW + seconds)))
        finally:
            reader.close()


async def test_pages_counts_and_readiness_come_together() -> None:
    ready = "kube_pod_status_ready"
    server = Server(
        {
            RUNNING: [series(RUNNING, {15: 3, 30: 4}, job="j", instance="i")],
            "kube_deployment_spec_replicas": [
                series("kube_deployment_spec_replicas", {10: 2, 40: 3, 50: NAN, 60: -1, 70: 1e300}, deployment="chat"),
                series("kube_deployment_spec_replicas", {10: 9}, exported_namespace="other", deployment="chat"),
            ],
            ready: [series(ready, {12: 1}, condition="true"), series(ready, {12: 0}, exported_namespace="other")],
        }
    )
    (found,) = await read(server)
    assert [one.at - NOW for one in found.moments] == [15, 30]
    assert [(point.at - NOW, point.value) for point in found.desired] == [(10, 2), (40, 3)]
    assert {pod: [point.value for point in points] for pod, points in found.ready.items()} == {POD: [1.0]}
    assert all(at == NOW + 600 + AHEAD for _, at in server.asked)
    assert "sglang" not in server.asked[0][0]  # only what the server has is asked for


async def test_readiness_under_its_other_name_is_found_and_remembered() -> None:
    renamed = series("kube_pod_status_ready", {12: 1}, pod="ksm", exported_pod=POD)
    server = Server({"kube_pod_status_ready": [renamed]})
    found = await read(server, 2 * STRETCH)
    asked = [query for query, _ in server.asked if "kube_pod_status_ready" in query]
    assert POD in found[0].ready and len(found) == 2
    assert ['exported_pod=~"' in query for query in asked] == [False, True, True]


async def test_what_is_too_much_is_asked_in_smaller_stretches() -> None:
    server = Server({RUNNING: [series(RUNNING, {15: 3})]}, most=600 + AHEAD)
    found = await read(server, 3600)
    assert [(one.start - NOW, one.end - NOW) for one in found][:3] == [(0, 450), (450, 900), (900, 1350)]
    assert found[-1].end == NOW + 3600


async def test_what_is_always_too_much_is_said() -> None:
    with pytest.raises(TooMuch):
        await read(Server({}, most=1.0))


@pytest.mark.parametrize(
    ("said", "error"), [({"warnings": ["a store is away"]}, PartialResponse), ({"isPartial": True}, PartialResponse)]
)
async def test_a_part_is_not_taken_for_the_whole(said: dict[str, Any], error: type[SourceError]) -> None:
    with pytest.raises(error):
        await read(Server({}, said=said))


async def test_a_server_that_keeps_its_names_to_itself_is_asked_for_all() -> None:
    server = Server({}, secretive=True)
    await read(server)
    assert "sglang" in server.asked[0][0]


async def test_a_kind_without_a_count_is_not_asked_for_one() -> None:
    server = Server({})
    target = Target("ray.io/v1", "RayService", "chat", "rayservices")
    async with http_server(server) as port:
        reader = PastReader(PrometheusOptions(f"http://127.0.0.1:{port}"))
        work: Callable[[], Any] = lambda: list(reader.stretches(Family.of("serving", target), target, NOW, NOW + 60))  # noqa: E731
        await asyncio.to_thread(work)
        reader.close()
    assert not [query for query, _ in server.asked if "replicas" in query]


async def test_the_same_names_in_two_clusters_are_not_taken_for_one_service() -> None:
    count = "kube_deployment_spec_replicas"
    both = [series(count, {10: 9}, deployment="chat", cluster=name) for name in ("east", "west")]
    with pytest.raises(SourceError) as raised:
        await read(Server({count: both}))
    assert "cluster is east, west" in str(raised.value) and "--prometheus-match cluster=NAME" in raised.value.hint
    pods = [series(RUNNING, {15: 3}, instance="i", cluster=name) for name in ("east", "west")]
    with pytest.raises(SourceError, match="cluster is east, west"):
        await read(Server({RUNNING: pods}))


async def test_an_up_without_the_label_that_relabelling_adds_is_no_second_cluster() -> None:
    pods = [series(RUNNING, {15: 3}, instance="i", cluster="west"), series("up", {15: 1}, instance="i")]
    (found,) = await read(Server({RUNNING: pods}))
    assert len(found.moments) == 2


async def test_one_cluster_can_be_named() -> None:
    server = Server({"kube_deployment_spec_replicas": [series("x", {10: 9}, deployment="chat", cluster="west")]})
    await read(server, matchers={"cluster": "west"})
    assert all('cluster="west"' in query for query, _ in server.asked)
    assert all('up{cluster="west"}' in query for query in server.asked_whether_it_wrote)


@pytest.mark.parametrize(
    "broken",
    [
        {"values": [[NOW, "1"]]},
        {"metric": {"namespace": "serving"}, "values": [[NOW, "1"]]},
        {"metric": {"namespace": "serving", "deployment": "chat", "pod": POD}, "values": [["soon", "1"]]},
        {"metric": {"namespace": "serving", "deployment": "chat", "pod": POD}, "values": 3},
        {"metric": []},
        7,
    ],
)
@pytest.mark.parametrize("name", ["kube_deployment_spec_replicas", "kube_pod_status_ready"])
async def test_what_is_no_series_is_named_and_no_traceback(name: str, broken: Any) -> None:
    class Broken(Server):
        def _labels(self, series: Any, query: str) -> bool:
            return True

    with pytest.raises(SourceError):
        await read(Broken({name: [broken]}))


async def test_readiness_of_other_pods_is_dropped_when_it_arrives() -> None:
    class Unanchored(Server):
        def _labels(self, series: Any, query: str) -> bool:
            return True

    name = "kube_pod_status_ready"
    ready = [series(name, {12: 1}), series(name, {12: 1}, pod=f"other-{POD}")]
    (found,) = await read(Unanchored({name: ready}))
    assert list(found.ready) == [POD]


async def test_whether_the_server_wrote_anything_is_asked_only_where_pods_are_silent_and_no_count_is_told() -> None:
    often = {float(at): 3.0 for at in range(15, 735, 15)}
    talking = Server({RUNNING: [series(RUNNING, often, instance="i")]})
    assert [one.wrote for one in await read(talking)] == [None] and not talking.asked_whether_it_wrote
    count = "kube_deployment_spec_replicas"
    told = Server({count: [series(count, {10: 2}, deployment="chat")]})
    assert [one.wrote for one in await read(told)] == [None] and not told.asked_whether_it_wrote
    silent = Server({RUNNING: [series(RUNNING, {15: 3}, instance="i")]}, wrote=(60, 120))
    assert [one.wrote for one in await read(silent)] == [(NOW + 60, NOW + 120)]
    assert silent.asked_whether_it_wrote == ["count(count_over_time(up{}[60s]))"]


def test_two_copies_are_one_course_that_does_not_flap() -> None:
    """The second lags behind a change by some seconds, and goes on where the first has ended."""
    first = Course((), tuple(Point(float(at), 4.0 if at < 60 else 2.0) for at in range(0, 300, 30)))
    second = Course((), tuple(Point(float(at), 4.0 if at < 75 else 2.0) for at in (*range(10, 100, 30), 500, 530)))
    found = together([second, first])
    assert [point.at for point in found] == [*range(0, 300, 30), 500, 530]
    assert [point.value for point in found] == [4.0, 4.0, *[2.0] * 10]


def test_one_after_the_other_is_no_copy() -> None:
    """A StatefulSet's pod that began anew, at once: the second series has another uid, and says 0 at first."""
    old = Course((), tuple(Point(float(at), 1.0) for at in range(0, 600, 15)))
    new = Course((), tuple(Point(float(at), float(at > 690)) for at in range(607, 900, 15)))
    for order in ([old, new], [new, old]):
        assert together(order) == [*old.points, *new.points]


async def test_a_pod_that_failed_is_gone_though_it_is_not_deleted_yet() -> None:
    ready, phase = "kube_pod_status_ready", "kube_pod_status_phase"
    at = range(15, 600, 15)
    told = [series(ready, {one: float(one < 300) for one in at}, condition="true")]
    phases = [series(phase, {one: float(one >= 300) for one in at}, phase="Failed"),
              series(phase, dict.fromkeys(at, 0.0), phase="Succeeded")]  # fmt: skip
    (found,) = await read(Server({ready: told, phase: phases}))
    assert [point.at - NOW for point in found.ready[POD]] == list(range(15, 300, 15))


async def test_no_page_falls_between_two_stretches() -> None:
    """Halved until they are 112.5 s: what is asked for begins no later than where the one before ended."""
    server = Server({}, most=240)
    found = await read(server, 450.0)
    asked = sorted({(at, float(re.search(r"\[(\d+)s\]$", query)[1])) for query, at in server.asked if RUNNING in query})  # type: ignore[index]
    spans = [(at - seconds, at - AHEAD) for at, seconds in asked if seconds <= 240]
    assert len(found) == 4 and all(begins <= ended for (begins, _), (_, ended) in zip(spans[1:], spans, strict=False))
    assert spans[0][0] <= NOW


def test_a_key_of_another_namespace_is_not_ours() -> None:
    assert PodKey("other", POD) not in Family.of("serving", TARGET)
