"""A service without its cluster: described by manifests, its pods and their signals as Prometheus has them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scalewarden.app.check_live import Evidence
from scalewarden.app.gather import Gatherer, Service
from scalewarden.app.targets import Found
from scalewarden.app.world import World
from scalewarden.errors import SourceUnavailable
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_service import SourceChoice
from scalewarden.sources.assemble import assemble
from scalewarden.sources.kuberesource import DEPLOYMENTS, HPAS, SCALED_OBJECTS, STATEFUL_SETS, Resource
from scalewarden.sources.manifests.older import modern
from scalewarden.sources.manifests.parsing import Manifest
from scalewarden.sources.prometheus import PrometheusSource
from scalewarden.sources.prometheus_asking import Asking
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.prometheus_pods import running
from scalewarden.sources.selectors import Selector
from scalewarden.sources.tree import child
from scalewarden.surfaces.conditions import Problem

_RESOURCES = {
    one.kind: one
    for one in (
        DEPLOYMENTS,
        STATEFUL_SETS,
        Resource("leaderworkerset.x-k8s.io", "v1", "leaderworkersets", "LeaderWorkerSet"),
        Resource("argoproj.io", "v1alpha1", "rollouts", "Rollout"),
    )
}
_AUTOSCALERS = {HPAS.kind: HPAS, SCALED_OBJECTS.kind: SCALED_OBJECTS}
_INTERVAL = 15.0
NOTE = "read from Prometheus alone: the pods that it scrapes are taken for the replicas, and for ready"


@dataclass(frozen=True, slots=True)
class Written:
    """A workload as manifests write it. kind and name: of what runs; replicas: as the base has it, None where it is
    left to an autoscaler; autoscalers: every one among the manifests."""

    kind: str
    name: str
    namespace: str
    template: Mapping[str, Any]
    replicas: int | None
    autoscalers: Sequence[Manifest] = ()
    declared: InferenceDeployment | None = None


async def evidence(written: Written, options: PrometheusOptions, now: float) -> Evidence:
    """What Prometheus says of it at `now`, unix seconds. Raises SourceError."""
    source, asking = PrometheusSource(options), Asking(options)
    try:
        until = asyncio.get_running_loop().time() + options.deadline + 1
        workload = (written.kind, written.namespace, written.name)
        pods = await running(asking, options, workload, now, until)
        world = _world(written)
        service = _service(written, pods)
        gatherer = Gatherer(world, {SourceChoice.PROMETHEUS: source}, _INTERVAL)
        await gatherer.collect([service], now)
        facts = gatherer.facts(service)
    finally:
        asking.close()
        await source.close()
    if isinstance(facts, Problem):
        raise SourceUnavailable(facts.message, where=options.where)
    declared = service.declared
    return Evidence(assemble(declared, facts, at=now), declared.policy, (NOTE,), written.declared is not None)


def _service(written: Written, running: Mapping[str, str]) -> Service:
    """Replicas that the base asks for and nobody scrapes are taken for ones that serve: they may."""
    unseen = {f"{written.name}-unseen-{number}": "" for number in range(len(running), written.replicas or 0)}
    pods = tuple(_pod(written, name, address) for name, address in sorted((unseen | dict(running)).items()))
    labels = child(written.template, "metadata", "labels")
    selector = {"matchLabels": labels}
    spec = {"replicas": len(pods), "selector": selector, "template": written.template}
    target = {"metadata": {"name": written.name, "namespace": written.namespace}, "spec": spec}
    resource = _RESOURCES.get(written.kind, DEPLOYMENTS)
    return Service(_declared(written, resource), Found(resource, target, Selector.of(selector)), pods)


def _declared(written: Written, resource: Resource) -> InferenceDeployment:
    """As declared, or by default; read from Prometheus, in the namespace that it would be applied to."""
    reference = {"apiVersion": resource.api_version, "kind": written.kind, "name": written.name}
    made = {"metadata": {"name": written.name}, "spec": {"targetRef": reference}}
    declared = written.declared or InferenceDeployment.parse(made)
    metadata = declared.metadata.model_copy(update={"namespace": written.namespace})
    signals = declared.spec.signals.model_copy(update={"source": SourceChoice.PROMETHEUS})
    spec = declared.spec.model_copy(update={"signals": signals})
    return declared.model_copy(update={"metadata": metadata, "spec": spec})


def _world(written: Written) -> World:
    world = World()
    for one in written.autoscalers:
        value, _ = modern(one)
        metadata = {**child(value, "metadata"), "name": one.name, "namespace": written.namespace}
        world.put(_AUTOSCALERS[one.kind], {**value, "metadata": metadata})
    return world


def _pod(written: Written, name: str, address: str) -> dict[str, Any]:
    """A pod of the template that runs: whether it is ready Prometheus does not know."""
    made = child(written.template, "metadata")
    metadata = {"name": name, "namespace": written.namespace, "labels": made.get("labels") or {}}
    metadata["annotations"] = made.get("annotations") or {}
    status = {"phase": "Running", "podIP": _host(address), "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": metadata, "spec": child(written.template, "spec"), "status": status}


def _host(address: str) -> str:
    """`10.0.0.1:8000` and `[::1]:8000` without the port; empty for a pod that nobody scrapes."""
    return (address.rpartition(":")[0] or address).strip("[]")


def autoscalers(manifests: Iterable[Manifest]) -> list[Manifest]:
    """The HPAs and ScaledObjects among manifests."""
    return [one for one in manifests if one.kind in _AUTOSCALERS and one.name]
