"""Events: one series for each thing said, not too often, never worth an exception."""

from dataclasses import replace

import pytest

from scalewarden.app.recorder import BURST, HEARTBEAT, QUIET, REFILL, EventRecorder, event, event_name
from scalewarden.sources.kubeapi import ApiError
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.events import Notice
from tests.unit.app.fake_api import Clock, FakeApi

SERVICE = Ref("scalewarden.dev/v1alpha1", "InferenceDeployment", "serving", "llama", "1")
HPA = Ref("autoscaling/v2", "HorizontalPodAutoscaler", "serving", "on-cpu", "3")
NOTICE = Notice("FenceRaised", "nobody goes below 3", SERVICE, HPA, "SetFence", warning=False, key="k")


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def recorder(api: FakeApi, clock: Clock) -> EventRecorder:
    return EventRecorder(api, "scalewarden-operator", clock)


def methods(api: FakeApi) -> list[str]:
    return [method for method, _, _ in api.writes]


def series(api: FakeApi) -> int:
    (found,) = api.objects.values()
    count: int = found.get("series", {}).get("count", 1)
    return count


async def test_the_first_time_is_an_event_of_events_k8s_io(api: FakeApi, recorder: EventRecorder) -> None:
    await recorder.tell(NOTICE)
    ((method, plural, told),) = api.writes
    assert (method, plural) == ("create", "events")
    assert (told["type"], told["reason"], told["action"]) == ("Normal", "FenceRaised", "SetFence")
    assert told["regarding"]["uid"] == "1" and told["related"]["kind"] == "HorizontalPodAutoscaler"
    assert told["reportingController"] == "scalewarden-operator" and told["eventTime"].endswith("Z")


async def test_repetitions_are_counted_and_written_together(
    api: FakeApi, recorder: EventRecorder, clock: Clock
) -> None:
    for _ in range(5):
        await recorder.tell(NOTICE)
    assert methods(api) == ["create"]
    clock.now += QUIET
    await recorder.flush()
    await recorder.flush()
    assert methods(api) == ["create", "merge"] and series(api) == 5


async def test_a_repetition_after_a_while_is_written_at_once(
    api: FakeApi, recorder: EventRecorder, clock: Clock
) -> None:
    await recorder.tell(NOTICE)
    clock.now += QUIET
    await recorder.tell(NOTICE)
    assert series(api) == 2


async def test_a_new_process_goes_on_with_the_series(api: FakeApi, recorder: EventRecorder, clock: Clock) -> None:
    await recorder.tell(NOTICE)
    await EventRecorder(api, "scalewarden-operator", clock).tell(NOTICE)
    assert len(api.objects) == 1 and series(api) == 2


async def test_an_event_that_has_expired_is_told_anew(api: FakeApi, recorder: EventRecorder, clock: Clock) -> None:
    await recorder.tell(NOTICE)
    api.objects.clear()
    clock.now += QUIET
    await recorder.tell(NOTICE)
    assert len(api.objects) == 1 and series(api) == 1


async def test_reminders_come_every_half_hour(api: FakeApi, recorder: EventRecorder, clock: Clock) -> None:
    for _ in range(10):
        await recorder.remind(NOTICE)
    assert not api.writes
    clock.now += HEARTBEAT
    await recorder.remind(NOTICE)
    await recorder.remind(NOTICE)
    assert methods(api) == ["create"]


async def test_what_was_just_told_is_not_reminded_of(api: FakeApi, recorder: EventRecorder, clock: Clock) -> None:
    await recorder.tell(NOTICE)
    clock.now += HEARTBEAT - 1
    await recorder.remind(NOTICE)
    assert series(api) == 1


async def test_one_object_cannot_flood_and_others_are_still_heard(
    api: FakeApi, recorder: EventRecorder, clock: Clock
) -> None:
    for number in range(BURST + 5):
        await recorder.tell(replace(NOTICE, key=str(number)))
    assert len(api.objects) == BURST and recorder.suppressed == 5
    await recorder.tell(replace(NOTICE, regarding=HPA))
    clock.now += REFILL
    await recorder.tell(replace(NOTICE, key="later"))
    assert len(api.objects) == BURST + 2 and recorder.suppressed == 5


@pytest.mark.parametrize("method", ["create", "merge", "find"])
async def test_an_api_server_that_refuses_is_no_exception(
    api: FakeApi, recorder: EventRecorder, clock: Clock, method: str
) -> None:
    api.refuse[method] = ApiError("forbidden", status=403)
    await recorder.tell(NOTICE)
    clock.now += QUIET
    await recorder.tell(NOTICE)
    await EventRecorder(api, "scalewarden-operator", clock).tell(NOTICE)


def test_names_are_the_same_for_the_same_and_differ_for_anything_else() -> None:
    names = {
        event_name(replace(NOTICE, **change)) for change in ({}, {"key": "l"}, {"reason": "r"}, {"regarding": HPA})
    }
    assert len(names) == 4
    assert event_name(NOTICE) == event_name(replace(NOTICE, note="other words"))


def test_notes_and_names_keep_to_the_limits() -> None:
    long = replace(NOTICE, note="ü\n" * 3000, regarding=replace(SERVICE, name="a" * 253))
    assert len(event_name(long)) <= 253
    told = event(event_name(long), long, "scalewarden-operator")
    assert len(told["note"].encode()) <= 1024 and "\n" not in told["note"]
