"""From the world and what the sources collected to the facts of one service."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scalewarden.app.targets import Found
from scalewarden.app.world import POOLS, World
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_service import SourceChoice
from scalewarden.model.signal import Absent, SignalName
from scalewarden.signals.engines import custom
from scalewarden.signals.gateways import Gateway
from scalewarden.sources.assemble import NOT_SCRAPED, Facts
from scalewarden.sources.base import Collected, CustomKey, CustomQuery, MetricsSource, PodEndpoint, PodKey, Series
from scalewarden.sources.coldstarts import ColdStarts, remember, slowest
from scalewarden.sources.endpoints import engine_endpoint, exporter_endpoint, is_gpu_exporter
from scalewarden.sources.gateways import GatewayPod, gateway_endpoint, gateways_of, graph_of
from scalewarden.sources.kuberesource import HPAS, NODES, PODS, SCALED_OBJECTS, SERVICES
from scalewarden.sources.objects import autoscalers_for, lives, replica_of, target_of
from scalewarden.sources.usage import PodUsage
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
    def target_uid(self) -> str:
        """The uid of its target: another object of the same name has another past."""
        return str(self.found.object.get("metadata", {}).get("uid", self.declared.namespace + self.declared.name))

    @property
    def nodes(self) -> frozenset[str]:
        """Where its pods run."""
        return frozenset(pod.get("spec", {}).get("nodeName", "") for pod in self.pods)


@dataclass(slots=True)
class Gatherer:
    """Asks the metrics sources and puts facts together. sources: at least Scrape; scrape_interval in seconds.

    usage reads CPU for services that are scraped directly. cold_starts remembers them by the target's uid.
    """

    world: World
    sources: Mapping[SourceChoice, MetricsSource]
    scrape_interval: float
    usage: PodUsage | None = None
    collected: dict[SourceChoice, Collected] = field(default_factory=dict)
    cold_starts: dict[str, ColdStarts] = field(default_factory=dict)
    _cpu: Mapping[tuple[str, str], Series] = field(default_factory=dict)

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
        cpu = asyncio.create_task(self._read_usage(services, now))
        try:
            for choice, source in self.sources.items():
                mine = [service for service in services if self.source_of(service.declared) is choice]
                self.collected[choice] = await source.collect(self._endpoints(mine), now, _queries(mine))
        finally:
            self._cpu = await cpu
        self._remember_starts(services)

    async def _read_usage(self, services: Sequence[Service], now: float) -> Mapping[tuple[str, str], Series]:
        scraped = [one for one in services if self.source_of(one.declared) is SourceChoice.SCRAPE]
        keys = [key for service in scraped for key in service.keys]
        return await self.usage.collect(keys, now) if self.usage else {}

    def _remember_starts(self, services: Iterable[Service]) -> None:
        """Starts of pods that are gone still count; those of targets that are gone do not."""
        self.cold_starts = {
            service.target_uid: remember(self.cold_starts.get(service.target_uid, ()), service.pods)
            for service in services
        }

    def facts(self, service: Service) -> Facts | Problem:
        """Everything about one service, ready to be judged."""
        choice = self.source_of(service.declared)
        if isinstance(choice, Problem):
            return choice
        declared, found = service.declared, service.found
        target = target_of(declared.spec.target_ref.model_dump(by_alias=True), found.resource.plural)
        namespace, collected = declared.namespace, self.collected.get(choice)
        starts = remember(self.cold_starts.get(service.target_uid, ()), service.pods)
        judges = [*self.world.of(HPAS, namespace), *self.world.of(SCALED_OBJECTS, namespace)]
        return Facts(
            target=found.object,
            replicas=[replica_of(pod) for pod in service.pods],
            scrapes=_of(collected.scrapes, service.keys) if collected else {},
            exporters=self._exporters(collected, service.nodes) if collected else {},
            autoscalers=autoscalers_for(target, judges),
            services=self.world.of(SERVICES, namespace),
            resource=found.resource.plural,
            cold_start=slowest(starts),
            cold_starts=starts,
            scrape_interval=self.scrape_interval if choice is SourceChoice.SCRAPE else None,  # else Prometheus's own
            nodes=self._nodes(service),
            cpu=_of(self._cpu if choice is SourceChoice.SCRAPE or not collected else collected.cpu, service.keys),
            gateways=self._gateways(service, collected),
            refused=_refused(declared, collected),
        )

    def trouble(self, service: Service) -> Trouble:
        """What the source met when it last read this service's pods."""
        choice = self.source_of(service.declared)
        collected = None if isinstance(choice, Problem) else self.collected.get(choice)
        if collected is None:
            return Trouble()
        pods = {key.pod: error.message for key, error in collected.problems.items() if key in service.keys}
        return Trouble(str(collected.problem) if collected.problem else "", pods)

    def _nodes(self, service: Service) -> Mapping[str, Mapping[str, str]]:
        """The labels of the nodes that its pods run on; none where nodes are not read."""
        found = ((name, self.world.get(NODES, "", name)) for name in service.nodes)
        return {name: node["metadata"].get("labels") or {} for name, node in found if node is not None}

    def _gateway_pods(self, service: Service) -> tuple[GatewayPod, ...]:
        namespace = service.declared.namespace
        pools = [pool for kind in POOLS for pool in self.world.of(kind, namespace)]
        if not pools and not any(graph_of(pod) for pod in service.pods):
            return ()
        pods = [pod for pod in self.world.of(PODS, namespace) if lives(pod)]
        return gateways_of(service.pods, pools, self.world.of(SERVICES, namespace), pods)

    def _gateways(self, service: Service, collected: Collected | None) -> tuple[Gateway, ...]:
        namespace, scrapes = service.declared.namespace, collected.scrapes if collected else {}
        return tuple(
            Gateway(one.table, scrapes.get((namespace, one.pod["metadata"]["name"]), NOT_SCRAPED), one.pools)
            for one in self._gateway_pods(service)
        )

    def _endpoints(self, services: Iterable[Service]) -> list[PodEndpoint]:
        """Of the services' pods, and of the GPU exporters on their nodes."""
        found = {}
        nodes: set[str] = set()
        for service in services:
            nodes |= service.nodes
            also = custom.series_of(service.declared.spec.signals.custom)
            for pod in service.pods:
                endpoint = engine_endpoint(pod, service.declared.spec.metrics)
                if endpoint is not None:
                    found[endpoint.key] = replace(endpoint, also=also)
            for gateway in self._gateway_pods(service):
                endpoint = gateway_endpoint(gateway)
                if endpoint is not None:
                    found.setdefault(endpoint.key, endpoint)
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


def _of(found: Mapping[tuple[str, str], Series], keys: frozenset[PodKey]) -> dict[tuple[str, str], Series]:
    return {key: series for key, series in found.items() if key in keys}


def _queries(services: Iterable[Service]) -> list[CustomQuery]:
    """The PromQL of services whose engine is Custom."""
    return [
        CustomQuery(CustomKey(service.declared.namespace, service.declared.name, one.signal), one.promql, service.keys)
        for service in services
        for one in service.declared.spec.signals.custom
        if one.promql is not None
    ]


def _refused(declared: InferenceDeployment, collected: Collected | None) -> dict[SignalName, Absent]:
    """Why its own queries give nothing."""
    found = collected.refused if collected else {}
    own = (declared.namespace, declared.name)
    return {key.signal: cause for key, cause in found.items() if (key.namespace, key.name) == own}
