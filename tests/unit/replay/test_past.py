"""Pods of the past: their names, when they were there, when they served, and how many were wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any

import pytest

from scalewarden.app.replaying import AFTER, FINEST, PrometheusReplay, Span, Subject
from scalewarden.errors import SourceUnavailable
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import History
from scalewarden.model.verdict import Reason
from scalewarden.model.workload import Target
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.assemble import Facts
from scalewarden.sources.base import PodKey
from scalewarden.sources.past_counted import ROLLOUT, Counted
from scalewarden.sources.past_fleet import PastFleet
from scalewarden.sources.pod_names import Family
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
        ("Deployment", "chat-warmup-x2k9p", False),  # of a Job
        ("Deployment", "chat-28391235-x2k9p", False),  # of a CronJob's
        ("Deployment", "chat-7d9c5b6f4d-a1b2c", False),
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


@pytest.mark.parametrize("length", [1, 44, 46, 47, 50, 56, 57, 58, 63])
@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet"])
def test_long_names_are_cut_as_kubernetes_cuts_them(kind: str, length: int) -> None:
    """58 characters and five that are made up; the hash of a pod template has up to ten."""
    name = ("llama-70b-" * 7)[: length - 1] + "x"
    base = f"{name}-7d9c5b6f4d-" if kind == "Deployment" else f"{name}-"
    family = Family.of("serving", Target("apps/v1", kind, name, "x"))
    assert PodKey("serving", f"{base[:58]}x2k9p") in family
    assert PodKey("serving", f"{base[:58]}x2k9pq") not in family
    assert PodKey("serving", f"y{base[:57]}x2k9p") not in family


def test_a_dot_in_a_name_is_a_dot() -> None:
    family = Family.of("serving", Target("apps/v1", "StatefulSet", "llama-3.1", "statefulsets"))
    assert PodKey("serving", "llama-3.1-0") in family and PodKey("serving", "llama-3x1-0") not in family
    assert "a name" not in family


def moment(at: float, pod: str, up: float | None = 1.0, port: int = 8000, *, tells: bool = True) -> Moment:
    target = Scraped(PodKey("serving", pod), f"{pod}:{port}", ("pods", "", "", ""), exporter=False)
    samples = (Sample("vllm:num_requests_running", {}, 1.0),) if tells else ()
    return Moment(NOW + at, target, Page(Scrape(NOW + at, samples), up))


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


def test_a_count_that_is_no_longer_told_stands_for_an_hour() -> None:
    fleet = played({"a": every(0, 5400)}, [Point(NOW + at, 3.0) for at in every(0, 60)], end=5400)
    assert [fleet.desired(NOW + at) for at in (30, 800, 3660, 3661)] == [3, 3, 3, 1]


def test_all_that_are_gone_while_the_server_wrote_of_others_are_gone() -> None:
    """Without a wanted count nothing else tells it from a Prometheus that was away."""
    instants = {"a": every(0, 90), "b": every(0, 90)}
    moments = sorted(moment(at, pod) for pod, several in instants.items() for at in several)
    for wrote, left in ((None, 2), ((), 2), ([NOW + at for at in range(60, 720, 60)], 0)):
        fleet = PastFleet("serving", NOW - 1000)
        fleet.take(Stretch(NOW, NOW + 600, moments, wrote=wrote))
        assert [fleet.desired(NOW + at) for at in (90, 300)] == [2, left]
        assert len(names(fleet, 300)) == left and fleet.changes() == [NOW, NOW + 90]


def rolled(revision: str, count: int) -> list[str]:
    return [f"chat-{revision}-x2k9{n}" for n in range(count)]


def test_the_surge_of_a_rollout_is_not_wanted() -> None:
    counted, old, new = Counted(), rolled("7d9c5b6f4d", 4), rolled("5f6d7c8b9c", 4)
    course = [old, [*old, new[0]], [*old[:3], *new[:2]], [*old[:1], *new], new]
    assert [counted.count(pods, NOW + 60 * n) for n, pods in enumerate(course)] == [4] * 5
    fewer = [*old[:1], *new[:1]]
    assert [counted.count([*new, *old[:1]], NOW + 270)] == [4]
    assert [counted.count(fewer, NOW + at) for at in (280, 390, 401)] == [4, 4, 2]  # no dip, but fewer
    assert counted.count(new[:2], NOW + 420) == 2
    assert counted.count([*new[:2], *old[:1]], NOW + 500) == 2
    assert counted.count([*new[:2], *old[:1]], NOW + 500 + ROLLOUT + 1) == 3  # a canary that stays
    assert counted.count([], NOW + 2000) == 0
    assert counted.count([*new[:1], *old[:1]], NOW + 2100) == 2  # nothing is known of the time before


def test_a_controller_that_was_gone_begins_anew() -> None:
    counted, old, new = Counted(), rolled("7d9c5b6f4d", 4), rolled("5f6d7c8b9c", 1)
    assert [counted.count(old, NOW), counted.count([*old, *new], NOW + 60), counted.count([], NOW + 120)] == [4, 4, 0]
    assert [counted.count(old, NOW + 5000), counted.count([*old, *new], NOW + 5060)] == [4, 4]


def test_pods_with_ordinals_are_counted_one_by_one() -> None:
    counted = Counted()
    assert [counted.count([f"chat-{n}" for n in range(count)], NOW) for count in (3, 5, 2)] == [3, 5, 2]
    several = ["chat-predictor-7d9c5b6f4d-x2k9p", "chat-transformer-5f6d7c8b9c-x2k9p"]
    assert counted.count(several, NOW) == 2  # of two controllers, no rollout


def test_changes_and_readiness_of_the_stretch_before_are_still_known() -> None:
    told = [Point(NOW + at, 4.0 if at < 580 else 2.0) for at in every(0, 600)]
    ready = {"a": [Point(NOW, 1.0)]}
    fleet = PastFleet("serving", NOW - 1000, kept=1500.0)
    fleet.take(Stretch(NOW, NOW + 600, [moment(at, "a") for at in every(0, 600)], told, ready))
    later = [Point(NOW + at, 2.0) for at in every(615, 1200)]
    fleet.take(Stretch(NOW + 600, NOW + 1200, [moment(at, "a", up=0.0) for at in every(615, 1200)], later))
    assert fleet.changes() == [NOW + 585] and fleet.desired(NOW + 300) == 4
    fleet.reach(moment(900, "a", up=0.0))
    assert [one.ready for one in fleet.replicas(NOW + 900)] == [True]  # kube-state-metrics spoke last


def test_a_change_between_two_stretches_is_one() -> None:
    fleet = PastFleet("serving", NOW, kept=1500.0)
    fleet.take(Stretch(NOW, NOW + 600, (), [Point(NOW + at, 4.0) for at in every(0, 600)]))
    fleet.take(Stretch(NOW + 600, NOW + 1200, (), [Point(NOW + at, 3.0) for at in every(615, 1200)]))
    assert fleet.changes() == [NOW + 615]


def test_a_name_that_is_given_again_is_a_new_pod() -> None:
    instants = {"chat-1": [*every(0, 600), *every(1200, 1920)]}
    fleet = played({**instants, "chat-0": every(0, 1920)}, end=1800)
    for at in every(0, 1800):
        fleet.replicas(NOW + at)
        if at == 600:
            assert names(fleet, at) == ["chat-0", "chat-1"]
    assert names(fleet, 900) == ["chat-0"]
    assert fleet.replicas(NOW + 1800)[1].ready_since is not None  # begun while we looked, not before
    assert fleet.changes() == [NOW, NOW + 600, NOW + 1200]


def test_a_name_that_is_given_again_does_not_inherit_readiness() -> None:
    told = {"chat-1": [Point(NOW + at, 1.0) for at in every(0, 600)] + [Point(NOW + 1250, 0.0), Point(NOW + 1300, 1.0)]}
    fleet = PastFleet("serving", NOW - 1000)
    moments = [*(moment(at, "chat-1") for at in every(0, 600)),
               *(moment(at, "chat-1", up=0.0, tells=False) for at in every(1200, 1920))]  # fmt: skip
    fleet.take(Stretch(NOW, NOW + 1800, moments, ready=told))
    seen = {}
    for one in moments:
        fleet.reach(one)
        seen[one.at - NOW] = [(pod.ready, pod.ready_since) for pod in fleet.replicas(one.at)]
    assert seen[600] == [(True, NOW)]
    assert [seen[at] for at in (1200, 1245, 1260)] == [[(False, None)]] * 3
    assert seen[1800] == [(True, NOW + 1300)]


@pytest.mark.parametrize("step", [15, 465])
def test_when_a_pod_became_ready_does_not_depend_on_when_it_was_looked_at(step: int) -> None:
    """Replaced, and restarted, between two looks."""
    lives = {"chat-0": [*every(0, 300), *every(540, 1920)], "chat-1": every(0, 1920)}
    told = {
        "chat-0": [Point(NOW + at, float(not 540 <= at < 720)) for at in lives["chat-0"]],
        "chat-1": [Point(NOW + at, float(not 990 <= at < 1100)) for at in lives["chat-1"]],
    }
    fleet = PastFleet("serving", NOW - 1000)
    fleet.take(
        Stretch(NOW, NOW + 1800, sorted(moment(at, pod) for pod, some in lives.items() for at in some), ready=told)
    )
    for at in range(0, 1800, step):
        last = {one.pod: one.ready_since for one in fleet.replicas(NOW + at)}
    assert last == {"chat-0": NOW + 720, "chat-1": NOW + 1110}


def test_readiness_that_is_no_longer_told_is_believed_for_an_hour() -> None:
    told = {"a": [Point(NOW, 1.0)]}
    fleet = played({"a": every(0, 5400)}, ready=told, end=5400)
    fleet.reach(moment(5400, "a", up=0.0))
    assert [fleet.replicas(NOW + at)[0].ready for at in (3600, 3615)] == [True, False]


def test_a_pod_answers_where_any_target_with_the_engines_series_does() -> None:
    fleet = played({"a": every(0, 600)})
    fleet.reach(moment(600, "a", up=0.0, port=9999, tells=False))  # a port without metrics
    assert [one.ready for one in fleet.replicas(NOW + 600)] == [True]
    fleet.reach(moment(600, "a", up=0.0))
    fleet.reach(moment(600, "a", up=1.0, port=15020, tells=False))  # a sidecar says nothing of the engine
    assert [one.ready for one in fleet.replicas(NOW + 600)] == [False]
    other = played({"b": []}, ready=None)
    other.take(Stretch(NOW, NOW + 600, [moment(15, "b", tells=False)]))
    other.reach(moment(15, "b", up=1.0, tells=False))
    assert [one.ready for one in other.replicas(NOW + 15)] == [True]  # nothing else is known


def test_who_is_ready_is_told_or_who_can_be_scraped() -> None:
    told = {"a": [Point(NOW + at, float(at >= 60)) for at in every(0, 600)]}
    fleet = played({"a": every(0, 600), "b": every(0, 600)}, ready=told)
    before, after = ({one.pod: one for one in fleet.replicas(NOW + at)} for at in (30, 75))
    assert (before["a"].ready, after["a"].ready, before["b"].ready) == (False, True, True)
    assert after["a"].ready_since == NOW + 60 and fleet.told_ready
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
    assert Span.of(0.0, 31 * 86_400.0, 60.0).step == 60.0 and Span.of(0.0, 400 * 86_400.0).step == STRETCH
    span, instants, at = Span(0.0, 10_000.0, 450.0, before=315.0), [], 0.0
    while at < 6000:
        instants.append(at)
        at = span.next(at, [3000.0])
    assert instants[:6] == [0.0, 450.0, 900.0, 1350.0, 1800.0, 2250.0]
    assert instants[6] == 2685.0  # a stabilization and a step before it
    fine = [one for one in instants if 2685 <= one < 3000 + AFTER]
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
                moment(one - NOW, f"chat-7d9c5b6f4d-x2k9{POD[pod]}")
                for one in instants
                for pod in range(3)
                if at < one <= until + AHEAD and (pod < 2 or one < LEAVES)
            ]
            yield Stretch(at, until, sorted(moments))
            at = until


POD = "bcd"
START = NOW + 3600.0
LEAVES = START - 960.0 + 3 * STRETCH + 100.0
"""Just after a border between two stretches: reading begins 960 s before the start."""


def declared(**annotations: str) -> InferenceDeployment:
    return InferenceDeployment.parse(
        {
            "metadata": {"name": "chat", "namespace": "serving", "annotations": annotations},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}},
        }
    )


def replayed(span: Span, judged: list[float], **annotations: str) -> PrometheusReplay:
    subject = Subject(declared(**annotations), Facts(target=None, replicas=(), scrapes={}))
    replay = PrometheusReplay(subject, span)
    replay.run(Reader(), judged.append)  # type: ignore[arg-type]
    return replay


def test_a_change_that_only_the_next_stretch_tells_of_is_looked_at_closely() -> None:
    """Steps of 450 s reach over the border: what was known on the other side would be too old."""
    judged: list[float] = []
    replay = replayed(Span(START, START + 4 * STRETCH, 450.0), judged)
    found = replay.result()
    assert found is not None and not replay.fleet.told_counts
    (step,) = found.steps
    assert (step.from_, step.to) == (3, 2) and 0 <= step.at - LEAVES <= 30
    fine = [at for at in judged if step.at - 300 <= at <= step.at + AFTER - 60]
    assert len(fine) > 90 and all(after - before == FINEST for before, after in pairwise(fine))
    assert len([at for at in judged if at < LEAVES - 330]) < 20  # pods that stay are no change at the end of a stretch
    assert replay.came_to == judged[-1] and START + 4 * STRETCH - judged[-1] < 450


def test_the_glass_that_is_broken_now_was_not_broken_then() -> None:
    until = {
        "scalewarden.dev/break-glass-until": "2099-01-01T00:00:00Z",
        "scalewarden.dev/break-glass": "an incident of today",
    }
    assert declared(**until).policy.break_glass_until is not None
    found = replayed(Span(START, START + 4 * STRETCH, 15.0), [], **until).result()
    assert found is not None
    (one,) = found.decided
    assert one.reason is not Reason.BREAK_GLASS and one.refused


def test_how_fresh_a_sample_is_goes_by_how_the_server_scraped() -> None:
    """A cluster's objects say how often the operator scrapes: that was nobody then."""
    subject = Subject(declared(), Facts(target=None, replicas=(), scrapes={}, scrape_interval=15.0))
    replay = PrometheusReplay(subject, Span(START, START + STRETCH, 60.0))
    seen: list[float | None] = []
    original = replay._past.snapshot

    def snapshot(at: float) -> Any:
        made = original(at)
        seen.append(made(History(since=NOW), None).scrape_interval)
        return made

    replay._past.snapshot = snapshot  # type: ignore[method-assign]
    replay.run(Sparse(), lambda at: None)  # type: ignore[arg-type]
    assert seen[-1] == 60.0


class Sparse(Reader):
    """Scraped once a minute."""

    def stretches(self, *given: Any) -> Iterator[Stretch]:
        for one in super().stretches(*given):
            yield Stretch(one.start, one.end, [moment for moment in one.moments if (moment.at - NOW) % 60 == 0])


def test_what_was_judged_before_a_failure_stands() -> None:
    class Failing(Reader):
        def stretches(self, *given: Any) -> Iterator[Stretch]:
            yield from islice(super().stretches(*given), 3)
            raise SourceUnavailable("gone", where="http://prometheus")

    subject = Subject(declared(), Facts(target=None, replicas=(), scrapes={}))
    replay = PrometheusReplay(subject, Span(START, START + 4 * STRETCH, 60.0))
    with pytest.raises(SourceUnavailable):
        replay.run(Failing(), lambda at: None)  # type: ignore[arg-type]
    found = replay.result()
    assert found is not None and found.evaluations > 10 and replay.came_to is not None
    assert START < replay.came_to <= START - 960 + 3 * STRETCH
