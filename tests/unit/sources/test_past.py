"""Whose history is asked for: pods of the present template, whatever they are called."""

from __future__ import annotations

import json
import re
from typing import Any

from scalewarden.model.workload import Engine
from scalewarden.sources.past import MOST_PODS, Past, past_of


def pod(name: str, created: str = "2025-11-01T00:00:00Z", kind: str = "ReplicaSet", **labels: str) -> dict[str, Any]:
    owners = [{"kind": kind, "name": "owner"}]
    labelled = {key.replace("_", "-"): value for key, value in labels.items()}
    return {
        "metadata": {"name": name, "creationTimestamp": created, "ownerReferences": owners, "labels": labelled},
    }


def past(*pods: dict[str, Any]) -> Past:
    found = past_of("serving", pods, Engine.VLLM)
    assert found is not None
    return found


def matches(found: Past, name: str) -> bool:
    return re.fullmatch(json.loads(found.pods), name) is not None


def test_pods_of_the_same_replica_set_are_found_when_they_are_gone() -> None:
    found = past(pod("llama-70b-6d4cf56db6-x7k2p"))
    assert matches(found, "llama-70b-6d4cf56db6-aaaaa") and found.born == {}
    others = ("llama-70b-7b9f8c5d4-x7k2p", "llama-70b-chat-x7k2p", "llama-70b-6d4cf56db6-x7k2p-1", "my-llama-70b-x7k2p")
    assert not any(matches(found, other) for other in others)


def test_during_a_rollout_only_the_newest_template_counts() -> None:
    found = past(pod("llama-new-x7k2p", "2025-11-02T00:00:00Z"), pod("llama-old-x7k2p"))
    assert matches(found, "llama-new-bbbbb") and not matches(found, "llama-old-x7k2p")


def test_a_dot_in_a_name_is_a_dot() -> None:
    found = past(pod("llama-3.1-6d4cf56db6-x7k2p"))
    assert matches(found, "llama-3.1-6d4cf56db6-aaaaa") and not matches(found, "llama-3x1-6d4cf56db6-aaaaa")


def test_names_that_are_used_again_count_since_the_pod_was_created() -> None:
    old = pod("llama-0", kind="StatefulSet", controller_revision_hash="one")
    new = pod("llama-1", "1970-01-02T00:00:00Z", "StatefulSet", controller_revision_hash="one")
    newest = pod("llama-2", "2025-11-03T00:00:00Z", "StatefulSet", controller_revision_hash="two")
    assert past(old, new).born == {"llama-0": 1_761_955_200.0, "llama-1": 86_400.0}
    assert list(past(old, new, newest).born) == ["llama-2"]
    assert not matches(past(old, new, newest), "llama-0")


def test_of_a_large_fleet_the_oldest_are_asked_for_by_name() -> None:
    some = [pod(f"llama-6d4cf56db6-aaa{n:02}", f"2025-11-01T00:00:{n:02}Z") for n in range(MOST_PODS + 5)]
    found = past(*reversed(some))
    assert sorted(found.born) == [one["metadata"]["name"] for one in some[:MOST_PODS]]


def test_without_pods_nobody_is_asked_about() -> None:
    assert past_of("serving", [], Engine.VLLM) is None
