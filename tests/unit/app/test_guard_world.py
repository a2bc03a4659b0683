"""What the guard remembers of what its watches bring."""

from typing import Any

import pytest

from scalewarden.app.guard_world import SILENT, GuardWorld, guarded_of
from scalewarden.model.policy import Policy
from scalewarden.sources.autoscalers import READERS, autoscaler_of_scaledobject
from scalewarden.sources.kubeapi import ApiError
from scalewarden.sources.kuberesource import HPAS, INFERENCE_DEPLOYMENTS, LEASES, SCALE_FENCES, SCALED_OBJECTS, Resource
from scalewarden.sources.kubewatch import Alive, Gone, Listed, Lost, News, Put
from tests.unit.surfaces.admission_cases import DEPLOYMENT, state

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
LEASE = ("scalewarden", "scalewarden-operator")


class Clock:
    """Monotonic seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the world."""
    return Clock()


@pytest.fixture
def world(clock: Clock) -> GuardWorld:
    """A world that knows nothing yet."""
    empty = state()
    empty.drop_services()
    empty.fences.clear()
    return GuardWorld(empty, LEASE, clock)


def service(name: str = "llama", scales: str = "llama", **status: Any) -> dict[str, Any]:
    """An InferenceDeployment as the API server returns it."""
    return {
        "apiVersion": "scalewarden.dev/v1alpha1",
        "kind": "InferenceDeployment",
        "metadata": {"name": name, "namespace": "serving", "uid": f"uid-{name}", "resourceVersion": "1"},
        "spec": {"targetRef": {**TARGET, "name": scales}, "policy": {"minReplicas": 2}},
        "status": status,
    }


def fence(version: str = "7", name: str = "scalewarden", **entries: Any) -> dict[str, Any]:
    """A ScaleFence as the API server returns it."""
    metadata = {"name": name, "namespace": "serving", "resourceVersion": version}
    return {"apiVersion": "scalewarden.dev/v1alpha1", "kind": "ScaleFence", "metadata": metadata, "fences": entries}


def autoscaler(name: str, target: str = "llama") -> dict[str, Any]:
    """An HPA as the API server returns it."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "serving", "uid": f"uid-{name}"},
        "spec": {"scaleTargetRef": {**TARGET, "name": target}, "maxReplicas": 4},
    }


def lease(version: str) -> dict[str, Any]:
    """The operator's Lease."""
    return {"kind": "Lease", "metadata": {"name": LEASE[1], "namespace": LEASE[0], "resourceVersion": version}}


def hears(world: GuardWorld, resource: Resource, *news: News) -> None:
    """The world hears news of a resource."""
    for one in news:
        world.hear(resource, one)


def lost(status: int) -> Lost:
    """A watch that failed."""
    return Lost(ApiError("no", status=status), 1.0)


def test_it_is_a_problem_until_everything_was_listed(world: GuardWorld) -> None:
    hears(world, INFERENCE_DEPLOYMENTS, Listed(()))
    hears(world, SCALE_FENCES, Listed(()))
    assert world.problem() == "horizontalpodautoscalers not listed yet"
    assert not world.synced.is_set()
    hears(world, HPAS, Listed(()))
    assert world.problem() == "" and world.synced.is_set()


def test_without_keda_there_is_no_problem(world: GuardWorld) -> None:
    for resource in (INFERENCE_DEPLOYMENTS, SCALE_FENCES, HPAS):
        hears(world, resource, Listed(()))
    hears(world, SCALED_OBJECTS, lost(404))
    assert world.problem() == ""


def test_a_watch_that_falls_silent_is_a_problem_and_a_bookmark_ends_it(world: GuardWorld, clock: Clock) -> None:
    for resource in (INFERENCE_DEPLOYMENTS, SCALE_FENCES, HPAS):
        hears(world, resource, Listed(()))
    clock.now += SILENT + 1
    hears(world, HPAS, Alive())
    hears(world, SCALE_FENCES, lost(0))
    assert world.problem() == "inferencedeployments stale; scalefences stale"
    hears(world, INFERENCE_DEPLOYMENTS, Alive())
    hears(world, SCALE_FENCES, Listed(()))
    assert world.problem() == ""


