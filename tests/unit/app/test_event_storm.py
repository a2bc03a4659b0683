"""However often somebody asks, there are few events, and their counts are right; also with two guards and a bad day."""

import asyncio
from collections import Counter
from typing import Any

from scalewarden.app.guard_metrics import GuardMetrics
from scalewarden.app.guard_notes import MOST_WAITING, Notes
from scalewarden.app.recorder import BURST, QUIET, EventRecorder
from scalewarden.sources.kubeapi import ApiError
from scalewarden.sources.kuberesource import Resource
from scalewarden.surfaces.admission_record import Record
from tests.unit.app.fake_api import Clock, FakeApi
from tests.unit.surfaces.admission_cases import HPA, ask, entry, scale, state

ATTEMPTS = 10_000


class SlowApi(FakeApi):
    """Lets other tasks run before each answer, so that two guards meet in one series."""

    async def find(self, resource: Resource, namespace: str, name: str, subresource: str = "") -> Any:
        await asyncio.sleep(0)
        found = await super().find(resource, namespace, name, subresource)
        await asyncio.sleep(0)
        return found


class Guards:
    """So many guards at one API server, whose clock stands still unless moved."""

    def __init__(self, count: int) -> None:
        self.api, self.clock, self.metrics = SlowApi(), Clock(1000.0), GuardMetrics()
        self.recorders = [EventRecorder(self.api, "scalewarden-guard", self.clock) for _ in range(count)]
        self.notes = [Notes(self.api, recorder, self.metrics) for recorder in self.recorders]

    async def tell(self) -> None:
        """Everything queued, and ten seconds later everything counted."""
        running = [asyncio.create_task(notes.run()) for notes in self.notes]
        await asyncio.gather(*(notes.queue.join() for notes in self.notes))
        await self.later()
        for task in running:
            task.cancel()

    async def later(self) -> None:
        self.clock.now += QUIET
        await asyncio.gather(*(recorder.flush() for recorder in self.recorders))

    @property
    def suppressed(self) -> int:
        return sum(recorder.suppressed for recorder in self.recorders)

    @property
    def dropped(self) -> int:
        """By a queue that was full, as the metric says."""
        lines = self.metrics.page({}, 0).decode().splitlines()
        return int(float(next(line.split()[1] for line in lines if line.startswith("scalewarden_records_dropped_t"))))

    def counts(self, kind: str = "InferenceDeployment") -> Counter[str]:
        """How often each thing was said of objects of a kind, by the note's beginning."""
        found: Counter[str] = Counter()
        for (plural, _, _), event in self.api.objects.items():
            if plural == "events" and event["regarding"]["kind"] == kind:
                found[event["note"].partition(". ")[0]] += event.get("series", {}).get("count", 1)
        return found


def refusal(user: str, to: int) -> Record:
    """The record of a decrease from 4 that was refused."""
    (record,) = ask(scale(4, to, user), KNOWN)[1]
    return record


KNOWN = state(fence=entry())


async def test_ten_thousand_attempts_by_a_few_are_a_few_events_with_the_right_counts() -> None:
    guards = Guards(2)
    records = [refusal(user, to) for user in (HPA, "alice", "bob", "argocd") for to in (0, 1, 2)]
    for number in range(ATTEMPTS):
        guards.notes[number % 2].tell(records[number % len(records)])
    await guards.tell()
    counts = guards.counts()
    assert len(counts) == len(records) and sum(counts.values()) == ATTEMPTS
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sum(1 for plural, _, _ in guards.api.objects if plural == "events") == 2 * len(records)
    assert guards.suppressed == guards.dropped == 0
    assert len(guards.api.writes) <= 6 * len(records), "created, counted on by each guard, on two objects"


async def test_attempts_that_go_on_for_an_hour_are_one_event_that_counts_them_all() -> None:
    guards = Guards(2)
    for _ in range(360):
        for notes in guards.notes:
            for _ in range(5):
                notes.tell(refusal(HPA, 2))
        await guards.tell()
    ((_, count),) = guards.counts().items()
    assert count == 3600
    writes = Counter(method for method, plural, _ in guards.api.writes if plural == "events")
    assert writes["create"] == 2 and writes["merge"] <= 2 * 2 * 361


async def test_ten_thousand_different_attempts_are_a_bounded_number_of_events_and_all_are_accounted_for() -> None:
    guards = Guards(1)
    for number in range(ATTEMPTS):
        guards.notes[0].tell(refusal(f"user-{number}", 2))
    await guards.tell()
    told = sum(guards.counts().values())
    assert told == BURST == sum(guards.counts("Deployment").values())
    assert guards.dropped == ATTEMPTS - MOST_WAITING
    assert guards.suppressed == 2 * (MOST_WAITING - BURST)


async def test_an_api_server_that_is_away_costs_no_count() -> None:
    guards = Guards(1)
    for round_ in range(30):
        guards.api.refuse = {}
        if round_ % 3:
            away = ApiError("no answer", status=0)
            guards.api.refuse = {"create": away, "merge": away, "find": away}
        for _ in range(10):
            guards.notes[0].tell(refusal("alice", 2))
        await guards.tell()
    guards.api.refuse = {}
    await guards.later()
    assert list(guards.counts().values()) == [300]


async def test_an_event_that_may_not_be_written_is_given_up() -> None:
    guards = Guards(1)
    guards.api.refuse = {"create": ApiError("the namespace is being terminated", status=403)}
    for _ in range(3):
        guards.notes[0].tell(refusal("alice", 2))
        await guards.tell()
    assert not guards.api.writes and not guards.counts()


async def test_a_guard_that_stops_writes_what_it_has_counted() -> None:
    guards = Guards(1)
    task = asyncio.create_task(guards.notes[0].run())
    for _ in range(7):
        guards.notes[0].tell(refusal("alice", 2))
        await guards.notes[0].queue.join()
    assert list(guards.counts().values()) == [1], "repetitions are only counted for ten seconds"
    await guards.notes[0].drain(1)
    assert list(guards.counts().values()) == [7]
    task.cancel()
