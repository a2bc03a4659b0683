"""Reviews as a Kubernetes 1.36 API server sent them, one a write path: each is understood, refused and told."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from scalewarden.model.policy import AutoscalerScaleDown, Mode, Policy
from tests.unit.surfaces.admission_cases import DENIED, DEPLOYMENT, HPA, STATEFUL_SET, ask, entry, guarded, state

REVIEWS = Path(__file__).parent / "admission"
DECREASES = {
    "kubectl-scale": ("deployments/scale", 4, 2),
    "kubectl-scale-put": ("deployments/scale", 4, 2),
    "kubectl-scale-to-zero": ("deployments/scale", 4, 0),
    "kubectl-patch": ("deployments", 4, 2),
    "kubectl-apply": ("deployments", 4, 2),
    "kubectl-replace": ("deployments", 4, 2),
    "server-side-apply": ("deployments", 4, 2),
    "hpa-controller-scale": ("deployments/scale", 4, 2),
    "statefulset-scale": ("statefulsets/scale", 4, 2),
    "statefulset-patch": ("statefulsets", 4, 2),
}


def review(name: str) -> dict[str, Any]:
    """One recorded review."""
    found: dict[str, Any] = json.loads((REVIEWS / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", DECREASES)
def test_every_write_path_is_refused_below_the_floor(name: str) -> None:
    path, before, after = DECREASES[name]
    target = STATEFUL_SET if path.startswith("statefulsets") else DEPLOYMENT
    body = review(name)
    response, (record,) = ask(body, state(guarded(target), entry()))
    assert response["uid"] == body["request"]["uid"]
    assert (response["allowed"], response["status"]["code"]) == (False, 403)
    assert record.decision is not None
    assert (record.decision.path, record.decision.from_, record.decision.to) == (path, before, after)
    assert record.decision.actor == (HPA if name == "hpa-controller-scale" else "admin")
    assert (
        record.about[0].kind == target.kind and record.about[0].uid == body["request"]["oldObject"]["metadata"]["uid"]
    )


@pytest.mark.parametrize("name", DECREASES)
def test_every_write_path_passes_to_the_safe_count(name: str) -> None:
    path = DECREASES[name][0]
    target = STATEFUL_SET if path.startswith("statefulsets") else DEPLOYMENT
    response, _ = ask(review(name), state(guarded(target, safe_replicas=0), entry(0, 0)))
    assert response["allowed"] is True and "warnings" not in response


def test_a_dry_run_leaves_no_record() -> None:
    response, records = ask(review("kubectl-scale-dry-run"), state(fence=entry()))
    assert response["allowed"] is False
    assert records == ()


def test_a_trimmed_scale_of_the_hpa_controller() -> None:
    trim = guarded(policy=Policy(autoscaler_scale_down=AutoscalerScaleDown.TRIM))
    response, _ = ask(review("hpa-controller-scale"), state(trim, entry()))
    assert json.loads(b64decode(response["patch"]))[0]["value"] == 4


@pytest.mark.parametrize("name", ["hpa-create", "hpa-create-v1"])
def test_an_hpa_on_cpu_is_refused_or_warned_about(name: str) -> None:
    response, (record,) = ask(review(name), state(autoscaling=Mode.ENFORCE))
    assert response["allowed"] is False and "ASC601" in response["status"]["message"]
    assert (record.about[0].kind, record.about[0].name) == ("HorizontalPodAutoscaler", "llama")
    response, _ = ask(review(name), state(autoscaling=Mode.WARN))
    assert response["allowed"] is True and "ASC601" in response["warnings"][0]


def test_raising_the_maximum_of_an_unsound_hpa_passes_with_a_warning() -> None:
    response, _ = ask(review("hpa-update"), state(autoscaling=Mode.ENFORCE))
    assert response["allowed"] is True and response["warnings"]


LOWERED = {
    "hpa-lower-bounds": "horizontalpodautoscalers/llama maxReplicas 8→2",
    "hpa-lower-bounds-v1": "horizontalpodautoscalers/llama maxReplicas 8→2",
    "scaledobject-lower-bounds": "scaledobjects/llama maxReplicaCount 8→2",
    "scaledobject-paused-replicas": "scaledobjects/llama autoscaling.keda.sh/paused-replicas 2",
}


@pytest.mark.parametrize("name", LOWERED)
def test_a_maximum_under_the_floor_is_refused_and_at_it_passes(name: str) -> None:
    response, (record,) = ask(review(name), state(guarded(judged_replicas=4), entry()))
    assert (response["allowed"], response["status"]["code"], response["status"]["message"]) == (False, 403, DENIED)
    assert record.note.startswith(f"admin: update {LOWERED[name]}, refused. ")
    assert record.about[0].uid == review(name)["request"]["oldObject"]["metadata"]["uid"]
    allowed, _ = ask(review(name), state(guarded(judged_replicas=4, safe_replicas=0), entry(0, 0)))
    assert allowed["allowed"] is True


def test_a_minimum_and_a_behavior_are_warned_about() -> None:
    response, _ = ask(review("hpa-lower-bounds"), state(guarded(policy=Policy(mode=Mode.WARN), judged_replicas=1)))
    assert "minReplicas 1 lets HorizontalPodAutoscaler/llama go below what is safe" in response["warnings"][0]
    response, _ = ask(review("hpa-behavior-removed"), state())
    assert "ASC604: HorizontalPodAutoscaler/llama may remove 8 of 8 replicas at once" in response["warnings"][0]


@pytest.mark.parametrize("name", ["hpa-delete", "scaledobject-delete"])
def test_a_deletion_with_its_null_object_passes_with_a_warning(name: str) -> None:
    assert review(name)["request"]["object"] is None
    response, records = ask(review(name), state(fence=entry(9, 9)))
    assert response["allowed"] is True and records == ()
    assert "no autoscaler is left to add replicas to deployments/llama" in response["warnings"][0]


def test_a_weakened_service_is_warned_about() -> None:
    response, (record,) = ask(review("inferencedeployment-weakened"), state())
    assert response["allowed"] is True and "mode Warn instead of Enforce" in response["warnings"][0]
    assert "minReplicas none instead of 4" in record.note


def test_without_the_service_every_review_passes_without_a_trace() -> None:
    for path in REVIEWS.glob("*.json"):
        known = state(fence=entry(), autoscaling=Mode.ENFORCE)
        known.drop("serving", "llama")
        assert ask(review(path.stem), known)[0]["allowed"] is True
