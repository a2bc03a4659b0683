"""Manifests → findings: autoscalers are put beside their targets, and judged by the rules that need no live service."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from scalewarden.app.check_autoscalers import JOBS, OWN_SCALERS, read
from scalewarden.app.check_by_name import engine_of, without_target
from scalewarden.app.check_findings import Judged, autoscaler_findings, doubled, engine_findings
from scalewarden.errors import BadObject
from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.checked import Checked, Level, Remark
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Engine
from scalewarden.rules.gpu_metrics import follows_load
from scalewarden.sources.assemble import Facts, assemble
from scalewarden.sources.manifests import aibrix, kserve, nearest, nested, nim
from scalewarden.sources.manifests.files import Found
from scalewarden.sources.manifests.parsing import Manifest
from scalewarden.sources.manifests.serving import Serves, serves
from scalewarden.sources.tree import child
from scalewarden.sources.workloads import pod_template_of, target_of

TEMPLATES = {
    "InferenceService": kserve.template_of,
    "LLMInferenceService": kserve.template_of,
    nim.KIND: nim.template_of,
    **dict.fromkeys(nested.KINDS, nested.template_of),
}
"""Kinds of which somebody else makes the pods."""
PODS = ("Deployment", "StatefulSet", "ReplicaSet", "LeaderWorkerSet", "Rollout", "DeploymentConfig")
WORKLOADS = frozenset({*PODS, *TEMPLATES})
_ANY = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "any"}
"""Stands for a target whose name may be anything a template left behind."""
NO_GPU = "; the manifest asks for no GPU, which such an engine runs on unless told otherwise"
NO_ENGINE = "; what it serves is not known, only that it does on a GPU"


@dataclass(slots=True)
class Checking:
    """One check. thresholds: of the configuration, by name."""

    found: Found
    thresholds: dict[str, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    errors: list[Remark] = field(default_factory=list)
    _concerned: set[int] = field(default_factory=set)
    _known: dict[int, Serves] = field(default_factory=dict)
    _services: list[tuple[Manifest, InferenceDeployment]] = field(default_factory=list)

    def findings(self) -> list[Checked]:
        """Everything that was found, in the order of files and lines."""
        workloads = [one for one in self.found.manifests if one.kind in WORKLOADS]
        by_name = nearest.index(workloads)
        declared = self._services = self._declared()
        self._concerned |= {id(one) for one, _ in declared}
        findings: list[Checked] = []
        scaled: dict[object, list[Judged]] = {}
        for manifest in self.found.manifests:
            for judged in self._judged(manifest, by_name, declared):
                findings += autoscaler_findings(judged)
                if judged.autoscaler.kind != aibrix.KIND:  # it may scale one role of its target
                    scaled.setdefault(_target_key(judged), []).append(judged)
        for several in scaled.values():
            if beside := _beside(several):
                findings += doubled(beside)
        for workload in workloads:
            findings += self._workload(workload, scaled.get(id(workload), []), declared)
        return sorted(set(findings), key=lambda one: (one.place.file, one.place.line, one.rule))

    def concerns(self, manifest: Manifest) -> bool:
        """Whether an object has to do with LLM inference: it serves it, scales it, or declares it."""
        return id(manifest) in self._concerned

    @property
    def judged(self) -> int:
        """How many objects do: an InferenceService, which serves and scales, is one."""
        return len(self._concerned)

    def declared_minimum(self, workload: Manifest) -> int | None:
        """The minimum that an InferenceDeployment declares for a workload."""
        mine = self.declared(workload)
        return mine.spec.policy.min_replicas if mine else None

    def declared(self, workload: Manifest) -> InferenceDeployment | None:
        """The InferenceDeployment among the manifests that names a workload."""
        return next((one for source, one in self._services if _names(source, one, workload)), None)

    def _declared(self) -> list[tuple[Manifest, InferenceDeployment]]:
        read = []
        for one in self.found.manifests:
            if one.kind == "InferenceDeployment" and one.group == "scalewarden.dev":
                try:
                    read.append((one, InferenceDeployment.parse(one.value)))
                except BadObject as error:
                    field = _field_of(error)
                    where = f"{one.label}: {field}" if field else one.label
                    what = f"{where}: {error.message}" + (f" ({error.hint})" if error.hint else "")
                    self.errors.append(Remark(one.place(field), what))
        return read

    def _judged(
        self,
        manifest: Manifest,
        workloads: nearest.Index,
        declared: Sequence[tuple[Manifest, InferenceDeployment]],
    ) -> Iterator[Judged]:
        """The manifest's autoscaler beside its target, where that serves a language model."""
        one = self._autoscaler(manifest)
        if one is None:
            return
        target = manifest if manifest.kind in OWN_SCALERS else None
        target = target or nearest.target(manifest, one, workloads)
        mine = _of_target(one, manifest, declared)
        what = self._serves(manifest, one, target, declared=mine is not None)
        if what is None:
            return
        self._concerned.add(id(manifest))
        cap, doubt = what
        yield Judged(manifest, one, target, self._snapshot(one, target, mine, manifest, doubt), cap, doubt)

    def _autoscaler(self, manifest: Manifest) -> Autoscaler | None:
        one, remarks = read(manifest)
        self.remarks += remarks
        return one

    def _serves(
        self, manifest: Manifest, one: Autoscaler, target: Manifest | None, *, declared: bool
    ) -> tuple[Level, str] | None:
        """The loudest level that is fair, and the doubt that goes with it; None for what is left alone."""
        if manifest.kind == JOBS:
            template = child(manifest.value, "spec", "jobTargetRef", "template")
            return (Level.ERROR, "") if serves(template) in (Serves.LLM, Serves.MAYBE_GPU, Serves.UNKNOWN) else None
        if target is None:
            return (Level.ERROR, "") if declared else without_target(manifest, one)
        what = Serves.LLM if declared else self._serving(target)
        fair = {
            Serves.LLM: (Level.ERROR, ""), Serves.MAYBE_GPU: (Level.WARNING, NO_GPU), Serves.ON_CPU: (Level.NOTE, ""),
            Serves.UNKNOWN: (Level.NOTE, NO_ENGINE),
        }  # fmt: skip
        return fair.get(what)

    def _serving(self, workload: Manifest) -> Serves:
        """What a workload serves, asked once for each."""
        if id(workload) not in self._known:
            self._known[id(workload)] = serves(template_of(workload, self.found.manifests))
        return self._known[id(workload)]

    def _snapshot(
        self,
        one: Autoscaler,
        target: Manifest | None,
        declared: InferenceDeployment | None,
        owner: Manifest,
        doubt: str,
    ) -> Snapshot:
        spec: dict[str, Any] = {"targetRef": _ANY, "policy": {"thresholds": self.thresholds}}
        service = declared or InferenceDeployment.parse({"spec": spec})
        value = target.value if target else {}
        described = {**value, "spec": {**child(value, "spec"), "template": self._template(target, owner)}}
        facts = Facts(target=described, replicas=(), scrapes={}, autoscalers=(one,))
        target_as_named = target_of({"kind": one.target_kind, "name": one.target_name})
        snapshot = replace(assemble(service, facts, at=0.0), target=target_as_named)
        on_gpu = declared is None and target is not None and self._serving(target) is Serves.LLM
        if target is None and snapshot.engine is Engine.UNKNOWN and owner.kind != JOBS:
            snapshot = replace(snapshot, engine=engine_of(owner, one))
        if doubt or on_gpu or snapshot.workload.resource_claims:  # on a GPU that no count of this manifest shows
            snapshot = replace(snapshot, workload=replace(snapshot.workload, gpu_resource="gpu"))
        return snapshot

    def _template(self, target: Manifest | None, owner: Manifest) -> Any:
        if owner.kind == JOBS:
            return child(owner.value, "spec", "jobTargetRef", "template")
        return template_of(target, self.found.manifests) if target else {}

    def _workload(
        self, workload: Manifest, scaled: list[Judged], declared: Sequence[tuple[Manifest, InferenceDeployment]]
    ) -> Iterable[Checked]:
        """What a workload itself says: an engine whose metrics are switched off."""
        if self._serving(workload) is Serves.OTHER:
            return ()
        template = template_of(workload, self.found.manifests)
        self._concerned.add(id(workload))
        read = any(follows_load(metric) for judged in scaled for metric in judged.autoscaler.metrics)
        named = any(_names(source, one, workload) for source, one in declared)
        return engine_findings(workload, template, needed=read or named)


