"""The world: watches and lists in any order leave the newest state."""

import pytest

from scalewarden.app.world import Store, World
from scalewarden.sources.kubeapi import Listing
from scalewarden.sources.kuberesource import NAMESPACES, PODS
from scalewarden.sources.selectors import Selector

Object = dict[str, object]


def pod(name: str, version: int, *, uid: str = "", labels: dict[str, str] | None = None) -> Object:
    metadata = {"namespace": "a", "name": name, "uid": uid or name, "resourceVersion": str(version)}
    return {"metadata": {**metadata, "labels": labels or {}, "managedFields": [{}]}}


def names(store: Store) -> set[str]:
    return {one["metadata"]["name"] for one in store.all()}


def test_the_higher_version_wins_in_any_order() -> None:
    store = Store()
    store.put(pod("x", 5))
    store.put(pod("x", 4))
    assert store.objects["a"]["x"]["metadata"]["resourceVersion"] == "5"


def test_what_was_deleted_does_not_come_back_from_an_old_list() -> None:
    store = Store()
    store.put(pod("x", 5))
    store.drop(pod("x", 6))
    store.replace(Listing((pod("x", 5),), "5"))
    assert not names(store)


def test_a_new_object_of_the_same_name_survives_the_end_of_the_old_one() -> None:
    store = Store()
    store.put(pod("x", 5, uid="old"))
    store.put(pod("x", 8, uid="new"))
    store.drop(pod("x", 7, uid="old"))
    assert names(store) == {"x"}


def test_a_list_removes_what_a_broken_watch_missed_and_keeps_what_is_newer() -> None:
    store = Store()
    store.put(pod("gone", 3))
    store.put(pod("newer", 12))
    store.replace(Listing((pod("there", 4),), "10"))
    assert names(store) == {"newer", "there"}


def test_a_list_of_one_namespace_leaves_the_others_alone() -> None:
    store = Store()
    store.put({"metadata": {"namespace": "b", "name": "y", "uid": "y", "resourceVersion": "1"}})
    store.replace(Listing((), "10"), "a")
    assert names(store) == {"y"}


def test_the_callers_object_is_left_as_it_was() -> None:
    store, given = Store(), pod("x", 1)
    store.put(given)
    assert "managedFields" in given["metadata"]
    assert "managedFields" not in store.objects["a"]["x"]["metadata"]


def test_pods_by_selector_namespace_labels_and_ages() -> None:
    now = [10.0]
    world = World(lambda: now[0])
    world.put(PODS, pod("b", 1, labels={"app": "x"}))
    world.put(PODS, pod("a", 2, labels={"app": "x"}))
    world.put(PODS, pod("c", 3, labels={"app": "y"}))
    found = world.pods("a", Selector.of({"matchLabels": {"app": "x"}}))
    assert [one["metadata"]["name"] for one in found] == ["a", "b"]
    assert found[0]["kind"] == "Pod"
    world.put(NAMESPACES, {"metadata": {"name": "a", "uid": "n", "resourceVersion": "1", "labels": {"k": "v"}}})
    assert world.labels("a") == {"k": "v"} and world.labels("unknown") == {}
    now[0] = 14.0
    assert world.ages() == {"pods": 4.0, "namespaces": 4.0}


SELECTORS = [
    ("app=a", {"app": "a"}, True),
    ("app==a,tier=b", {"app": "a"}, False),
    ("app!=a", {"app": "b"}, True),
    ("app in (a, b),!canary", {"app": "b"}, True),
    ("app in (a,b),!canary", {"app": "b", "canary": ""}, False),
    ("app notin (a)", {"app": "a"}, False),
    ("app", {"app": "anything"}, True),
    ("leaderworkerset.sigs.k8s.io/name=x,leaderworkerset.sigs.k8s.io/worker-index=0",
     {"leaderworkerset.sigs.k8s.io/name": "x", "leaderworkerset.sigs.k8s.io/worker-index": "0"}, True),
    ("", {"app": "a"}, False),
    ("app in a", {"app": "a"}, False),
]  # fmt: skip


@pytest.mark.parametrize(("text", "labels", "selected"), SELECTORS)
def test_selectors_as_text(text: str, labels: dict[str, str], selected: bool) -> None:
    assert Selector.parse(text).selects(labels) is selected


def test_selectors_as_objects() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "canary", "operator": "DoesNotExist"},
        {"key": "app", "operator": "Exists"},
        {"key": "zone", "operator": "NotIn", "values": ["x"]},
    ]
    selector = Selector.of({"matchExpressions": expressions})
    assert selector.selects({"tier": "a", "app": ""})
    assert not selector.selects({"tier": "a", "app": "", "zone": "x"})
    assert not Selector.of({"matchExpressions": [{"key": "a", "operator": "Near"}]}).selects({"a": "b"})
    assert not Selector.of({}).selects({"a": "b"})
