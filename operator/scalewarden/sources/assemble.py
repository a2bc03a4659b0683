"""Facts → Snapshot. Recording and live operator come through here, so that both are judged alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median
from typing import Any

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.baseline import ColdStart, Learned
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.crd_service import AUTO
from scalewarden.model.crd_spec import InferenceDeploymentSpec
from scalewarden.model.intent import Intent
from scalewarden.model.signal import Absent, Reading, Signal, SignalName, Unit
from scalewarden.model.snapshot import History, Snapshot
from scalewarden.model.topology import Interconnect, Link
from scalewarden.model.workload import Engine, EngineState, Replica, Routing, Target, Workload
from scalewarden.signals import derived
from scalewarden.signals.aggregate import service_signals
from scalewarden.signals.cpu import NOT_READ, cpu_signals, service_cpu
from scalewarden.signals.derive import Derived, derive
from scalewarden.signals.engines import custom, detect_in_template, detect_on_page
from scalewarden.signals.engines.table import EngineTable
from scalewarden.signals.gateways import Gateway, gateway_waiting
from scalewarden.signals.gpus import NAMES, nodes
from scalewarden.signals.gpus.devices import Reader, pod_signals
from scalewarden.signals.gpus.interconnect import interconnect
from scalewarden.signals.gpus.pages import Holder, exported
from scalewarden.signals.gpus.per_gpu import by_gpu
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Scrape
from scalewarden.signals.stuck import is_stuck
from scalewarden.sources.base import PodKey
from scalewarden.sources.nodes import node_gpu
from scalewarden.sources.objects import desired_of, pod_template_of, routing_of, target_of
from scalewarden.sources.workloads import child, target_workload
from scalewarden.whatif.learned import with_baseline

Object = Mapping[str, Any]

_ORDINAL_DIGITS = 6
Series = Sequence[Scrape] | Absent

RESET_BASELINE = "scalewarden.dev/reset-baseline"
"""Annotation of an InferenceDeployment: each new value of it has everything forgotten that was learned."""

NOT_SCRAPED = Absent("no scrape of its metrics page")
DEFAULT_INTERVAL = 15.0


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was gathered about one InferenceDeployment, before it is judged.

    target: the scaled object as the API server returns it, None where only its reference is known; resource its
    plural from discovery. replicas: its pods, without signals. scrapes: by (namespace, pod), oldest first, or why
    there are none. exporters: the scrapes of GPU exporters, by any name. autoscalers: those that act on the target.
    services: Service objects of the namespace. cold_start in seconds, where measured; cold_starts those that its pods
    show. scrape_interval in seconds; measured from the scrapes where None. nodes: labels by name of the nodes that are
    known. cpu: rows of CPU usage by (namespace, pod), see signals/cpu.py. gateways: those in front of the service.
    refused: why queries of engine Custom give nothing.
    """

    target: Object | None
    replicas: Sequence[Replica]
    scrapes: Mapping[tuple[str, str], Series]
    exporters: Mapping[str, Series] = field(default_factory=dict)
    autoscalers: Sequence[Autoscaler] = ()
    services: Sequence[Object] = ()
    resource: str | None = None
    cold_start: float | None = None
    cold_starts: Sequence[ColdStart] = ()
    scrape_interval: float | None = None
    nodes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    cpu: Mapping[tuple[str, str], Series] = field(default_factory=dict)
    refused: Mapping[SignalName, Absent] = field(default_factory=dict)
    gateways: Sequence[Gateway] = ()


def assemble(
    declared: InferenceDeployment,
    facts: Facts,
    *,
    at: float,
    history: History | None = None,
    intent: Intent | None = None,
    learned: Learned | None = None,
) -> Snapshot:
    """The snapshot of one service at `at` (unix seconds); no scrape newer than that is read.

    What the object declares comes before what is detected, and that before what was learned.
    Pure: the same facts give the same snapshot.
    """
    spec = declared.spec
    workload = _workload(spec, facts.target)
    engine = _engine(spec, workload, facts, at)
    found = _Replicas(declared, facts, workload, engine, at).all()
    replicas = tuple(replica for replica, _ in found)
    signals = _service(declared, facts, found, at)
    held = [replica.gpus for replica in replicas if replica.ready]
    signals |= by_gpu(signals[SignalName.GEN_TPS], held, workload)
    desired = desired_of(facts.target) if facts.target is not None else None
    target = _numbered(target_of(spec.target_ref.model_dump(by_alias=True), facts.resource), facts.target)
    if target.ordered:
        replicas = tuple(map(_with_ordinal, replicas))
    snapshot = Snapshot(
        name=declared.name,
        namespace=declared.namespace,
        at=at,
        target=target,
        replicas_desired=len(replicas) if desired is None else desired,
        replicas=replicas,
        engine=engine,
        workload=workload,
        autoscalers=tuple(facts.autoscalers),
        signals=signals,
        routing=_routing(spec, facts),
        objectives=spec.to_objectives(),
        thresholds=spec.to_thresholds(),
        window=spec.window,
        scrape_interval=facts.scrape_interval or _interval(facts.scrapes.values()),
        cold_start=facts.cold_start,
        cold_starts=tuple(facts.cold_starts),
        sustainable_tps=spec.baseline.sustainable_tps(workload.gpus_per_replica),
        intent=intent,
        history=history,
        interconnect=_interconnect(spec, workload, facts, replicas),
    )
    return with_baseline(snapshot, learned, declared.metadata.annotations.get(RESET_BASELINE))


