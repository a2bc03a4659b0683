"""What to switch on for a signal that is absent, or why nothing can be and what decides instead. Pure.

The cause decides first: a pod that does not answer needs no flag. Then what the engine's or exporter's table says of
the signal; last, for what is never exported, the signals that are used in its stead.
"""

from collections.abc import Mapping

from scalewarden.model.signal import ENGINE_SIGNALS, Absent, SignalName
from scalewarden.model.workload import NEVER_READ, Engine
from scalewarden.signals import cpu, derived
from scalewarden.signals.engines import TABLES
from scalewarden.signals.freshness import STALE_CAUSE
from scalewarden.signals.gateways import NO_GATEWAY
from scalewarden.signals.gateways import TABLES as GATEWAYS
from scalewarden.signals.gpus import EXPORTERS
from scalewarden.signals.gpus.per_gpu import NO_COUNT, NO_SHARE
from scalewarden.signals.gpus.table import UNDER_MIG

N = SignalName

_REACH = "make its page readable: spec.metrics.port and path, a network policy, or the pod's own log"
_EXPORTER = "run a GPU exporter (dcgm-exporter, for AMD or Gaudi the vendor's) on the nodes, with its chart's labels"
_DCGM = EXPORTERS[0]
_BY_CAUSE: tuple[tuple[str, str], ...] = (
    (NEVER_READ.cause, "nothing to switch on: this version does not read it"),
    (STALE_CAUSE, "see why its page stopped answering: the pod's log, then the network policies"),
    ("only one scrape", "wait for the next scrape"),
    ("fewer than two samples", "wait for the next scrape"),
    ("not enough traffic", "nothing to switch on: it takes more requests"),
    ("nothing was looked up", "nothing to switch on unless prefix caching is off by a flag"),
    ("no replica is ready", "wait for a replica to be ready, or see why none is"),
    ("not measured on every ready replica", "see the replicas above that lack it"),
    (UNDER_MIG.cause, "nothing to switch on: engine_active tells under MIG"),
    ("measured of a whole", "nothing to switch on: it says nothing of a part of a GPU"),
    ("no GPU exporter is read", _EXPORTER),
    ("no GPU exporter reports", f"{_EXPORTER}; for dcgm-exporter {_DCGM.nameless}"),
    (NO_COUNT.cause, "declare spec.topology.gpusPerReplica"),
    (NO_SHARE.cause, "declare spec.topology.migProfile"),
    (derived.NO_LIMIT.cause, "state --max-num-seqs or its like on the engine, or declare spec.baseline.maxNumSeqs"),
    (derived.BEYOND_LIMIT.cause, "declare spec.baseline.maxNumSeqs"),
    (derived.NO_OBJECTIVE.cause, "declare spec.objectives"),
    (cpu.NOT_READ.cause, "install metrics-server, or let a Prometheus scrape the kubelet's cAdvisor page"),
    (cpu.NO_REQUEST.cause, "give its containers a CPU request"),
    (cpu.NO_LIMIT.cause, "nothing to switch on: only a CPU limit throttles"),
    (cpu.NO_THROTTLING.cause, "let a Prometheus scrape the kubelet's cAdvisor page, and give the operator its URL"),
    ("metrics.k8s.io", "see whether metrics-server runs: kubectl top pods"),
    ("this cluster does not serve metrics.k8s.io", "install metrics-server"),
    ("the operator's role lacks", "give it the rule that its ClusterRole lacks"),
    (NO_GATEWAY.cause, "nothing to switch on unless a gateway with a queue of its own stands in front"),
    *((table.silent, "switch its queue on, where you want one") for table in GATEWAYS),
    ("no scrape of", _REACH),
    ("the recording holds no scrape", "record once more while it answers"),
    ("the pod ", _REACH),
)
"""Beginnings of causes that say what to do whatever the signal is."""

UNKNOWN_ENGINE = "check spec.metrics.port and path, and that the engine's metrics are on; or name it in spec.engine"

