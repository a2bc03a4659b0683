"""Which pods are told to go first, when KEDA is paused, and what the budget holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.model.snapshot import Snapshot
from scalewarden.surfaces.cooperation import ALIKE, budget, deletion_costs, is_our_budget, loads_of, pauses, same_budget
from tests import builders as build

OWNER = {
    "apiVersion": "scalewarden.dev/v1alpha1",
    "kind": "InferenceDeployment",
    "metadata": {"namespace": "serving", "name": "llama", "uid": "7"},
}
SELECTOR = {"matchLabels": {"app": "llama"}}


def loaded(*usages: float | None) -> Snapshot:
    """Replicas a, b, c … with these KV usages and no request running."""
    return build.snapshot([build.replica(chr(97 + i), kv=usage, running=0.0) for i, usage in enumerate(usages)])


@pytest.mark.parametrize(
    ("floor", "desired", "pauses_"), [(4, 4, True), (3, 4, False), (4, 0, False), (5, 4, True), (0, 4, False)]
)
def test_keda_is_paused_only_where_not_one_replica_may_go(floor: int, desired: int, pauses_: bool) -> None:
    assert pauses({"replicas": 0, "autoscalerReplicas": floor}, desired) is pauses_


def test_without_a_fence_nothing_is_paused() -> None:
    assert not pauses(None, 4)


def test_the_idlest_go_first_and_those_that_stay_are_not_marked() -> None:
    assert deletion_costs(loaded(0.5, 0.1, 0.3, 0.9), 2, {}) == {"b": -2, "c": -1}


def test_where_nothing_may_go_nothing_is_marked() -> None:
    assert deletion_costs(loaded(0.5, 0.1), 2, {}) == {}


def test_running_requests_count_beside_kv_usage() -> None:
    quiet, busy = build.replica("quiet", kv=0.3, running=1.0), build.replica("busy", kv=0.2, running=9.0)
    assert loads_of(build.snapshot([quiet, busy])) == {"quiet": pytest.approx(0.4), "busy": pytest.approx(1.1)}
    assert deletion_costs(build.snapshot([quiet, busy]), 1, {}) == {"quiet": -1}


def test_an_unknown_load_is_not_idle() -> None:
    assert deletion_costs(loaded(0.5, None, 0.3), 1, {}) == {"c": -2, "a": -1}
    assert deletion_costs(loaded(0.5, None), 0, {}) == {"a": -1}


def test_replicas_that_do_not_serve_or_leave_already_are_not_marked() -> None:
    replicas = [
        build.replica("new", kv=0.0, ready=False),
        build.replica("leaving", kv=0.0, terminating=True),
        build.replica("serving", kv=0.9),
    ]
    assert deletion_costs(build.snapshot(replicas), 2, {}) == {"serving": -1}


@pytest.mark.parametrize(
    ("usages", "kept"),
    [((0.3, 0.3 - ALIKE / 2, 0.8), True), ((0.3, 0.3 - 1.5 * ALIKE, 0.8), False), ((0.3, 0.9, 0.3), False)],
)
def test_the_order_stands_until_it_is_clearly_wrong(usages: tuple[float, float, float], kept: bool) -> None:
    before = {"a": -2, "b": -1}
    assert (deletion_costs(loaded(*usages), 1, before) == before) is kept


def test_the_order_is_made_anew_when_another_number_may_go_or_a_marked_pod_is_gone() -> None:
    assert deletion_costs(loaded(0.3, 0.3, 0.3), 2, {"b": -2, "c": -1}) == {"a": -1}
    assert deletion_costs(loaded(0.3, 0.3, 0.3), 1, {"b": -2, "gone": -1}) == {"a": -2, "b": -1}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.integers(0, 8), st.randoms())
def test_no_marked_replica_is_clearly_busier_than_one_that_stays(
    usages: list[float], safe: int, random: object
) -> None:
    snapshot = loaded(*usages)
    before = {f"{chr(97 + i)}": -1 - i for i in range(random.randint(0, len(usages)))}  # type: ignore[attr-defined]
    costs, loads = deletion_costs(snapshot, safe, before), loads_of(snapshot)
    assert len(costs) == max(0, len(usages) - safe)
    assert sorted(costs.values()) == list(range(-len(costs), 0))
    stay = [load for pod, load in loads.items() if pod not in costs]
    assert all(loads[pod] <= load + ALIKE for pod in costs for load in stay)


def test_a_budget_holds_the_floor_and_goes_with_its_service() -> None:
    made = budget(OWNER, SELECTOR, 3)
    assert made["spec"] == {"minAvailable": 3, "selector": SELECTOR, "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    assert made["metadata"]["ownerReferences"][0]["uid"] == "7"
    assert is_our_budget(made) and not is_our_budget({"metadata": {"name": "x"}})
    assert same_budget(made, budget(OWNER, SELECTOR, 3)) and not same_budget(made, budget(OWNER, SELECTOR, 4))
    reborn = {**OWNER, "metadata": {**OWNER["metadata"], "uid": "8"}}  # type: ignore[dict-item]
    assert not same_budget(made, budget(reborn, SELECTOR, 3))
