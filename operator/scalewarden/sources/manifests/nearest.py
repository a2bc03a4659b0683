"""Which of several objects of one name an autoscaler means: a repository holds bases, overlays and environments."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.sources.manifests import kserve, nim
from scalewarden.sources.manifests.parsing import Manifest
from scalewarden.sources.manifests.serving import beside

_SERVICES = ("InferenceService", "LLMInferenceService")

_OF_A_PART = {
    "DisaggregatedSetRoleScaler": "DisaggregatedSet",
    "DynamoGraphDeploymentScalingAdapter": "DynamoGraphDeployment",
}
"""Kinds that stand for a part of another object, called NAME-PART."""

Index = Mapping[tuple[str, str], Sequence[Manifest]]


def index(workloads: Iterable[Manifest]) -> Index:
    """Workloads by kind and name."""
    found: dict[tuple[str, str], list[Manifest]] = {}
    for one in workloads:
        found.setdefault((one.kind, one.name), []).append(one)
    return found


def target(autoscaler: Manifest, one: Autoscaler, workloads: Index) -> Manifest | None:
    """The object that an autoscaler scales: of its namespace (none written matches any), nearest to its file."""
    named = list(workloads.get((one.target_kind, one.target_name), ()))
    if not named and one.target_kind == "Deployment":
        made_of = [(nim.KIND, one.target_name)] + [(kind, kserve.made_for(one.target_name, kind)) for kind in _SERVICES]
        named = [found for key in made_of for found in workloads.get(key, ())]
    if whole := _OF_A_PART.get(one.target_kind):
        named = [] if beside(one.target_name) else list(_whole(one.target_name, whole, workloads))
    fits = [workload for workload in named if same_namespace(workload.namespace, autoscaler.namespace)]
    return min(fits, key=lambda found: _distance(found, autoscaler), default=None)


def _whole(part: str, kind: str, workloads: Index) -> Iterator[Manifest]:
    for (named, name), found in workloads.items():
        if named == kind and part.startswith(f"{name}-"):
            yield from found


def same_namespace(one: str, other: str) -> bool:
    """True where both are the same, or one is left to whoever applies it."""
    return not one or not other or one == other


def _distance(found: Manifest, autoscaler: Manifest) -> tuple[bool, bool, int]:
    """Another namespace spelling, another file, and how many folders lie between."""
    mine, other = autoscaler.text.file, found.text.file
    here, there = os.path.dirname(mine), os.path.dirname(other)  # noqa: PTH120
    steps = 0 if here == there else len(PurePath(os.path.relpath(there or ".", here or ".")).parts)
    return found.namespace != autoscaler.namespace, mine != other, steps
