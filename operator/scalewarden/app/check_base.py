"""Counts that a change lowers: a smaller `replicas`, `minReplicas` or `maxReplicas` than in the base."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scalewarden.model.checked import Checked, Level
from scalewarden.rules.scaledown import survivors_overcommitted
from scalewarden.sources.autoscalers import READERS
from scalewarden.sources.behavior import count
from scalewarden.sources.manifests.kserve import deployment_name
from scalewarden.sources.manifests.parsing import Manifest
from scalewarden.sources.tree import child

_FIELDS = {
    "HorizontalPodAutoscaler": ("spec.minReplicas", "spec.maxReplicas"),
    "ScaledObject": ("spec.minReplicaCount", "spec.maxReplicaCount", "spec.idleReplicaCount"),
    "InferenceService": ("spec.predictor.minReplicas", "spec.predictor.maxReplicas"),
    "InferenceDeployment": ("spec.policy.minReplicas",),
}
_WORKLOAD = ("spec.replicas",)
_MINIMA = frozenset({"minReplicas", "minReplicaCount", "idleReplicaCount"})


@dataclass(frozen=True, slots=True)
class Lowered:
    """A count that the change lowers; before and after are replicas."""

    manifest: Manifest
    field: str
    before: int
    after: int

    @property
    def name(self) -> str:
        """`replicas`, without the path."""
        return self.field.rpartition(".")[2]

    @property
    def is_minimum(self) -> bool:
        """True for a bound that removes nothing by itself: an autoscaler may go down to it."""
        return self.name in _MINIMA

    @property
    def targets(self) -> tuple[tuple[str, str], ...]:
        """(kind, name) of the workload whose replicas it counts; more than one where it is called so, too."""
        manifest = self.manifest
        if manifest.kind in READERS:
            read = READERS[manifest.kind](manifest.value)
            return ((read.target_kind, read.target_name),)
        if manifest.kind == "InferenceDeployment":
            reference = child(manifest.value, "spec", "targetRef")
            return ((str(reference.get("kind")), str(reference.get("name"))),)
        made = (("Deployment", deployment_name(manifest.name)),) if manifest.kind == "InferenceService" else ()
        return ((manifest.kind, manifest.name), *made)


def lowered(now: Iterable[Manifest], base: Iterable[Manifest]) -> Iterator[Lowered]:
    """Every count of an object that is there in both and lower now."""
    earlier = {(one.kind, one.namespace, one.name): one for one in base}
    for manifest in now:
        before = earlier.get((manifest.kind, manifest.namespace, manifest.name))
        if before is None or not manifest.name:
            continue
        for field in _FIELDS.get(manifest.kind, _WORKLOAD):
            old, new = _count(before, field), _count(manifest, field)
            if old is not None and new is not None and new < old:
                yield Lowered(manifest, field, old, new)


def finding(one: Lowered, said: str, level: Level, remedy: str = "") -> Checked:
    """A lowered count as a finding of SCL501; `said` is what is known of it."""
    rule = survivors_overcommitted.RULE
    return Checked(
        rule=rule.code,
        name=rule.name,
        level=level,
        place=one.manifest.place(one.field),
        object=one.manifest.label,
        message=f"{one.manifest.label} lowers {one.name} from {one.before} to {one.after}: {said}",
        remedy=remedy
        or f"Ask `scalewarden what-if NAME --replicas {one.after}` of the running service before it is merged.",
        field=one.field,
    )


def _count(manifest: Manifest, field: str) -> int | None:
    *path, last = field.split(".")
    return count(child(manifest.value, *path).get(last))
