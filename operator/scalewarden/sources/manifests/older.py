"""HorizontalPodAutoscalers of API versions that are gone or frozen, as autoscaling/v2 writes them."""

from collections.abc import Mapping
from typing import Any

from scalewarden.model.checked import Remark
from scalewarden.sources.manifests.parsing import Manifest
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

_GONE = {"autoscaling/v2beta1": "1.25", "autoscaling/v2beta2": "1.26"}
"""Versions and the Kubernetes release that dropped them."""
_TARGETS = {
    "targetAverageUtilization": ("Utilization", "averageUtilization"),
    "targetAverageValue": ("AverageValue", "averageValue"),
    "targetValue": ("Value", "value"),
}


def modern(manifest: Manifest) -> tuple[Object, Remark | None]:
    """The object as autoscaling/v2 has it, and a remark where its version is another one."""
    version = str(manifest.value.get("apiVersion"))
    if version in _GONE:
        what = (
            f"{manifest.label} is written in {version}, which Kubernetes {_GONE[version]} dropped: write autoscaling/v2"
        )
        value = _from_v2beta1(manifest.value) if version == "autoscaling/v2beta1" else manifest.value
        return value, Remark(manifest.place("apiVersion"), what)
    if version == "autoscaling/v1":
        what = f"{manifest.label} is written in autoscaling/v1, which knows CPU only: write autoscaling/v2"
        return manifest.value, Remark(manifest.place("apiVersion"), what)
    return manifest.value, None


def _from_v2beta1(value: Object) -> Object:
    spec = child(value, "spec")
    if not children(spec, "metrics"):
        return value
    return {**value, "spec": {**spec, "metrics": [_metric(one) for one in children(spec, "metrics")]}}


def _metric(metric: Object) -> Object:
    kind = str(metric.get("type", ""))
    key = kind[:1].lower() + kind[1:]
    body = child(metric, key)
    name = body.get("metricName")
    more: dict[str, Any] = {"metric": {"name": name}} if name else {}
    found = next((field for field in _TARGETS if body.get(field) is not None), None)
    if found:
        target, field = _TARGETS[found]
        more["target"] = {"type": target, field: body[found]}
    return {**metric, key: {**body, **more}}
