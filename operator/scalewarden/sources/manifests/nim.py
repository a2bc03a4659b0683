"""NVIDIA's NIMService as what its operator makes of it: a pod template, and an HPA for it.

Names are those of apps.nvidia.com/v1alpha1. `spec.scale.hpa` is written as the spec of an autoscaling/v2 HPA.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.sources.autoscalers import READERS
from scalewarden.sources.tree import child

Object = Mapping[str, Any]

KIND = "NIMService"
HPA = "spec.scale.hpa"
"""Where its HPA stands."""
_REGISTRY = "nvcr.io/nim"


def template_of(service: Object) -> Object:
    """The pod template: one container, whose image is a NIM's from whatever registry, since the kind says so."""
    spec = child(service, "spec")
    image = child(spec, "image")
    name = f"{image.get('repository') or ''}:{image.get('tag') or 'latest'}"
    own = name if "/nim/" in name else f"{_REGISTRY}/{name}"
    pod: dict[str, Any] = {"containers": [{**spec, "image": own}]}
    return {"spec": pod | ({"resourceClaims": spec["draResources"]} if spec.get("draResources") else {})}


def autoscaler_of(service: Object) -> Autoscaler | None:
    """The HPA that is made; None where none is switched on."""
    scale, metadata = child(service, "spec", "scale"), child(service, "metadata")
    if scale.get("enabled") is not True:
        return None
    reference = {"kind": KIND, "name": metadata.get("name")}
    hpa = {"metadata": metadata, "spec": {**child(scale, "hpa"), "scaleTargetRef": reference}}
    read = READERS["HorizontalPodAutoscaler"](hpa)
    metrics = tuple(replace(one, field=one.field.replace("spec", HPA, 1)) for one in read.metrics)
    return replace(read, kind=KIND, metrics=metrics)
