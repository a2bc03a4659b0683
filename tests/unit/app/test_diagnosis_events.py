"""`DiagnosisChanged` is told of real transitions: not of a signal that flaps, and not of a new operator."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scalewarden.app.judging import remembered
from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import History
from scalewarden.model.status import InferenceDeploymentStatus
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.conditions import Stamp
from scalewarden.surfaces.events import EventReason, Notice, Subjects, transitions
from scalewarden.surfaces.status import Context, is_due, status_of
from tests.builders import AT, fleet, replica, snapshot

ABOUT = Subjects(Ref("scalewarden.dev/v1alpha1", "InferenceDeployment", "serving", "llama", "1"), None, {})
EVERY = 15.0
Load = Callable[[float], float | None]


class Operator:
    """Evaluates, writes its status where that is due, and tells what changed, as the publisher does."""

    def __init__(self, load: Load, status: InferenceDeploymentStatus | None = None, now: float = 0.0) -> None:
        self.load, self.started = load, now
        self.status = status or InferenceDeploymentStatus()
        self.history: History = remembered(self.status, AT + now)
        self.told: list[Notice] = []

    def run(self, start: float, end: float, *, scrapes: bool = False) -> "Operator":
        """scrapes: reads the pods itself, so that it knows nothing of the time before its start."""
        for n in range(round((end - start) / EVERY)):
            self.look(start + n * EVERY, self.started if scrapes else -1e9)
        return self

    def look(self, now: float, known_from: float) -> None:
        snap = replace(snapshot(fleet(1, **self._signals(now, known_from))), at=AT + now, history=self.history)
        found = evaluate(snap, Policy())
        self.history = found.history
        after = status_of(found, Context(Stamp(1, AT + now, self.status)))
        if is_due(self.status, after, AT + now):
            told = transitions(self.status, after, ABOUT)
            self.told += [one for one in told if one.reason == EventReason.DIAGNOSIS_CHANGED]
            self.status = after

    def _signals(self, now: float, known_from: float) -> dict[str, Any]:
        if self.load(now) is None:
            return {"kv": None, "waiting": None, "running": None}
        times = [now - EVERY * n for n in range(40, -1, -1) if now - EVERY * n >= known_from]
        kv = [(t, value) for t in times if (value := self.load(t)) is not None]
        return {
            "kv": [Point(AT + t, value) for t, value in kv],
            "running": [Point(AT + t, round(value * 40)) for t, value in kv],
            "waiting": [Point(AT + t, 0.0) for t, _ in kv],
            "max_num_seqs": 128,
        }


def every(seconds: float, one: float | None, other: float | None) -> Load:
    return lambda now: one if int(now // seconds) % 2 == 0 else other


@pytest.mark.parametrize("other", [0.30, None], ids=["calm", "blind"])
@pytest.mark.parametrize("seconds", [15, 30, 60, 105])
def test_a_thousand_looks_at_a_flapping_signal_are_one_event(seconds: float, other: float | None) -> None:
    operator = Operator(every(seconds, 0.95, other)).run(0, 1000 * EVERY)
    assert len(operator.told) <= 1, [one.note for one in operator.told]


def test_what_is_full_and_calm_by_turns_is_told_each_time_and_no_oftener() -> None:
    """Full for half an hour, calm for half an hour: two changes an hour, though there are 240 looks in it."""
    told = Operator(every(1800, 0.95, 0.60)).run(0, 4 * 3600).told
    assert [one.key for one in told] == ["KVCacheBound", "Healthy"] * 4


@pytest.mark.parametrize("scrapes", [False, True], ids=["history in Prometheus", "direct scrape"])
@pytest.mark.parametrize("load", [0.95, 0.60, 0.10, 0.0], ids=["full", "healthy", "underloaded", "idle"])
def test_a_restart_is_no_change(load: float, scrapes: bool) -> None:
    before = Operator(lambda _: load).run(0, 1800).status
    after = Operator(lambda _: load, before, 1845).run(1845, 3600, scrapes=scrapes)
    assert not after.told, [one.note for one in after.told]
    assert before.diagnosis is not None and after.status.diagnosis is not None
    assert (after.status.diagnosis.regime, after.status.diagnosis.since) == (
        before.diagnosis.regime,
        before.diagnosis.since,
    )


def test_many_restarts_are_none_either() -> None:
    status, told = Operator(lambda _: 0.0).run(0, 1800).status, 0
    for n in range(20):
        start = 1800 + n * 60
        operator = Operator(lambda _: 0.0, status, start).run(start, start + 60, scrapes=True)
        status, told = operator.status, told + len(operator.told)
    assert told == 0


def test_the_first_warning_comes_with_the_first_look_that_proves_it() -> None:
    told = Operator(lambda now: 0.95 if now >= 600 else 0.30).run(0, 615).told
    assert [one.key for one in told] == ["KVCacheBound"]


def test_a_service_without_a_ready_replica_is_told_once() -> None:
    gone = replica(ready=False, kv=None, waiting=None, running=None)
    operator = Operator(lambda _: 0.30).run(0, 600)
    history = operator.history
    seen = []
    for n in range(40):
        found = evaluate(replace(snapshot([gone]), at=AT + 600 + n * EVERY, history=history), Policy())
        history = found.history
        seen.append(str(found.diagnosis.regime))
    assert seen == ["Underloaded"] * 8 + ["Indeterminate"] * 32