def _interconnect(
    spec: InferenceDeploymentSpec, workload: Workload, facts: Facts, replicas: Sequence[Replica]
) -> Interconnect:
    declared = None if spec.topology.interconnect == AUTO else Link(spec.topology.interconnect)
    labels = [facts.nodes.get(replica.node or "", {}) for replica in replicas]
    return interconnect(declared, workload, [replica.gpus for replica in replicas], spec.to_thresholds(), labels)


def _numbered(target: Target, found: Object | None) -> Target:
    start = child(found or {}, "spec", "ordinals").get("start")
    return replace(target, first_ordinal=start) if isinstance(start, int) and start > 0 else target


def _with_ordinal(replica: Replica) -> Replica:
    """The pods of an ordered target end in their ordinal."""
    _, _, tail = replica.pod.rpartition("-")
    known = replica.ordinal is not None or not tail.isdecimal() or len(tail) > _ORDINAL_DIGITS
    return replica if known else replace(replica, ordinal=int(tail))


def _workload(spec: InferenceDeploymentSpec, target: Object | None) -> Workload:
    found, topology = target_workload(target or {}), spec.topology
    profile = {AUTO: found.mig_profile, "None": None}.get(topology.mig_profile, topology.mig_profile)
    return replace(
        found,
        tensor_parallel_size=topology.tensor_parallel_size or found.tensor_parallel_size,
        gpus_per_replica=topology.gpus_per_replica or found.gpus_per_replica,
        max_num_seqs=spec.baseline.max_num_seqs or found.max_num_seqs,
        mig_profile=profile,
    )


def _engine(spec: InferenceDeploymentSpec, workload: Workload, facts: Facts, at: float) -> Engine:
    """As declared; else as the newest page of a replica says; else as the pod template says."""
    if spec.engine is not Engine.AUTO:
        return Engine(spec.engine)
    for series in facts.scrapes.values():
        pages = () if isinstance(series, Absent) else Pages.of(series, at, spec.window).scrapes
        for scrape in reversed(pages):
            if found := detect_on_page(scrape):
                return found.engine
    in_template = detect_in_template(workload)
    return in_template.engine if in_template else Engine.UNKNOWN


def _reader(spec: InferenceDeploymentSpec) -> Engine | EngineTable:
    """What pages are read with: the declared engine, what the owner says of its own, or whatever each page shows."""
    return custom.table(spec.signals.custom) if spec.engine is Engine.CUSTOM else Engine(spec.engine)


