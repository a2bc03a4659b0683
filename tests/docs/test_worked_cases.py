"""The numbers in the concepts are the ones that the code gives."""

import re
from pathlib import Path

import pytest

from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.policy import Policy
from scalewarden.model.verdict import Decision, Verdict
from scalewarden.model.workload import Replica
from tests import builders as build

CONCEPTS = Path(__file__).parents[2] / "docs" / "concepts"
ROW = re.compile(r"^\| ([\d×., absent]+) \| (\d+) \| ([\d.]+) \| (\w+) \| (\d+) \|$", re.MULTILINE)
CASES = ROW.findall((CONCEPTS / "the-what-if.md").read_text(encoding="utf-8"))


def replicas(text: str) -> tuple[Replica, ...]:
    """`2 × 0.60, 2 × absent` as replicas."""
    groups = [part.split(" × ") for part in text.split(", ")]
    return tuple(
        build.replica(kv=None if usage == "absent" else float(usage))
        for count, usage in groups
        for _ in range(int(count))
    )


def judged(some: tuple[Replica, ...], to: int) -> Verdict:
    snapshot = build.snapshot(some, intent=build.intent(len(some), to))
    return evaluate(snapshot, Policy()).verdict


@pytest.mark.parametrize(("usages", "to", "predicted", "decision", "safe"), CASES, ids=[case[0] for case in CASES])
def test_the_table_of_the_what_if(usages: str, to: str, predicted: str, decision: str, safe: str) -> None:
    verdict = judged(replicas(usages), int(to))
    assert verdict.decision == decision
    assert verdict.predicted.kv_cache_usage == pytest.approx(float(predicted), abs=5e-5)
    assert verdict.safe_replicas == int(safe)


def test_the_table_is_there() -> None:
    assert len(CASES) == 11


def test_the_example_of_how_it_decides() -> None:
    text = " ".join((CONCEPTS / "how-it-decides.md").read_text(encoding="utf-8").replace("> ", "").split())
    verdict = judged(build.fleet(4, kv=0.60, gpu_busy=0.35, engine_active=0.35), 3)
    said, _, history = verdict.message.rpartition("; ")
    assert history.startswith("stabilization not applied")
    assert said in text
    assert f"`{verdict.reason}`" in text and f"`{verdict.binding_test}`" in text


def test_the_fleet_that_is_held_though_its_peaks_never_met() -> None:
    assert "0.53 + 0.53/3 = 0.71" in (CONCEPTS / "limits.md").read_text(encoding="utf-8")
    verdict = judged(build.fleet(4, kv=0.53), 3)
    assert verdict.decision is Decision.HOLD
    assert verdict.predicted.kv_cache_usage == pytest.approx(0.7067, abs=1e-4)
