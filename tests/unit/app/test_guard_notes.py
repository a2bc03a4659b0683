"""What is told after an answer: which events, which decisions, and what happens when there is too much."""

from typing import Any

import pytest

from scalewarden.app.guard_metrics import GuardMetrics
from scalewarden.app.guard_notes import MOST_DECISIONS, REPEATED, Notes, notices, with_decision
from scalewarden.app.recorder import EventRecorder
from scalewarden.model.duration import rfc3339
from scalewarden.model.policy import Mode, Policy
from scalewarden.sources.kubeapi import KubeApi
from scalewarden.surfaces.admission_record import Record
from scalewarden.surfaces.admission_state import Ref
from tests.unit.surfaces.admission_cases import HPA, NOW, ask, cpu, entry, guarded, hpa, scale, state

ACTING = Ref("autoscaling/v2", "HorizontalPodAutoscaler", "serving", "llama", "uid-hpa")


def record(user: str = "alice", mode: Mode = Mode.ENFORCE) -> Record:
    """The record of a refusal (of a decrease that passes, below Enforce)."""
    known = state(guarded(policy=Policy(mode=mode)), entry())
    known.autoscalers.put(ACTING, ("serving", "Deployment", "llama"))
    (found,) = ask(scale(4, 2, user), known)[1]
    return found


def decision(at: float = 0.0, **changes: Any) -> dict[str, Any]:
    """A decision so many seconds after NOW."""
    return {"time": rfc3339(NOW + at), "actor": HPA, "from": 4, "to": 2, "verdict": "Deny", **changes}


@pytest.mark.parametrize(("user", "kind"), [(HPA, "HorizontalPodAutoscaler"), ("alice", "Deployment")])
def test_events_on_the_service_and_on_what_it_concerns_each_naming_the_other(user: str, kind: str) -> None:
    on_service, on_other = notices(record(user))
    assert (on_service.regarding.kind, on_service.related and on_service.related.kind) == ("InferenceDeployment", kind)
    assert (on_other.regarding.kind, on_other.related and on_other.related.kind) == (kind, "InferenceDeployment")
    for notice in (on_service, on_other):
        assert (notice.reason, notice.action, notice.warning) == ("ScaleDownRefused", "Scale", True)
        assert notice.note.startswith(f"{user}: deployments/scale 4→2. ")
        assert user in notice.key and "4→2" in notice.key


def test_an_object_that_does_not_exist_gets_no_event() -> None:
    review = hpa(cpu())
    del review["request"]["object"]["metadata"]["uid"]
    (refused,) = ask(review, state(autoscaling=Mode.ENFORCE))[1]
    (notice,) = notices(refused)
    assert notice.regarding.kind == "InferenceDeployment" and notice.related is not None
    assert (notice.reason, notice.action) == ("AutoscalerUnsound", "JudgeAutoscaler")


def test_observing_makes_no_event() -> None:
    assert list(notices(record(mode=Mode.OBSERVE))) == []


def test_the_last_ten_decisions_newest_last() -> None:
    kept: list[dict[str, Any]] = []
    for n in range(12):
        kept = with_decision(kept, decision(n, to=n))
    assert [one["to"] for one in kept] == list(range(2, 12)) and len(kept) == MOST_DECISIONS


def test_a_repetition_is_kept_once_and_written_only_now_and_then() -> None:
    before = [decision(0), decision(1, to=3)]
    assert with_decision(before, decision(REPEATED - 1)) == before
    assert with_decision(before, decision(REPEATED)) == [decision(1, to=3), decision(REPEATED)]


async def test_what_does_not_fit_is_dropped_and_counted() -> None:
    metrics = GuardMetrics()
    api: KubeApi = object.__new__(KubeApi)  # nothing is sent
    notes = Notes(api, EventRecorder(api, "scalewarden-guard"), metrics)
    for number in range(notes.queue.maxsize + 3):
        notes.tell(record(f"user-{number}"))
    assert notes.queue.full()
    assert "scalewarden_records_dropped_total 3.0" in metrics.page({}, 0).decode()
    await notes.drain(0.01)