@dataclass(frozen=True, slots=True)
class _Replicas:
    """Gives each replica its signals and GPUs."""

    declared: InferenceDeployment
    facts: Facts
    workload: Workload
    engine: Engine
    at: float

    def all(self) -> tuple[tuple[Replica, Derived], ...]:
        """Each replica, and what was derived from its own pages."""
        spec = self.declared.spec
        keys = {name: Holder(*key) for key in self._keys() for name in (str(key), key.pod)}
        read = {
            name: Pages.of(series, self.at, spec.window)
            for name, series in self.facts.exporters.items()
            if not isinstance(series, Absent)
        }
        own = [*self._own(), *((keys[name], pages) for name, pages in read.items() if name in keys)]
        others = [pages for name, pages in read.items() if name not in keys]
        reader = Reader(exported(others, own), self.at, spec.to_thresholds())
        return tuple(self._replica(replica, reader) for replica in self.facts.replicas)

    def _own(self) -> list[tuple[Holder, Pages]]:
        """The replicas' own pages, where they tell of GPUs: Triton's do, and those of an exporter beside the engine."""
        return [
            (Holder(*key), Pages.of(series, self.at, self.declared.spec.window))
            for key in self._keys()
            if not isinstance(series := self.facts.scrapes.get(key, NOT_SCRAPED), Absent)
            and any(not NAMES.isdisjoint(scrape.names) for scrape in series)
        ]

    def _keys(self) -> list[PodKey]:
        return [PodKey(self.declared.namespace, replica.pod) for replica in self.facts.replicas]

    def _replica(self, replica: Replica, reader: Reader) -> tuple[Replica, Derived]:
        holder = Holder(self.declared.namespace, replica.pod)
        labels = self.facts.nodes.get(replica.node or "", {})
        gpus = reader.gpus(holder, replica.gpus, profile=self._profile(labels))
        said = self._derived(replica)
        limit = self._limit(replica, said)
        engine = {**said.signals, **self.facts.refused, **self._declared_capacity()}
        signals = {**engine, **derived.of_replica(engine, limit), **pod_signals(gpus, self._no_gpu(reader))}
        signals |= by_gpu(signals[SignalName.GEN_TPS], [gpus], self.workload)
        signals |= self._cpu(replica)
        found = replace(replica, gpus=gpus, signals=signals, max_num_seqs=limit, node_gpu=node_gpu(labels))
        return replace(found, engine_state=self._state(found, said), engines=said.engines), said

    def _derived(self, replica: Replica) -> Derived:
        spec = self.declared.spec
        series = self.facts.scrapes.get((self.declared.namespace, replica.pod), NOT_SCRAPED)
        limits, restarted = spec.to_thresholds(), replica.restarted_at
        return derive(series, _reader(spec), self.at, limits, spec.window, restarted, fallback=self.engine)

    def _limit(self, replica: Replica, said: Derived) -> int | None:
        """The batch limit: as declared, as the arguments say, as the page says."""
        declared = self.declared.spec.baseline.max_num_seqs
        return declared or replica.max_num_seqs or self.workload.max_num_seqs or said.limit

    def _declared_capacity(self) -> dict[SignalName, Signal]:
        tokens = self.declared.spec.baseline.kv_capacity_tokens
        source = "spec.baseline.kvCapacityTokens"
        return {} if tokens is None else {SignalName.KV_TOKENS: Reading(float(tokens), Unit.TOKENS, self.at, source)}

    def _state(self, replica: Replica, said: Derived) -> EngineState:
        """Whether the engine can take requests, as far as its page and the API server tell."""
        if not replica.ready:
            return EngineState.STARTING
        if not any(isinstance(signal, Reading) for signal in said.signals.values()):
            return EngineState.UNREACHABLE
        if said.asleep:
            return EngineState.ASLEEP
        stuck = is_stuck(replica, self.at, self.declared.spec.to_thresholds())
        return EngineState.STALLED if stuck else EngineState.OK

    def _cpu(self, replica: Replica) -> dict[SignalName, Signal]:
        spec = self.declared.spec
        rows = self.facts.cpu.get((self.declared.namespace, replica.pod), NOT_READ)
        return cpu_signals(rows, replica.cpu_requests, self.at, spec.to_thresholds(), spec.window)

    def _profile(self, labels: Mapping[str, str]) -> str | None:
        """The MIG profile that its pods get: as declared or asked for by name, else as their node is cut."""
        declared = self.declared.spec.topology.mig_profile != AUTO
        return self.workload.mig_profile if declared else self.workload.mig_profile or nodes.mig_profile(labels)

    def _no_gpu(self, reader: Reader) -> Absent:
        """Why a replica has no GPU signals."""
        causes = [series for series in self.facts.exporters.values() if isinstance(series, Absent)]
        if reader.said.kinds or len(causes) < len(self.facts.exporters):
            return reader.no_gpu()
        return causes[0] if causes else Absent("no GPU exporter is read")


def _service(
    declared: InferenceDeployment, facts: Facts, found: Sequence[tuple[Replica, Derived]], at: float
) -> dict[SignalName, Signal]:
    """Signals of the replicas that serve, taken together."""
    spec = declared.spec
    serving = [said for replica, said in found if replica.ready]
    signals = service_signals(serving, spec.to_thresholds())
    signals |= service_cpu(replica.signals for replica, _ in found if replica.ready)
    signals[SignalName.GATEWAY_WAITING] = gateway_waiting(facts.gateways, at, spec.to_thresholds(), spec.window)
    return signals | derived.of_service(signals, spec.to_objectives())


def _routing(spec: InferenceDeploymentSpec, facts: Facts) -> Routing:
    if spec.routing != AUTO:
        return Routing(spec.routing)
    return routing_of(facts.services, child(pod_template_of(facts.target or {}), "metadata", "labels"))


def _interval(all_series: Iterable[Series]) -> float:
    """The usual time (s) between scrapes."""
    gaps = [
        later.at - earlier.at
        for series in all_series
        if not isinstance(series, Absent)
        for earlier, later in pairwise(series)
    ]
    return median(gaps) if gaps else DEFAULT_INTERVAL
