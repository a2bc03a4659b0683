"""From the world and what the sources collected to the facts of one service."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalewarden.app.targets import Found
from scalewarden.app.world import World
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_service import SourceChoice
from scalewarden.sources.assemble import Facts
from scalewarden.sources.base import Collected, MetricsSource, PodEndpoint, PodKey, Series
from scalewarden.sources.endpoints import engine_endpoint, exporter_endpoint, is_gpu_exporter
from scalewarden.sources.kuberesource import HPAS, PODS, SCALED_OBJECTS, SERVICES
from scalewarden.sources.objects import autoscalers_for, cold_start_of, lives, replica_of, target_of
from scalewarden.surfaces.conditions import Cause, Problem, Trouble

log = logging.getLogger(__name__)

Object = dict[str, Any]

NO_PROMETHEUS = Problem(
    Cause.SOURCE_UNAVAILABLE,
    "spec.signals.source is Prometheus, but the operator was started without one: set it, or write Auto or Scrape",
)


@dataclass(frozen=True, slots=True)
class Service:
    """An InferenceDeployment with its target and the pods that are its replicas."""

    declared: InferenceDeployment
    found: Found
    pods: tuple[Object, ...]

    @property
    def keys(self) -> frozenset[PodKey]:
        """Its pods."""
        return frozenset(PodKey(self.declared.namespace, pod["metadata"]["name"]) for pod in self.pods)

    @property
    def nodes(self) -> frozenset[str]:
        """Where its pods run."""
        return frozenset(pod.get("spec", {}).get("nodeName", "") for pod in self.pods)


@dataclass(slots=True)
class Gatherer:
    """Asks the metrics sources and puts facts together. sources: at least Scrape; scrape_interval in seconds."""

    world: World
    sources: Mapping[SourceChoice, MetricsSource]
    scrape_interval: float
    collected: dict[SourceChoice, Collected] = field(default_factory=dict)

    def source_of(self, declared: InferenceDeployment) -> SourceChoice | Problem:
        """Where its signals are read."""
        wanted = declared.spec.signals.source
        if wanted is SourceChoice.AUTO:
            return SourceChoice.PROMETHEUS if SourceChoice.PROMETHEUS in self.sources else SourceChoice.SCRAPE
        return wanted if wanted in self.sources else NO_PROMETHEUS

    def service(self, declared: InferenceDeployment, found: Found) -> Service:
        """With the pods that live."""
        pods = self.world.pods(declared.namespace, found.selector)
        return Service(declared, found, tuple(pod for pod in pods if lives(pod)))

    async def collect(self, services: Sequence[Service], now: float) -> None:
        """Read every service's pods once; one query set a source, however many services there are."""
        for choice, source in self.sources.items():
            mine = [service for service in services if self.source_of(service.declared) is choice]
            self.collected[choice] = await source.collect(self._endpoints(mine), now)

    def facts(self, service: Service) -> Facts | Problem:
        """Everything about one service, ready to be judged."""
        choice = self.source_of(service.declared)
        if isinstance(choice, Problem):
            return choice
        declared, found = service.declared, service.found
        target = target_of(declared.spec.target_ref.model_dump(by_alias=True), found.resource.plural)
        namespace, collected = declared.namespace, self.collected.get(choice)
        judges = [*self.world.of(HPAS, namespace), *self.world.of(SCALED_OBJECTS, namespace)]
        return Facts(
            target=found.object,
            replicas=[replica_of(pod) for pod in service.pods],
            scrapes=_of(collected, service.keys) if collected else {},
            exporters=self._exporters(collected, service.nodes) if collected else {},
            autoscalers=autoscalers_for(target, judges),
            services=self.world.of(SERVICES, namespace),
            resource=found.resource.plural,
            cold_start=cold_start_of(service.pods),
            scrape_interval=self.scrape_interval if choice is SourceChoice.SCRAPE else None,  # else Prometheus's own
        )

    def trouble(self, service: Service) -> Trouble:
        """What the source met when it last read this service's pods."""
        choice = self.source_of(service.declared)
        collected = None if isinstance(choice, Problem) else self.collected.get(choice)
        if collected is None:
            return Trouble()
        pods = {key.pod: error.message for key, error in collected.problems.items() if key in service.keys}
        return Trouble(str(collected.problem) if collected.problem else "", pods)

    def _endpoints(self, services: Iterable[Service]) -> list[PodEndpoint]:
        """Of the services' pods, and of the GPU exporters on their nodes."""
        found = {}
        nodes: set[str] = set()
        for service in services:
            nodes |= service.nodes
            for pod in service.pods:
                endpoint = engine_endpoint(pod, service.declared.spec.metrics)
                if endpoint is not None:
                    found[endpoint.key] = endpoint
        return [*found.values(), *self._exporter_endpoints(nodes - {""})]

    def _exporter_endpoints(self, nodes: set[str]) -> Iterable[PodEndpoint]:
        for pod in self.world[PODS].all():
            if pod.get("spec", {}).get("nodeName") in nodes and is_gpu_exporter(pod) and lives(pod):
                endpoint = _readable(pod)
                if endpoint is not None:
                    yield endpoint

    def _exporters(self, collected: Collected, nodes: frozenset[str]) -> dict[str, Series]:
        """Exporters on the service's nodes, and those whose node is not known."""
        found = {}
        for key in sorted(collected.exporters):
            pod = self.world.get(PODS, key.namespace, key.pod)
            if pod is None or pod.get("spec", {}).get("nodeName") in nodes:
                found[str(key)] = collected.scrapes[key]
        return found


def _readable(pod: Object) -> PodEndpoint | None:
    """Anybody in any namespace may label a pod as an exporter: one that cannot be read is left out."""
    try:
        return exporter_endpoint(pod)
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        log.debug("exporter pod %s left out: %s", pod.get("metadata", {}).get("name"), error)
        return None


def _of(collected: Collected, keys: frozenset[PodKey]) -> dict[tuple[str, str], Series]:
    return {key: series for key, series in collected.scrapes.items() if key in keys}
