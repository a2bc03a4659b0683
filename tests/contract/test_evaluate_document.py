"""The JSON document of an evaluation: what stands where, and what is never there."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Absent, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Gpu
from scalewarden.surfaces.evaluation_json import to_json
from tests.builders import replica, signals, snapshot


def document(facts: Snapshot) -> dict[str, Any]:
    """What a program reads."""
    found: dict[str, Any] = json.loads(to_json(evaluate(facts, Policy())))
    return found


def scoped(facts: Snapshot, scope: str) -> dict[str, dict[str, Any]]:
    """The signals of one scope, by name."""
    return {signal["name"]: signal for signal in document(facts)["signals"] if signal["scope"] == scope}


def test_the_keys_are_the_contract() -> None:
    found = document(snapshot(replicas=[replica(), replica()]))
    assert list(found) == [
        "inferenceDeployment",
        "at",
        "replicas",
        "diagnosis",
        "findings",
        "intent",
        "verdict",
        "signals",
    ]
    assert list(found["verdict"]) == ["decision", "reason", "bindingTest", "message", "safeReplicas", "predicted"]
    predicted = list(found["verdict"]["predicted"])
    assert predicted[:4] == ["kvCacheUsage", "waitingPerReplica", "concurrency", "throughput"]
    assert predicted[4:] == ["interTokenLatency", "timeToFirstToken", "uncertainty"]  # what came later stands behind
    assert list(found["diagnosis"])[:3] == ["regime", "confidence", "summary"]
    assert list(found["findings"][0]) == ["rule", "name", "status", "misinterpretation", "message", "evidence"]
    assert list(found["signals"][0]) == ["name", "scope", "value", "unit", "absent", "age_seconds"]
    assert found["at"].endswith("Z")


def test_a_worked_case_in_numbers() -> None:
    facts = snapshot(replicas=[replica(kv=0.6) for _ in range(4)], intent=Intent(4, 3, Actor.USER))
    found = document(facts)
    assert found["intent"] == {"from": 4, "to": 3, "actor": "user"}
    assert found["verdict"]["decision"] == "Deny"
    assert found["verdict"]["bindingTest"] == "KVCacheUsage"
    assert found["verdict"]["predicted"]["kvCacheUsage"] == pytest.approx(0.8)


def test_absence_is_a_cause_and_never_a_number() -> None:
    facts = snapshot(replicas=[replica("a", kv=Absent("the series is gone")), replica("b", age=90.0)])
    assert scoped(facts, "a")["kv_usage"] == {
        "name": "kv_usage",
        "scope": "a",
        "value": None,
        "unit": None,
        "absent": "the series is gone",
        "age_seconds": None,
    }
    assert scoped(facts, "b")["kv_usage"]["age_seconds"] == 90.0
    assert document(facts)["replicas"] == {"desired": 2, "ready": 2, "fresh": 0}


def test_gpus_and_slices_have_scopes_of_their_own() -> None:
    busy = signals({SignalName.ENGINE_ACTIVE: 0.4})
    gpus = (Gpu("GPU-1", signals=busy), Gpu("GPU-2", mig_profile="1g.10gb", gpu_instance="3", signals=busy))
    facts = snapshot(replicas=[replica("a", gpus=gpus)])
    assert list(scoped(facts, "a/GPU-1")) == ["engine_active"]
    assert list(scoped(facts, "a/GPU-2/3")) == ["engine_active"]


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6))
def test_the_safe_count_is_a_count_and_predictions_are_finite(usages: list[float]) -> None:
    found = document(snapshot(replicas=[replica(kv=usage) for usage in usages]))
    assert 0 <= found["verdict"]["safeReplicas"] <= len(usages)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
