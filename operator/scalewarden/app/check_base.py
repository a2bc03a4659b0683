"""Counts that a change lowers: a smaller `replicas`, `minReplicas` or `maxReplicas` than in the base."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.checked import Checked, Level
from scalewarden.rules.scaledown import survivors_overcommitted
from scalewarden.sources.autoscalers import READERS
from scalewarden.sources.behavior import count
from scalewarden.sources.manifests.kserve import deployment_name
from scalewarden.sources.manifests.nim import HPA
from scalewarden.sources.manifests.parsing import Manifest
from scalewarden.sources.tree import child
from scalewarden.surfaces.bounds import PAUSED_AT

_PAUSED = f'metadata.annotations["{PAUSED_AT}"]'
"""KEDA sets this count at once, whatever its minimum."""
_FIELDS = {
    "HorizontalPodAutoscaler": ("spec.minReplicas", "spec.maxReplicas"),
    "ScaledObject": ("spec.minReplicaCount", "spec.maxReplicaCount", "spec.idleReplicaCount", _PAUSED),
    "InferenceService": ("spec.predictor.minReplicas", "spec.predictor.maxReplicas"),
    "NIMService": ("spec.replicas", f"{HPA}.minReplicas", f"{HPA}.maxReplicas"),
    "InferenceDeployment": ("spec.policy.minReplicas",),
}
_WORKLOAD = ("spec.replicas",)
_DEFAULTS = {
    "spec.replicas": 1, "spec.minReplicas": 1, "spec.minReplicaCount": 0, "spec.maxReplicaCount": 100,
    "spec.predictor.minReplicas": 1, f"{HPA}.minReplicas": 1,
}  # fmt: skip
"""What holds where a field that was there is left out (Kubernetes, KEDA, KServe)."""
_MINIMA = frozenset({"minReplicas", "minReplicaCount", "idleReplicaCount"})


@dataclass(frozen=True, slots=True)
class Lowered:
    """A count that the change lowers; before and after are replicas. left_out: the change removes the field, so that
    its default holds."""

    manifest: Manifest
    field: str
    before: int
    after: int
    left_out: bool = False

    @property
    def name(self) -> str:
        """`replicas`, without the path."""
        return PAUSED_AT if self.field == _PAUSED else self.field.rpartition(".")[2]

    @property
    def is_minimum(self) -> bool:
        """True for a bound that removes nothing by itself: an autoscaler may go down to it."""
        return self.name in _MINIMA

    @property
    def targets(self) -> tuple[tuple[str, str], ...]:
        """(kind, name) of the workload whose replicas it counts; more than one where it is called so, too."""
        manifest = self.manifest
        if read := _autoscaler(manifest):
            return ((read.target_kind, read.target_name),)
        if manifest.kind == "InferenceDeployment":
            reference = child(manifest.value, "spec", "targetRef")
            return ((str(reference.get("kind")), str(reference.get("name"))),)
        made = {"InferenceService": deployment_name(manifest.name), "NIMService": manifest.name}.get(manifest.kind)
        return ((manifest.kind, manifest.name), *([("Deployment", made)] if made else []))


def lowered(now: Sequence[Manifest], base: Iterable[Manifest]) -> Iterator[Lowered]:
    """Every count of an object that is there in both and lower now."""
    earlier: dict[tuple[str, str, str], list[Manifest]] = {}
    for one in base:
        earlier.setdefault((one.kind, one.namespace, one.name), []).append(one)
    scaled = {(one.target_kind, one.target_name) for one in map(_autoscaler, now) if one}
    for manifest in now:
        before = _same_place(manifest, earlier.get((manifest.kind, manifest.namespace, manifest.name), ()))
        if not before or not manifest.name:
            continue
        for field in _FIELDS.get(manifest.kind, _WORKLOAD):
            counts = [old for one in before if (old := _before(one, field)) is not None]
            left_out = manifest.at(field) is None
            of_scaler = field == "spec.replicas" and (manifest.kind, manifest.name) in scaled
            new = _count(manifest, field) if not left_out else None if of_scaler else _DEFAULTS.get(field)
            if counts and new is not None and new < min(counts):
                yield Lowered(manifest, field, min(counts), new, left_out)


def _autoscaler(manifest: Manifest) -> Autoscaler | None:
    return READERS[manifest.kind](manifest.value) if manifest.kind in READERS else None


def _same_place(manifest: Manifest, several: Sequence[Manifest]) -> list[Manifest]:
    """A repository holds one object of several environments: those whose path ends most alike."""
    alike = [_alike(manifest, one) for one in several]
    return [one for one, many in zip(several, alike, strict=True) if many == max(alike)]


def _alike(one: Manifest, other: Manifest) -> int:
    """How many names at the end of both paths are the same; that of a git ref stands before a colon."""
    mine, theirs = (PurePath(each.text.file.rpartition(":")[2]).parts[::-1] for each in (one, other))
    return next((n for n, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), min(len(mine), len(theirs)))


def finding(one: Lowered, said: str, level: Level, remedy: str = "") -> Checked:
    """A lowered count as a finding of SCL501; `said` is what is known of it."""
    rule = survivors_overcommitted.RULE
    default = ", the default where nothing is written" if one.left_out else ""
    return Checked(
        rule=rule.code,
        name=rule.name,
        level=level,
        place=one.manifest.place(one.field),
        object=one.manifest.label,
        message=f"{one.manifest.label} lowers {one.name} from {one.before} to {one.after}{default}: {said}",
        remedy=remedy
        or f"Ask `scalewarden what-if NAME --replicas {one.after}` of the running service before it is merged.",
        field=one.field,
    )


def _before(one: Manifest, field: str) -> int | None:
    """A count that was written; where a pause is new, the minimum that held before it."""
    paused = field == _PAUSED and one.at(field) is None
    return _count(one, "spec.minReplicaCount" if paused else field)


def _count(manifest: Manifest, field: str) -> int | None:
    if field == _PAUSED:
        read = _autoscaler(manifest)
        return read.paused_replicas if read else None
    return count(manifest.at(field))