INSTEAD: Mapping[SignalName, str] = {
    N.KV_USAGE: "waiting, the batch limit and a declared latency objective",
    N.WAITING: "nothing: without it removals are held",
    N.RUNNING: "nothing: without it removals are held",
    N.WAITING_CAPACITY: "waiting",
    N.PREEMPTIONS: "kv_usage and waiting",
    N.GEN_TPS: "waiting and running",
    N.PREFILL_TPS: "gen_tps",
    N.FINISH_RATE: "gen_tps and running",
    N.BAD_RATIO: "finish_rate",
    N.TTFT_P95: "queue_mean and waiting; an objective on it is not judged",
    N.TTFT_P99: "ttft_p95",
    N.ITL_P95: "itl_mean; an objective on it is not judged",
    N.ITL_P99: "itl_p95",
    N.ITL_MEAN: "itl_p95 and gen_tps",
    N.E2E_P95: "e2e_p99",
    N.E2E_P99: "ttft_p95 and itl_p95; an objective on it is not judged",
    N.QUEUE_MEAN: "waiting",
    N.EFF_BATCH: "running",
    N.PREFIX_HIT: "prefill_tps",
    N.KV_TOKENS: "kv_usage, with replicas taken as equal; or declare spec.baseline.kvCapacityTokens",
    N.INPUT_TOKENS: "prefill_tps and finish_rate",
    N.OUTPUT_TOKENS: "gen_tps and finish_rate",
}
"""What is judged by where an engine never exports a signal."""

_OWN: Mapping[SignalName, str] = {
    N.SLO_GAP: "declare spec.objectives",
    N.CPU_RATIO: "install metrics-server, or let a Prometheus scrape the kubelet's cAdvisor page",
    N.CPU_THROTTLED: "let a Prometheus scrape the kubelet's cAdvisor page",
    N.GATEWAY_WAITING: "let its gateway be read, where one with a queue of its own stands in front",
}
"""Signals that are neither an engine's nor a GPU's, where the cause says nothing more."""

_OF: Mapping[SignalName, SignalName] = {
    N.KV_PEAK: N.KV_USAGE,
    N.BATCH_FILL: N.EFF_BATCH,
    N.GEN_TPS_PER_GPU: N.GEN_TPS,
    N.GEN_TPS_PER_FULL_GPU: N.GEN_TPS,
    N.GPU_BUSY: N.ENGINE_ACTIVE,
    N.LINK_BPS: N.NVLINK_BPS,
}
"""Signals that are made of another one: what brings that one brings them."""


def remedy(engine: Engine, name: SignalName, absent: Absent) -> str:
    """What brings the signal, as one sentence without its full stop; never empty."""
    said = next((advice for start, advice in _BY_CAUSE if absent.cause.startswith(start)), None)
    if said is not None:
        return said
    if name in _OWN:
        return _OWN[name]
    base = _OF.get(name, name)
    if base in ENGINE_SIGNALS:
        return _of_engine(engine, base, absent)
    return _of_exporter(base, absent)


def _of_engine(engine: Engine, name: SignalName, absent: Absent) -> str:
    table = TABLES.get(engine)
    if engine is Engine.CUSTOM:
        return f"name a series or PromQL for {name} in spec.signals.custom, or check the one that is there"
    if absent.for_good:
        return f"{engine} never exports it; decided by {INSTEAD[name]}"
    if table is None:
        return UNKNOWN_ENGINE
    row = table.row(name)
    return (row.switch if row and "series on its metrics page" not in absent.cause else "") or table.switch


def _of_exporter(name: SignalName, absent: Absent) -> str:
    """As the exporter's own table says; its title begins the cause."""
    table = next((one for one in EXPORTERS if absent.cause.startswith(one.title)), _DCGM)
    row = table.row(name)
    if absent.for_good or row is None:
        return f"nothing to switch on: {table.title} never exports it"
    if absent.cause == f"{table.title} names no pod: {table.nameless}":
        return table.nameless
    return row.switch or f"check that {table.title} exports {row.fields[0].names[0]}"


def without(cause: str, advice: str) -> str:
    """The cause, without the advice that it ends with."""
    return cause.removesuffix(f": {advice}")
