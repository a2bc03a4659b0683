"""Workloads in manifests as snapshots of services of which nothing was observed yet."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scalewarden.errors import BadObject
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.snapshot import Snapshot
from scalewarden.sources.assemble import Facts, assemble
from scalewarden.sources.manifests.serving import Serves, serves
from scalewarden.sources.objects import autoscalers_for, pod_template_of, target_of
from scalewarden.sources.tree import child

Object = Mapping[str, Any]

KINDS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "LeaderWorkerSet": "leaderworkerset.x-k8s.io/v1",
}
"""Workloads that an autoscaler may scale, with their API version where a manifest leaves it out."""


@dataclass(frozen=True, slots=True)
class Described:
    """A workload's service: its InferenceDeployment (`made` up from the target where the manifests hold none) and the
    snapshot, at the instant 0, in which no replica was looked at, with the facts that it was made of. unplaced: the
    workload names no namespace. serves: what its pod template serves, as `check` reads it."""

    declared: InferenceDeployment
    facts: Facts
    snapshot: Snapshot
    made: bool
    unplaced: bool
    serves: Serves


def described(objects: Iterable[Object], namespace: str) -> Iterator[Described]:
    """Every workload among manifests, in their order; what names no namespace belongs to `namespace`. Raises BadObject
    for one whose name or InferenceDeployment is none."""
    everything = tuple(objects)
    services = [InferenceDeployment.parse(_placed(one, namespace)) for one in everything if _is_service(one)]
    for workload in everything:
        if workload.get("kind") in KINDS:
            yield _described(workload, everything, services, namespace)


def _described(
    workload: Object, objects: tuple[Object, ...], services: list[InferenceDeployment], namespace: str
) -> Described:
    kind, name, here = str(workload["kind"]), _name(workload), _namespace(workload, namespace)
    reference = {"apiVersion": workload.get("apiVersion") or KINDS[kind], "kind": kind, "name": name}
    own = next((one for one in services if _serves(one, kind, name, here)), None)
    spec: Object = {"metadata": {"name": name, "namespace": here}, "spec": {"targetRef": reference}}
    declared = own or InferenceDeployment.parse(spec, where=f"{kind} {here}/{name}")
    neighbors = [one for one in objects if _namespace(one, namespace) == here]
    facts = Facts(
        target=workload,
        replicas=(),
        scrapes={},
        autoscalers=autoscalers_for(target_of(reference), neighbors),
        services=[one for one in neighbors if one.get("kind") == "Service"],
    )
    unplaced = not child(workload, "metadata").get("namespace")
    said = serves(pod_template_of(workload))
    return Described(
        declared, facts, assemble(declared, facts, at=0.0), made=own is None, unplaced=unplaced, serves=said
    )


def _serves(service: InferenceDeployment, kind: str, name: str, namespace: str) -> bool:
    reference = service.spec.target_ref
    return (reference.kind, reference.name, service.namespace) == (kind, name, namespace)


def _is_service(obj: Object) -> bool:
    return obj.get("kind") == "InferenceDeployment"


def _placed(obj: Object, namespace: str) -> Object:
    """With the namespace that it would be applied to."""
    metadata = child(obj, "metadata")
    return {**obj, "metadata": {**metadata, "namespace": metadata.get("namespace") or namespace}}


def _name(obj: Object) -> str:
    name = child(obj, "metadata").get("name")
    if not isinstance(name, str) or not name:
        raise BadObject("no metadata.name", where=str(obj.get("kind")), hint="give whole manifests")
    return name


def _namespace(obj: Object, namespace: str) -> str:
    return str(child(obj, "metadata").get("namespace") or namespace)
