"""One service in a live cluster, looked at from outside: what `record` and `doctor` share with the operator."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from scalewarden.app.gather import Gatherer, Service
from scalewarden.app.targets import Targets
from scalewarden.app.world import POOLS, World
from scalewarden.errors import ClusterError
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_service import SourceChoice
from scalewarden.sources.assemble import Facts
from scalewarden.sources.base import Collected, MetricsSource, PodKey
from scalewarden.sources.endpoints import exporter_endpoint, is_gpu_exporter
from scalewarden.sources.kubeapi import ApiError, KubeApi, Listing
from scalewarden.sources.kuberesource import (
    DEPLOYMENTS,
    HPAS,
    INFERENCE_DEPLOYMENTS,
    NODES,
    PODS,
    SCALED_OBJECTS,
    SERVICES,
    STATEFUL_SETS,
    Resource,
)
from scalewarden.sources.pods import selects
from scalewarden.sources.usage import PodUsage
from scalewarden.sources.workloads import child, pod_template_of
from scalewarden.surfaces.conditions import Problem

Object = dict[str, Any]

ROLE = "the ClusterRole scalewarden-support has what it takes"
INTERVAL = 15.0


@dataclass(slots=True)
class Live:
    """Looks at the objects of one InferenceDeployment and reads its pods.

    source: Scrape, or Prometheus. notes: what could not be seen and what that means, each once.
    """

    api: KubeApi
    namespace: str
    name: str
    source: MetricsSource
    choice: SourceChoice = SourceChoice.SCRAPE
    world: World = field(default_factory=World)
    notes: dict[str, str] = field(default_factory=dict)
    object: Object = field(default_factory=dict)
    _service: Service | None = None
    _gatherer: Gatherer = field(init=False)
    _targets: Targets = field(init=False)

    def __post_init__(self) -> None:
        usage = PodUsage(self.api, (self.namespace,))
        self._gatherer = Gatherer(self.world, {self.choice: self.source}, INTERVAL, usage)
        self._targets = Targets(self.api, self.world)

    @property
    def service(self) -> Service:
        """As last looked at."""
        if self._service is None:
            raise RuntimeError("look first")
        return self._service

    async def look(self) -> Service:
        """Read the objects anew. Raises ClusterError where the service, its target or its pods cannot be read."""
        self.object = await self._readable(self.api.get(INFERENCE_DEPLOYMENTS, self.namespace, self.name))
        declared = _read_here(InferenceDeployment.parse(self.object), self.choice)
        reference = declared.spec.target_ref
        for resource in (DEPLOYMENTS, STATEFUL_SETS):
            if resource.kind == reference.kind:
                found = await self._readable(self.api.find(resource, self.namespace, reference.name))
                self.world.replace(resource, Listing((found,) if found else (), ""), self.namespace)
        await self._list_all()
        target = await self._targets.find(declared)
        if isinstance(target, Problem):
            raise ClusterError(target.message, where=f"InferenceDeployment {declared.key}")
        self._service = self._gatherer.service(declared, target)
        await self._read_nodes(self._service.nodes - {""})
        await self._list_exporters(self._service.nodes - {""})
        return self._service

    async def read(self, now: float) -> Collected:
        """Read every page once; `now` is unix seconds."""
        await self._gatherer.collect([self.service], now)
        return self._gatherer.collected[self.choice]

    def facts(self) -> Facts:
        """Everything known, as the operator would judge it."""
        facts = self._gatherer.facts(self.service)
        if isinstance(facts, Problem):
            raise ClusterError(facts.message, where=f"InferenceDeployment {self.service.declared.key}")
        return facts

    def trouble(self) -> dict[str, str]:
        """Why pods gave no page at the last reading."""
        return dict(self._gatherer.trouble(self.service).pods)

    def unread(self) -> Iterator[str]:
        """What went wrong at the last reading, for a person: of the source as a whole, and of the first pod of all."""
        trouble = self._gatherer.trouble(self.service)
        if trouble.source:
            yield f"{self.choice} could not be read: {trouble.source}"
        for pod, cause in sorted(trouble.pods.items())[:1]:
            yield f"{len(trouble.pods)} of {len(self.service.pods)} pods gave no page, first {pod}: {cause}"

    @property
    def autoscalers(self) -> list[Object]:
        """The HPAs and ScaledObjects of the target, and the ScaledObjects that own one of them."""
        reference = self.service.declared.spec.target_ref
        everything = [*self.world.of(HPAS, self.namespace), *self.world.of(SCALED_OBJECTS, self.namespace)]
        return [one for one in everything if _acts_on(one, reference.kind, reference.name)]

    @property
    def nodes(self) -> list[Object]:
        """The nodes that the target's pods run on, as far as they may be read."""
        found = (self.world.get(NODES, "", name) for name in sorted(self.service.nodes))
        return [node for node in found if node is not None]

    @property
    def services(self) -> list[Object]:
        """The Services that select the target's pods."""
        labels = child(pod_template_of(self.service.found.object), "metadata", "labels")
        return [one for one in self.world.of(SERVICES, self.namespace) if selects(one, labels)]

    def exporters(self, collected: Collected) -> Iterator[tuple[PodKey, str]]:
        """The GPU exporters that were asked, with their kind."""
        for key in sorted(collected.exporters):
            pod = self.world.get(PODS, key.namespace, key.pod)
            endpoint = exporter_endpoint(pod) if pod else None
            if endpoint is not None:
                yield key, endpoint.kind

    async def _list_all(self) -> None:
        pods = await self._readable(self.api.list(PODS, self.namespace))
        self.world.replace(PODS, pods, self.namespace)
        await self._list(HPAS, "autoscalers are not judged")
        await self._list(SCALED_OBJECTS, "ScaledObjects are not judged")
        await self._list(SERVICES, "routing is taken as even")
        for resource in POOLS:
            await self._list(resource, "queues in gateways are not read")

    async def _list(self, resource: Resource, without: str) -> None:
        """A kind that the service can be judged without."""
        try:
            self.world.replace(resource, await self.api.list(resource, self.namespace), self.namespace)
        except ApiError as error:
            if error.forbidden:
                self.notes[resource.plural] = f"you may not list {resource.plural}: {without}"
            elif not error.not_found:
                raise

    async def _read_nodes(self, nodes: frozenset[str]) -> None:
        """The nodes' labels, which say what GPUs they have."""
        for node in sorted(nodes):
            try:
                found = await self.api.find(NODES, "", node)
            except ApiError as error:
                if not error.forbidden:
                    raise
                self.notes["nodes"] = "you may not read nodes: MIG profiles and products are known from exporters only"
                return
            if found is not None:
                self.world.put(NODES, found)

    async def _list_exporters(self, nodes: frozenset[str]) -> None:
        """The GPU exporters on these nodes, in whatever namespace."""
        for node in sorted(nodes):
            try:
                found = await self.api.list(PODS, fields=f"spec.nodeName={node}")
            except ApiError as error:
                if not error.forbidden:
                    raise
                self.notes["exporters"] = (
                    f"you may not list pods in all namespaces: GPU exporters outside of {self.namespace} are not read"
                )
                return
            for pod in filter(is_gpu_exporter, found.items):
                self.world.put(PODS, pod)

    async def _readable(self, asked: Any) -> Any:
        try:
            return await asked
        except ApiError as error:
            if error.forbidden:
                raise ClusterError(error.message, where=error.where, hint=ROLE) from None
            raise


def _read_here(declared: InferenceDeployment, choice: SourceChoice) -> InferenceDeployment:
    """As it is, but for where its signals are read: that is our choice, not its own."""
    signals = declared.spec.signals.model_copy(update={"source": choice})
    return declared.model_copy(update={"spec": declared.spec.model_copy(update={"signals": signals})})


def _acts_on(autoscaler: Object, kind: str, name: str) -> bool:
    reference = autoscaler.get("spec", {}).get("scaleTargetRef") or {}
    return (str(reference.get("kind") or "Deployment"), reference.get("name")) == (kind, name)
