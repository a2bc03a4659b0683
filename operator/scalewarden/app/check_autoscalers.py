"""Autoscalers in manifests, of every kind and version, with what there is to remark on them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.checked import Remark
from scalewarden.sources.autoscalers import READERS
from scalewarden.sources.manifests import aibrix, kserve, llm_services, nim
from scalewarden.sources.manifests.older import modern
from scalewarden.sources.manifests.parsing import Manifest
from scalewarden.sources.tree import child

Read = tuple[Autoscaler | None, list[Remark]]

OWN_SCALERS: Mapping[str, Callable[[Mapping[str, Any]], Autoscaler | None]] = {
    "InferenceService": kserve.autoscaler_of,
    "LLMInferenceService": llm_services.autoscaler_of,
    nim.KIND: nim.autoscaler_of,
}
"""Kinds that serve and have an autoscaler of their own made for them."""
JOBS = "ScaledJob"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
"""What an API server takes for a name."""


def read(manifest: Manifest) -> Read:
    """The autoscaler that a manifest is, or that somebody makes of it; None where it is none, or a part of one."""
    if manifest.kind in OWN_SCALERS:
        return OWN_SCALERS[manifest.kind](manifest.value), []
    if manifest.kind == JOBS and manifest.group == "keda.sh":
        scaled = READERS["ScaledObject"](manifest.value)
        return replace(scaled, kind=JOBS, target_kind=JOBS, target_name=manifest.name, min_replicas=None), []
    reader = _reader(manifest)
    if reader is None:
        return None, []
    if not child(manifest.value, "spec", "scaleTargetRef").get("name"):
        what = f"{manifest.label} names no target: part of an object, skipped"
        return None, [Remark(manifest.place(), what)]
    value, remark = modern(manifest)
    return _named(reader(value), manifest, [remark] if remark else [])


def _reader(manifest: Manifest) -> Callable[[Mapping[str, Any]], Autoscaler] | None:
    """By kind and group; a group that no autoscaler has is somebody's slip."""
    if manifest.kind == aibrix.KIND:
        return aibrix.autoscaler_of if manifest.group == aibrix.GROUP else None
    known = manifest.group in ("autoscaling", "keda.sh") or manifest.group.startswith("autoscaling.k8s")
    return READERS.get(manifest.kind) if known else None


def _named(one: Autoscaler, manifest: Manifest, remarks: list[Remark]) -> Read:
    """With a kind, and what no API server would take of the names."""
    said = []
    if manifest.kind == "HorizontalPodAutoscaler" and manifest.group != "autoscaling":
        said.append(("apiVersion", f"is of {manifest.group}, where no such kind is: write autoscaling/v2"))
    if not one.target_kind:
        said.append(("spec.scaleTargetRef", "names no kind of target, which must be there: taken for a Deployment"))
    if not _NAME.fullmatch(one.target_name):
        what = f"has a target that no object may be called, {one.target_name!r}: is this a template?"
        said.append(("spec.scaleTargetRef.name", f"{what} It is judged as it stands"))
    remarks += [Remark(manifest.place(field), f"{manifest.label} {what}") for field, what in said]
    return replace(one, target_kind=one.target_kind or "Deployment"), remarks