def template_of(workload: Manifest, everyone: Iterable[Manifest]) -> Any:
    """The pod template of a workload of any kind; a Rollout may point to that of a Deployment."""
    if workload.kind in TEMPLATES:
        return TEMPLATES[workload.kind](workload.value)
    reference = child(workload.value, "spec", "workloadRef")
    if reference and not child(workload.value, "spec", "template"):
        named = (reference.get("kind"), reference.get("name"), workload.namespace)
        found = (one for one in everyone if (one.kind, one.name, one.namespace) == named)
        return next((pod_template_of(one.value) for one in found), {})
    return pod_template_of(workload.value)


def _of_target(
    one: Autoscaler, manifest: Manifest, declared: Sequence[tuple[Manifest, InferenceDeployment]]
) -> InferenceDeployment | None:
    for source, found in declared:
        reference = found.spec.target_ref
        near = nearest.same_namespace(source.namespace, manifest.namespace)
        if near and (reference.kind, reference.name) == (one.target_kind, one.target_name):
            return found
    return None


def _beside(several: Sequence[Judged]) -> list[Judged]:
    """Those of one target that would act on it together: different objects of one namespace, in one folder or below
    it, or beside the target. Overlays of other environments are each applied alone."""

    def together(one: Judged, other: Judged) -> bool:
        if (one.autoscaler.kind, one.autoscaler.name) == (other.autoscaler.kind, other.autoscaler.name):
            return False
        mine, theirs = (PurePath(each.manifest.text.file).parent for each in (one, other))
        own = PurePath(one.target.text.file).parent if one.target else mine
        near = own in (mine, theirs) or mine.is_relative_to(theirs) or theirs.is_relative_to(mine)
        return near and nearest.same_namespace(one.manifest.namespace, other.manifest.namespace)

    return [one for one in several if any(together(one, other) for other in several)]


def _target_key(judged: Judged) -> object:
    """What is the same for autoscalers of one target: the object, or what they call it where it is elsewhere."""
    if judged.target is not None:
        return id(judged.target)
    return judged.autoscaler.target_kind, judged.autoscaler.target_name


def _names(source: Manifest, declared: InferenceDeployment, workload: Manifest) -> bool:
    reference = declared.spec.target_ref
    near = nearest.same_namespace(source.namespace, workload.namespace)
    return near and (reference.kind, reference.name) == (workload.kind, workload.name)


def _field_of(error: BadObject) -> str:
    return error.where.rpartition(": ")[2] if error.where else ""
