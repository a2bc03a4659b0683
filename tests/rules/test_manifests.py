"""Whole manifests, as people write them, against every rule about autoscalers: what is not listed is clear."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scalewarden.model.autoscaler import MetricSource, TargetType
from scalewarden.model.finding import Severity, Status
from scalewarden.rules import catalogue
from scalewarden.sources.autoscalers import autoscaler_of_hpa, autoscalers_for
from tests import builders as build
from tests.rules import loader

MANIFESTS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("manifests.yaml").read_text(encoding="utf-8"))
CHECKS = {rule.code: check for rule, check in catalogue.RULES if rule.code.startswith("ASC")}
SERVICE = {"engine": "vLLM", "replicas": [{"kv": 0.3, "running": 8, "cpu_ratio": 0.2, "count": 4}]}


def manifest(described: dict[str, Any]) -> dict[str, Any]:
    """`{hpa: {metrics: …}}` or `{scaledobject: {triggers: …}}` as an object; sound where it is silent."""
    short = next(key for key in ("hpa", "scaledobject") if key in described)
    spec = dict(described[short] or {})
    metadata = {"name": spec.pop("name", "llama-70b"), **spec.pop("metadata", {})}
    status = spec.pop("status", {})
    calm = {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}
    bounds: dict[str, Any]
    if short == "hpa":
        bounds = {"minReplicas": 2, "maxReplicas": 8, "behavior": calm}
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama-70b"}
    else:
        advanced = {"horizontalPodAutoscalerConfig": {"behavior": calm}, **spec.pop("advanced", {})}
        bounds = {"minReplicaCount": 2, "maxReplicaCount": 8, "advanced": advanced}
        reference = {"name": "llama-70b"}
    kind = {"hpa": "HorizontalPodAutoscaler", "scaledobject": "ScaledObject"}[short]
    spec = {"scaleTargetRef": reference, **bounds, **spec}
    return {"kind": kind, "metadata": metadata, "spec": spec, "status": status}


@pytest.mark.parametrize("entry", MANIFESTS, ids=[one["case"] for one in MANIFESTS])
def test_a_manifest_is_judged_by_every_rule(entry: dict[str, Any]) -> None:
    found = autoscalers_for(build.target(), [manifest(one) for one in entry["objects"]])
    snapshot = loader.snapshot({**SERVICE, **entry.get("given", {}), "autoscalers": []})
    judged = {code: check(replace(snapshot, autoscalers=found)) for code, check in CHECKS.items()}
    fired = {code: str(finding.severity) for code, finding in judged.items() if finding.fired}
    unknown = {code for code, finding in judged.items() if finding.status is Status.UNKNOWN}
    told = {code: finding.message for code, finding in judged.items() if code in {*fired, *unknown}}
    assert fired == entry.get("fires", {}), (entry["why"], told)
    assert unknown == set(entry.get("unknown", ())), (entry["why"], told)


def test_sound_and_unsound_are_both_many() -> None:
    silent = [one for one in MANIFESTS if not one.get("fires")]
    assert len(silent) >= 12 and len(MANIFESTS) - len(silent) >= 20
    assert all(one["why"] for one in MANIFESTS)
    assert {level for one in MANIFESTS for level in one.get("fires", {}).values()} == {str(one) for one in Severity}


@pytest.mark.parametrize("source", [one for one in MetricSource if one is not MetricSource.TRIGGER])
@pytest.mark.parametrize("kind", TargetType)
def test_every_type_of_metric_and_target_is_read(source: MetricSource, kind: TargetType) -> None:
    key = source.value[:1].lower() + source.value[1:]
    word = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}[kind]
    name = {"name": "cpu"} if "Resource" in source else {"metric": {"name": "queue"}}
    metric = {"type": str(source), key: {**name, "target": {"type": str(kind), word: "70"}}}
    (read,) = autoscaler_of_hpa(manifest({"hpa": {"metrics": [metric]}})).metrics
    assert (read.source, read.target_type, read.target) == (source, kind, 70)
    assert read.name in {"cpu", "queue"} and read.field == f"spec.metrics[0].{key}.target.{word}"
