"""The annotations on judged objects: stable words, no live numbers."""

import re

from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.policy import Policy
from scalewarden.surfaces.annotations import FINDINGS, VERDICT, of_autoscaler, of_target, written
from tests import builders as build


def test_an_unsound_autoscaler_is_told_why_and_what_to_do() -> None:
    judged = evaluate(build.snapshot(autoscalers=[build.hpa(build.resource("cpu", 80))]), Policy()).autoscalers[0]
    text = of_autoscaler(judged)
    assert text[VERDICT] == "Unsound"
    assert text[FINDINGS].startswith("ASC601 cpu-scaled-gpu-workload: ") and text[FINDINGS].endswith(".")


def test_a_target_shows_verdict_reason_and_safe_count() -> None:
    text = of_target(evaluate(build.snapshot(replicas=build.fleet(4, kv=0.85)), Policy()))
    assert text[VERDICT].startswith("Deny KVCachePressure: safe count 4")
    assert "KVC201 kv-cache-pressure" in text[FINDINGS]


def test_the_text_does_not_move_with_the_samples() -> None:
    one, other = (of_target(evaluate(build.snapshot(replicas=build.fleet(4, kv=kv)), Policy())) for kv in (0.85, 0.93))
    assert one == other
    assert not re.search(r"\d\.\d", " ".join(one.values()))


def test_nothing_found_is_said() -> None:
    calm = evaluate(build.snapshot(replicas=build.fleet(4, kv=0.2)), Policy())
    assert of_target(calm)[FINDINGS] == "none"


def test_only_our_annotations_count_as_written() -> None:
    assert written({"a": "b", VERDICT: "Sound"}) == {VERDICT: "Sound"}