def test_services_come_change_and_go(world: GuardWorld) -> None:
    hears(world, INFERENCE_DEPLOYMENTS, Listed((service(), service("qwen", "qwen"))))
    assert set(world.state.described) == {("serving", "llama"), ("serving", "qwen")}
    hears(world, INFERENCE_DEPLOYMENTS, Put(service("qwen", "other")), Gone(service()))
    assert set(world.state.claims) == {("serving", "deployments/other")}
    hears(world, INFERENCE_DEPLOYMENTS, Listed(()))
    assert not world.state.described and not world.state.claims


def test_a_second_service_on_a_target_changes_nothing_coming_or_going(world: GuardWorld) -> None:
    def answering() -> str:
        found = world.state.service("serving", DEPLOYMENT.key)
        return found.ref.name if found else ""

    older, younger = service(), service("a-copy")
    older["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    younger["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    for news in (Listed((younger, older)), Put(younger), Gone(younger)):
        hears(world, INFERENCE_DEPLOYMENTS, news)
        assert answering() == "llama"
    hears(world, INFERENCE_DEPLOYMENTS, Put(younger), Gone(older))
    assert answering() == "a-copy"


def test_fences_of_the_fixed_name_only(world: GuardWorld) -> None:
    floor = {"replicas": 3, "autoscalerReplicas": 4, "reason": "R", "message": "m", "owner": "llama"}
    hears(world, SCALE_FENCES, Listed((fence(**{DEPLOYMENT.key: floor}), fence(name="mine"))))
    assert world.state.floor("serving", DEPLOYMENT.key) is not None
    assert world.versions == {"serving": "7"}
    hears(world, SCALE_FENCES, Put(fence("8", **{DEPLOYMENT.key: {"replicas": "junk"}})))
    assert world.state.floor("serving", DEPLOYMENT.key) is None
    hears(world, SCALE_FENCES, Put(fence("9", **{DEPLOYMENT.key: floor})), Gone(fence(name="mine")))
    assert world.state.floor("serving", DEPLOYMENT.key) is not None
    hears(world, SCALE_FENCES, Gone(fence()))
    assert not world.state.fences


def test_autoscalers_by_what_they_scale(world: GuardWorld) -> None:
    def names() -> list[str]:
        return [ref.name for ref in world.state.autoscalers.of("serving", DEPLOYMENT)]

    hears(world, HPAS, Listed((autoscaler("a"), autoscaler("b"))))
    assert names() == ["a", "b"]
    hears(world, HPAS, Put(autoscaler("a", "elsewhere")), Gone(autoscaler("b")), Put(autoscaler("c")))
    assert names() == ["c"]
    hears(world, HPAS, Listed((autoscaler("d"),)))
    assert names() == ["d"] and len(world.state.autoscalers.places) == 1


def scaled_object(threshold: str, name: str = "mad") -> dict[str, Any]:
    """A ScaledObject as the API server returns it: KEDA's schema takes any text for a threshold."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": "serving", "uid": f"uid-{name}"},
        "spec": {
            "scaleTargetRef": {"name": "llama"},
            "triggers": [{"type": "prometheus", "metadata": {"threshold": threshold}}],
        },
    }


def test_an_object_that_cannot_be_read_is_skipped_and_told_once(
    world: GuardWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def names() -> list[str]:
        return [ref.name for ref in world.state.autoscalers.of("serving", DEPLOYMENT)]

    def read(obj: Any) -> Any:
        if obj["metadata"]["name"] == "mad" and obj["spec"]["triggers"][0]["metadata"]["threshold"] == "mad":
            raise ArithmeticError("too\nlarge")
        return autoscaler_of_scaledobject(obj)

    monkeypatch.setitem(READERS, "ScaledObject", read)
    hears(world, SCALED_OBJECTS, Listed((scaled_object("mad"), scaled_object("5", "sane"))), Put(scaled_object("mad")))
    assert names() == ["sane"]
    expected = "ScaledObject serving/mad is skipped, it cannot be read: ArithmeticError: too large"
    assert caplog.messages == [expected]
    hears(world, SCALED_OBJECTS, Put(scaled_object("5")), Put(scaled_object("mad")))
    assert caplog.messages == [expected, expected], "told again once it could be read in between"


@pytest.mark.parametrize("resource", [INFERENCE_DEPLOYMENTS, SCALE_FENCES, HPAS, SCALED_OBJECTS, LEASES])
@pytest.mark.parametrize("junk", [{}, {"metadata": None}, {"metadata": {"name": "x", "namespace": "y"}, "spec": 5}])
def test_no_object_ends_the_watch(world: GuardWorld, resource: Resource, junk: dict[str, Any]) -> None:
    hears(world, resource, Listed((junk, junk)), Put(junk), Gone(junk))
    assert resource.plural in world.heard


@pytest.mark.parametrize("threshold", ["1e999999k", "9" * 5000, "-", "NaN"])
def test_no_threshold_ends_the_watch(world: GuardWorld, threshold: str) -> None:
    hears(world, SCALED_OBJECTS, Listed((scaled_object(threshold), scaled_object("5", "sane"))))
    assert "sane" in [ref.name for ref in world.state.autoscalers.of("serving", DEPLOYMENT)]


def test_the_operators_silence_is_timed_by_our_own_clock(world: GuardWorld, clock: Clock) -> None:
    hears(world, LEASES, Listed((lease("1"),)))
    clock.now += 90
    assert world.operator_silent_for() == 90
    hears(world, LEASES, Put(lease("2")))
    assert world.operator_silent_for() == 0
    clock.now += 50
    hears(world, LEASES, Listed((lease("2"),)), Alive())
    assert world.operator_silent_for() == 50, "the same version again is no sign of life"


def test_who_cannot_see_the_lease_does_not_call_the_operator_silent(world: GuardWorld, clock: Clock) -> None:
    hears(world, LEASES, Listed((lease("1"),)))
    clock.now += 500
    hears(world, LEASES, lost(0))
    assert world.operator_silent_for() == 0
    hears(world, LEASES, Listed((lease("1"),)))
    assert world.operator_silent_for() == 500


def test_a_lease_that_never_was_counts_from_the_start(world: GuardWorld, clock: Clock) -> None:
    hears(world, LEASES, Listed(()))
    clock.now += 101
    assert world.operator_silent_for() == 101


def test_a_status_becomes_facts() -> None:
    found = guarded_of(
        service(
            target="deployments/llama",
            replicas={"desired": 5, "ready": 4},
            safeReplicas=4,
            lastEvaluationTime="2026-11-21T23:00:00Z",
            fence={"replicas": 3, "autoscalerReplicas": 4, "reason": "KVCachePressure"},
        )
    )
    assert (found.target.key, found.safe_replicas, found.denied_below) == ("deployments/llama", 4, 3)
    assert found.judged_replicas == 5
    assert (found.reason, found.policy.min_replicas) == ("KVCachePressure", 2)
    assert found.evaluated_at == 1795302000.0
    assert found.ref.uid == "uid-llama" and found.owner == "serving/llama"


def test_what_was_never_judged() -> None:
    fresh = guarded_of(service())
    assert (fresh.safe_replicas, fresh.judged_replicas, fresh.evaluated_at, fresh.reason) == (None, None, None, "")
    assert guarded_of(service(lastEvaluationTime="yesterday")).evaluated_at is None


def test_an_object_of_a_newer_schema_still_owns_its_fence() -> None:
    newer = service()
    newer["spec"]["policy"]["fromTheFuture"] = True
    found = guarded_of(newer)
    assert (found.owner, found.target.key, found.policy) == ("serving/llama", "deployments/llama", Policy())
    assert guarded_of({**newer, "spec": {}}).owner == "serving/llama"


def test_what_is_gone_leaves_nothing_behind(world: GuardWorld) -> None:
    gone, stays = fence(), {**fence("8"), "metadata": {**fence("8")["metadata"], "namespace": "other"}}
    hears(world, SCALE_FENCES, Listed((gone, stays)), Gone(gone))
    assert world.versions == {"other": "8"}
    hears(world, SCALE_FENCES, Listed(()))
    assert world.versions == {}
    broken = {"metadata": {"name": "broken", "namespace": "serving"}}
    hears(world, HPAS, Listed((broken,)), Listed((broken,)))
    assert world.skipped == {"HorizontalPodAutoscaler serving/broken"}
    hears(world, INFERENCE_DEPLOYMENTS, Listed(()))
    assert world.skipped, "another kind's list says nothing of it"
    hears(world, HPAS, Listed(()))
    assert world.skipped == set()
