"""CPU usage from metrics.k8s.io: one list a collection, and a named cause where there is none."""

from collections.abc import Callable
from typing import Any

import pytest

from scalewarden.model.duration import unix_seconds
from scalewarden.model.signal import Absent
from scalewarden.signals.cpu import CORES
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.base import PodKey
from scalewarden.sources.kubeapi import ApiError, Listing
from scalewarden.sources.kuberesource import POD_METRICS, Resource
from scalewarden.sources.usage import (
    EVERY,
    FORBIDDEN,
    NO_ROW,
    NOT_ANSWERED,
    NOT_SERVED,
    PATIENCE,
    PodUsage,
    scrape_of,
)  # fmt: skip

Object = dict[str, Any]

AT = "2026-11-21T23:00:00Z"
NOW = unix_seconds(AT) + 5
X, Y = PodKey("a", "x"), PodKey("a", "y")


def row(name: str, cpu: str = "1500m", namespace: str = "a", **more: Any) -> Object:
    containers = [{"name": "vllm", "usage": {"cpu": cpu, "memory": "1Gi"}}]
    return {"metadata": {"name": name, "namespace": namespace}, "timestamp": AT, "containers": containers, **more}


class Lists:
    """An API that answers lists, and what was asked of it."""

    def __init__(self, *rows: Object) -> None:
        self.rows, self.asked = list(rows), []  # type: ignore[var-annotated]
        self.error: ApiError | None = None

    async def list(self, resource: Resource, namespace: str = "") -> Listing:
        assert resource is POD_METRICS
        self.asked.append(namespace)
        if self.error:
            raise self.error
        return Listing(tuple(one for one in self.rows if namespace in ("", one["metadata"]["namespace"])), "")


def usage(api: Lists, *namespaces: str, clock: Callable[[], float] = lambda: 0.0) -> PodUsage:
    return PodUsage(api, namespaces, clock)  # type: ignore[arg-type]


async def test_one_list_for_all_pods() -> None:
    api = Lists(row("x"), row("y", "200000000n"), row("other", namespace="b"))
    found = await usage(api).collect([X, Y], NOW)
    assert api.asked == [""]
    assert found[X] == (Scrape(NOW - 5, (Sample(CORES, {"container": "vllm"}, 1.5),)),)
    [scrape] = found[Y]
    assert scrape.at == NOW - 5
    assert scrape.samples == (Sample(CORES, {"container": "vllm"}, pytest.approx(0.2)),)


async def test_a_list_for_each_namespace_that_may_be_read() -> None:
    api = Lists(row("x"))
    await usage(api, "a", "b").collect([X], NOW)
    assert api.asked == ["a", "b"]


async def test_nothing_is_asked_for_no_pods_nor_too_often() -> None:
    api, now = Lists(row("x")), [0.0]
    one = usage(api, clock=lambda: now[0])
    assert await one.collect([], NOW) == {} and api.asked == []
    for seconds, asked in ((0.0, 1), (EVERY - 1, 1), (EVERY, 2)):
        now[0] = seconds
        await one.collect([X], NOW)
        assert len(api.asked) == asked


async def test_what_was_measured_twice_stands_once_and_grows_into_a_window() -> None:
    api, now = Lists(row("x")), [0.0]
    one = usage(api, clock=lambda: now[0])
    for step in range(3):
        now[0] = step * EVERY
        found = await one.collect([X], NOW + step * EVERY)
    assert len(found[X]) == 1
    api.rows = [row("x", "2", timestamp="2026-11-21T23:00:15Z")]
    now[0] = 3 * EVERY
    found = await one.collect([X], NOW + 30)
    assert [scrape.samples[0].value for scrape in found[X]] == [1.5, 2.0]
    assert await one.collect([X], NOW + 5000) == {X: NO_ROW}


@pytest.mark.parametrize(
    ("status", "cause", "pause"),
    [(404, NOT_SERVED, PATIENCE), (403, FORBIDDEN, PATIENCE), (503, NOT_ANSWERED, EVERY), (0, NOT_ANSWERED, EVERY)],
)
async def test_an_api_that_does_not_answer_is_named_and_asked_again(status: int, cause: Absent, pause: float) -> None:
    api, now = Lists(row("x")), [0.0]
    api.error = ApiError("no", status=status)
    one = usage(api, clock=lambda: now[0])
    assert await one.collect([X], NOW) == {X: cause}
    now[0], api.error = pause - 1, None
    assert await one.collect([X], NOW) == {X: cause}
    now[0] = pause
    assert isinstance((await one.collect([X], NOW))[X], tuple)


async def test_a_pod_without_a_row() -> None:
    assert await usage(Lists(row("y"))).collect([X], NOW) == {X: NO_ROW}


@pytest.mark.parametrize(
    "odd",
    [
        {}, {"timestamp": "soon"}, {"timestamp": AT}, {"timestamp": AT, "containers": "all"},
        {"timestamp": AT, "containers": [{"name": "v"}]}, {"timestamp": AT, "containers": [{"usage": {"cpu": "lots"}}]},
        {"timestamp": 5, "containers": [{"name": "v", "usage": {"cpu": "1"}}]},
    ],
)  # fmt: skip
def test_rows_that_say_nothing(odd: Object) -> None:
    assert scrape_of(odd, NOW) is None


def test_a_clock_that_is_ahead_does_not_measure_the_future() -> None:
    found = scrape_of(row("x", timestamp="2026-11-21T23:59:00Z"), NOW)
    assert found is not None and found.at == NOW
