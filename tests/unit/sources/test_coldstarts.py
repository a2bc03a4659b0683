"""The time that a new pod takes to serve, remembered beyond its life; restarts and ends of pods."""

import copy
from typing import Any

import pytest

from scalewarden.model.duration import unix_seconds
from scalewarden.sources.coldstarts import ColdStart, remember, slowest
from scalewarden.sources.objects import replica_of

Object = dict[str, Any]


def pod(name: str, created: str = "23:00:00", ready: str = "23:02:00", **status: Any) -> Object:
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": f"2026-11-21T{ready}Z"}
    metadata = {"name": name, "creationTimestamp": f"2026-11-21T{created}Z"}
    spec = {"containers": [{"name": "vllm", "image": "vllm/vllm-openai"}, {"name": "proxy", "image": "envoy"}]}
    return {"metadata": metadata, "spec": spec, "status": {"conditions": [condition], **status}}


def test_a_start_is_remembered_when_its_pod_is_gone():
    known = remember((), [pod("slow", ready="23:10:00")])
    assert slowest(remember(known, [pod("fast")])) == 600
    assert slowest(remember(known, [])) == 600
    assert slowest(()) is None


def test_five_starts_later_it_is_forgotten():
    known = remember((), [pod("slow", created="22:00:00", ready="22:30:00")])
    for minute in range(5):
        known = remember(known, [pod(f"p{minute}", created=f"23:0{minute}:00", ready=f"23:0{minute}:40")])
    assert (len(known), slowest(known)) == (5, 40)


def test_a_pod_that_turns_ready_again_keeps_its_first_start():
    known = remember((), [pod("a")])
    assert remember(known, [pod("a", ready="23:50:00")]) == known
    assert remember(known, [pod("a")]) == known


def test_pods_of_one_second_count_each():
    known = remember((), [pod("a"), pod("b", ready="23:05:00")])
    assert sorted(start.seconds for start in known) == [120, 300]
    assert known[0] == ColdStart(unix_seconds("2026-11-21T23:00:00Z"), 120.0, "a")


def test_starts_that_say_nothing():
    unready = pod("a")
    unready["status"]["conditions"][0]["status"] = "False"
    restarted = pod("b", containerStatuses=[{"name": "proxy", "restartCount": 1}])
    late = pod("c", created="20:00:00")
    assert remember((), [unready, restarted, late, {}]) == ()


RUNNING = {"running": {"startedAt": "2026-11-21T23:30:00Z"}}
KILLED = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}


def test_restarts_are_those_of_the_serving_container():
    vllm = {"name": "vllm", "restartCount": 3, "state": RUNNING, "lastState": KILLED}
    proxy = {"name": "proxy", "restartCount": 9, "state": {"running": {"startedAt": "2026-11-21T23:59:00Z"}}}
    found = replica_of(pod("a", containerStatuses=[proxy, vllm]))
    assert found.restarted_at == unix_seconds("2026-11-21T23:30:00Z")
    assert (found.restarts, found.last_termination) == (3, "OOMKilled")
    calm = replica_of(pod("a", containerStatuses=[proxy, {"name": "vllm", "restartCount": 0, "state": RUNNING}]))
    assert (calm.restarted_at, calm.restarts, calm.last_termination) == (None, 0, None)


def test_what_is_ending_now_comes_before_what_ended_last():
    status = {"name": "vllm", "restartCount": 1, "state": {"terminated": {"reason": "Error"}}, "lastState": KILLED}
    assert replica_of(pod("a", containerStatuses=[status])).last_termination == "Error"
    assert replica_of(pod("a")).restarts is None


def test_a_pod_that_is_deleted_does_not_serve_since_it_was_asked_to_end():
    leaving = pod("a")
    leaving["metadata"] |= {"deletionTimestamp": "2026-11-21T23:31:00Z", "deletionGracePeriodSeconds": 60}
    found = replica_of(leaving)
    assert (found.ready, found.terminating) == (False, True)
    assert found.unready_since == unix_seconds("2026-11-21T23:30:00Z")
    broken = copy.deepcopy(leaving)
    broken["status"]["conditions"][0]["status"] = "False"
    assert replica_of(broken).unready_since == unix_seconds("2026-11-21T23:02:00Z")


@pytest.mark.parametrize("count", [True, "3", None, 1.5])
def test_a_restart_count_that_is_none(count: object):
    assert replica_of(pod("a", containerStatuses=[{"name": "vllm", "restartCount": count}])).restarts is None
