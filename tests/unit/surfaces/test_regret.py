"""`status.regret`, the line that is read of it, and what a refusal costs."""

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.policy import Policy
from scalewarden.model.regret import Last, Outcome, Refused, Regret
from scalewarden.model.snapshot import History
from scalewarden.model.status import DecisionStatus, RegretStatus
from scalewarden.model.thresholds import Thresholds
from scalewarden.surfaces.held import HeldGpus, held_gpu_seconds
from scalewarden.surfaces.regret import refused_of, regret_of, regret_status, regret_text
from tests.builders import AT, fleet, gpu_workload, snapshot

LIMITS = Thresholds()
KNOWN = Regret(
    desired=3,
    counts={Outcome.FINE: 3, Outcome.REGRETTED: 1, Outcome.NEEDLESS: 2},
    margin=0.03,
    good=1,
    changed_at=AT,
    last=Last(AT, 3, Outcome.REGRETTED, "llama-0 preempted requests", 0.66, 0.97),
)


def test_what_is_written_is_what_is_read() -> None:
    written = regret_status(KNOWN)
    assert written is not None
    again = RegretStatus.model_validate(written.model_dump(by_alias=True))
    assert regret_of(again, 3, AT + 60, LIMITS) == replace(KNOWN, answered=AT + 60)


def test_nothing_is_written_before_anything_came() -> None:
    assert regret_status(Regret(3)) is None
    assert regret_of(None, 3, AT, LIMITS) is None and regret_of(RegretStatus(), 3, AT, LIMITS) is None


@pytest.mark.parametrize("margin", [-0.1, 0.5, float("nan"), float("inf")])
def test_a_margin_that_cannot_be_ours_is_left_out(margin: float) -> None:
    status = RegretStatus.model_validate({"outcomes": {"fine": 1}, "margin": margin, "good": 99})
    found = regret_of(status, 3, AT, LIMITS)
    assert found is not None and (found.margin, found.good) == (0.0, 3)


def test_words_and_times_that_cannot_be_ours_are_left_out() -> None:
    last = {"time": "yesterday", "to": 3, "outcome": "Fine"}
    status = RegretStatus.model_validate(
        {"outcomes": {"fine": -4, "needed": 10**12}, "changedAt": "soon", "last": last}
    )
    found = regret_of(status, 3, AT, LIMITS)
    assert found == Regret(3, answered=AT)
    unheard = {**last, "time": "2026-11-21T23:00:00Z", "outcome": "Great"}
    again = regret_of(RegretStatus.model_validate({"outcomes": {"fine": 1}, "last": unheard}), 3, AT, LIMITS)
    assert again is not None and again.last is None


def test_the_line_that_is_read() -> None:
    assert regret_text(regret_status(KNOWN)) == (
        "What became of removals: 3 fine, 1 regretted; refusals: 2 needless; 0.03 is taken off the Allow lines"
    )
    assert regret_text(None) == "" and regret_text(RegretStatus.model_validate({"outcomes": {"unknown": 1}})) == ""


def decision(verdict: str, time: str, to: int | None = 2) -> DecisionStatus:
    return DecisionStatus(time=time, verdict=verdict, to=to)


def test_the_newest_refusal_is_what_is_still_wanted() -> None:
    some = (
        decision("Deny", "2025-12-22T02:10:00Z", 1),
        decision("Hold", "2025-12-22T02:20:00Z"),
        decision("Allow", "x"),
    )
    assert refused_of(some) == Refused(AT, 2)
    assert refused_of((decision("Deny", "never"), decision("Deny", "2025-12-22T02:20:00Z", None))) is None


def judged(refused: Refused | None, **more: Any) -> Any:
    history = History(since=AT - 3600, refused=refused)
    return evaluate(snapshot(fleet(4, kv=0.65), history=history, **more), Policy())


def test_gpu_seconds_are_those_of_replicas_that_are_wanted_gone() -> None:
    found = judged(Refused(AT - 15, 2), workload=gpu_workload(gpus_per_replica=8))
    assert held_gpu_seconds(found, AT - 15) == HeldGpus("SCL501", 15 * 2 * 8)
    assert held_gpu_seconds(found, AT - 3600) == HeldGpus("SCL501", 60 * 2 * 8)


@pytest.mark.parametrize("refused", [None, Refused(AT - 421, 2), Refused(AT - 15, 4)])
def test_nobody_wants_fewer(refused: Refused | None) -> None:
    assert held_gpu_seconds(judged(refused), AT - 15) is None


def test_nothing_is_counted_without_a_time_or_gpus() -> None:
    found = judged(Refused(AT - 15, 2))
    assert held_gpu_seconds(found, None) is None
    bare = replace(found, snapshot=replace(found.snapshot, workload=gpu_workload(gpus_per_replica=None)))
    assert held_gpu_seconds(bare, AT - 15) is None
