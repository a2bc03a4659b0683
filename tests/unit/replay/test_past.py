"""Pods of the past: their names, when they were there, when they served, and how many were wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import pytest

from scalewarden.app.replaying import Span, Subject, of_prometheus
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.signal import Point
from scalewarden.model.workload import Target
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.assemble import Facts
from scalewarden.sources.base import PodKey
from scalewarden.sources.past_fleet import PastFleet
from scalewarden.sources.past_names import Family
from scalewarden.sources.prometheus_past import AHEAD, STRETCH, Moment, Stretch
from scalewarden.sources.prometheus_query import Page
from scalewarden.sources.prometheus_query import Target as Scraped

NOW = 1_766_370_000.0


@pytest.mark.parametrize(
    ("kind", "pod", "mine"),
    [
        ("Deployment", "chat-7d9c5b6f4d-x2k9p", True),
        ("Deployment", "chat-7d9c5b6f4d-x2k9", False),
        ("Deployment", "chat-router-7d9c5b6f4d-x2k9p", False),
        ("Deployment", "xchat-7d9c5b6f4d-x2k9p", False),
        ("Rollout", "chat-7d9c5b6f4d-x2k9p", True),
        ("ReplicaSet", "chat-x2k9p", True),
        ("StatefulSet", "chat-12", True),
        ("StatefulSet", "chat-a", False),
        ("LeaderWorkerSet", "chat-0", True),
        ("LeaderWorkerSet", "chat-0-1", False),
        ("InferenceService", "chat-predictor-00001-deployment-7d9c5b6f4d-x2k9p", True),
    ],
)
def test_a_controller_gives_its_pods_names(kind: str, pod: str, mine: bool) -> None:
    family = Family.of("serving", Target("v1", kind, "chat", kind.lower()))
    assert (PodKey("serving", pod) in family) is mine
    assert PodKey("elsewhere", pod) not in family


def test_a_dot_in_a_name_is_a_dot() -> None:
    family = Family.of("serving", Target("apps/v1", "StatefulSet", "llama-3.1", "statefulsets"))
    assert PodKey("serving", "llama-3.1-0") in family and PodKey("serving", "llama-3x1-0") not in family
    assert "a name" not in family


def moment(at: float, pod: str, up: float | None = 1.0) -> Moment:
    target = Scraped(PodKey("serving", pod), f"{pod}:8000", ("pods", "", "", ""), exporter=False)
    return Moment(NOW + at, target, Page(Scrape(NOW + at, (Sample("vllm:num_requests_running", {}, 1.0),)), up))


def played(
    pods: Mapping[str, Sequence[float]],
    desired: Sequence[Point] = (),
    ready: Mapping[str, Sequence[Point]] | None = None,
    end: float = 600.0,
) -> PastFleet:
    fleet = PastFleet("serving", NOW - 1000)
    moments = sorted(moment(at, pod) for pod, instants in pods.items() for at in instants)
    fleet.take(Stretch(NOW, NOW + end, moments, desired, ready or {}))
    for one in moments:
        fleet.reach(one)
    return fleet


def names(fleet: PastFleet, at: float) -> list[str]:
    return [one.pod for one in fleet.replicas(NOW + at)]


def every(start: float, end: float) -> list[float]:
    return [start + 15.0 * n for n in range(int((end - start) / 15) + 1)]


def test_a_pod_is_there_from_its_first_sample_to_a_little_after_its_last() -> None:
    fleet = played({"a": every(0, 600), "b": every(150, 300)})
    assert names(fleet, 149) == ["a"] and names(fleet, 150) == names(fleet, 320) == ["a", "b"]
    assert names(fleet, 323) == ["a"]


def test_a_scrape_or_two_that_fail_are_no_end() -> None:
    fleet = played({"a": [*every(0, 150), *every(240, 600)]})
    assert names(fleet, 200) == ["a"]


def test_where_nobody_says_anything_prometheus_was_away() -> None:
    fleet = played({"a": [*every(0, 60), *every(400, 600)], "b": [*every(0, 60), *every(400, 600)]})
    assert names(fleet, 60) == names(fleet, 300) == ["a", "b"]


def test_where_only_the_pods_are_silent_they_are_gone() -> None:
    told = [Point(NOW + at, 2.0 if at < 100 else 0.0) for at in every(0, 600)]
    fleet = played({"a": every(0, 90), "b": every(0, 90)}, told)
    assert names(fleet, 90) == ["a", "b"] and names(fleet, 300) == []
    assert fleet.desired(NOW + 90) == 2 and fleet.desired(NOW + 300) == 0


def test_the_wanted_count_is_told_or_counted() -> None:
    told = [Point(NOW + at, 4.0 if at < 300 else 2.0) for at in every(0, 330)]
    fleet = played({"a": every(0, 600)}, told)
    assert [fleet.desired(NOW + at) for at in (0, 299, 300, 600)] == [4, 4, 2, 2]
    assert fleet.told_counts and fleet.changes() == [NOW + 300]
    counted = played({"a": every(0, 720), "b": every(150, 300)})
    assert [counted.desired(NOW + at) for at in (0, 160, 400)] == [1, 2, 1]
    assert not counted.told_counts and counted.changes() == [NOW, NOW + 150, NOW + 300]


def test_a_count_that_is_no_longer_told_stands() -> None:
    fleet = played({"a": every(0, 900)}, [Point(NOW + at, 3.0) for at in every(0, 60)], end=900)
    assert fleet.desired(NOW + 30) == 3 and fleet.desired(NOW + 800) == 3


def test_who_is_ready_is_told_or_who_can_be_scraped() -> None:
    told = {"a": [Point(NOW + at, float(at >= 60)) for at in every(0, 600)]}
    fleet = played({"a": every(0, 600), "b": every(0, 600)}, ready=told)
    before, after = ({one.pod: one for one in fleet.replicas(NOW + at)} for at in (30, 75))
    assert (before["a"].ready, after["a"].ready, before["b"].ready) == (False, True, True)
    assert after["a"].ready_since == NOW + 75 and fleet.told_ready
    fleet.reach(moment(600, "b", up=0.0))
    assert [one.ready for one in fleet.replicas(NOW + 600)] == [True, False]


def test_who_was_there_at_the_beginning_may_be_older() -> None:
    fleet = PastFleet("serving", NOW)
    moments = [*(moment(at, "a") for at in every(0, 600)), *(moment(at, "b") for at in every(300, 600))]
    fleet.take(Stretch(NOW, NOW + 600, sorted(moments)))
    for one in sorted(moments):
        fleet.reach(one)
    fleet.replicas(NOW + 15)
    old, new = fleet.replicas(NOW + 300)
    assert (old.pod, old.ready_since) == ("a", None)
    assert (new.pod, new.ready_since) == ("b", NOW + 300)


def test_what_is_long_gone_is_forgotten() -> None:
    fleet = played({"a": every(0, 600), "b": every(0, 60)})
    fleet.take(Stretch(NOW + 600, NOW + 1200, [moment(at, "a") for at in every(615, 1200)]))
    assert [key.pod for key in fleet.keys] == ["a"]
    assert [one.pod for one in fleet.endpoints()] == ["a"]


def test_calm_times_are_judged_coarsely_and_changes_finely() -> None:
    assert Span.of(0.0, 86_400.0).step == 15.0 and Span.of(0.0, 31 * 86_400.0).step == 465.0
    assert Span.of(0.0, 31 * 86_400.0, 60.0).step == 60.0
    span, instants, at = Span(0.0, 10_000.0, 450.0), [], 0.0
    while at < 6000:
        instants.append(at)
        at = span.next(at, [3000.0])
    assert instants[:7] == [0.0, 450.0, 900.0, 1350.0, 1800.0, 2250.0, 2700.0]
    assert instants[7] == 2940.0  # a minute before it
    fine = [one for one in instants if 2940 <= one < 4200]
    assert all(after - before == 15.0 for before, after in pairwise(fine))
    assert instants[-1] - instants[-2] == 450.0
    assert Span(0.0, 100.0, 5.0).next(10.0, [12.0]) == 15.0


class Reader:
    """A Prometheus in memory: three pods, of which one goes a little after the first half hour."""

    def stretches(self, family: Family, target: Target, start: float, end: float) -> Iterator[Stretch]:
        at = start
        while at < end:
            until = min(end, at + STRETCH)
            instants = [NOW + 15.0 * n for n in range(int((until + AHEAD - NOW) / 15) + 1)]
            moments = [
                moment(one - NOW, f"chat-7d9c5b6f4d-0000{pod}")
                for one in instants
                for pod in range(3)
                if at < one <= until + AHEAD and (pod < 2 or one < LEAVES)
            ]
            yield Stretch(at, until, sorted(moments))
            at = until


START = NOW + 3600.0
LEAVES = START - 960.0 + 3 * STRETCH + 100.0
"""Just after a border between two stretches: reading begins 960 s before the start."""


def test_a_change_that_only_the_next_stretch_tells_of_is_looked_at_closely() -> None:
    """Steps of 450 s reach over the border: what was known on the other side would be too old."""
    declared = InferenceDeployment.parse(
        {
            "metadata": {"name": "chat", "namespace": "serving"},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}},
        }
    )
    facts = Facts(target=None, replicas=(), scrapes={})
    judged: list[float] = []
    span = Span(START, START + 4 * STRETCH, 450.0)
    found, fleet = of_prometheus(Subject(declared, facts), Reader(), span, judged.append)  # type: ignore[arg-type]
    assert found is not None and not fleet.told_counts
    (step,) = found.steps
    assert (step.from_, step.to) == (3, 2) and 0 <= step.at - LEAVES <= 30
    before = max(at for at in judged if at < step.at)
    assert step.at - before == 15.0
    assert len([at for at in judged if at < LEAVES - 200]) < 20  # pods that stay are no change at the end of a stretch
