"""One table from findings and facts to the regime; first match wins. A row whose signal is absent does not match."""

from collections.abc import Callable
from dataclasses import dataclass

from scalewarden.judgement.facts import Facts
from scalewarden.model.diagnosis import Regime
from scalewarden.model.finding import Evidence
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Scene:
    """What a row of the table may look at."""

    snapshot: Snapshot
    facts: Facts
    fired: frozenset[str]
    unknown: frozenset[str]

    @property
    def limits(self) -> Thresholds:
        """The lines in force."""
        return self.snapshot.thresholds


@dataclass(frozen=True, slots=True)
class Row:
    """A regime, when it holds, the sentences that say it, and the rules and facts that speak for or against it."""

    regime: Regime
    when: Callable[[Scene], bool]
    summary: str
    advice: str
    rules: tuple[str, ...] = ()
    facts: tuple[Callable[["Scene"], Evidence | None], ...] = ()


def below(value: float | None, line: float) -> bool:
    """Measured and under the line."""
    return value is not None and value < line


def at_least(value: float | None, line: float) -> bool:
    """Measured and at or over the line."""
    return value is not None and value >= line


def _fact(name: str, of: Callable[[Facts], float | None], unit: Unit, line: str) -> Callable[[Scene], Evidence | None]:
    """A fact beside the line that the table holds it against; None where it was not measured."""

    def told(scene: Scene) -> Evidence | None:
        value = of(scene.facts)
        return None if value is None else Evidence(name, value, unit, scene.limits[line], SOURCE)

    return told


SOURCE = "all replicas that count"
KV_FULL = _fact("kv_usage", lambda found: found.kv_max, Unit.FRACTION, "kvUsageDeny")
KV_LOW = _fact("kv_usage", lambda found: found.kv_max, Unit.FRACTION, "kvUsageLow")
UTILIZATION_LOW = _fact("gpu_busy", lambda found: found.utilization, Unit.FRACTION, "utilizationLow")
ENGINE_BUSY = _fact("engine_active", lambda found: found.engine_active, Unit.FRACTION, "utilizationHigh")
COMPUTE_ACTIVE = _fact("compute_active", lambda found: found.compute_active, Unit.FRACTION, "smActiveLow")
BATCH_LOW = _fact("batch_share", lambda found: found.share, Unit.FRACTION, "concurrencyLow")
CPU = _fact("cpu_ratio", lambda found: found.cpu, Unit.RATIO, "cpuSaturated")
THROTTLED = _fact("cpu_throttled", lambda found: found.throttled, Unit.FRACTION, "cpuThrottled")
COVERAGE = _fact("coverage", lambda found: found.coverage, Unit.FRACTION, "coverageIndeterminate")


def _indeterminate(scene: Scene) -> bool:
    """Too little is seen; a full cache in a single sample is neither pressure yet nor its absence."""
    too_thin = scene.facts.coverage < scene.limits["coverageIndeterminate"]
    half_seen = "KVC201" in scene.unknown and at_least(scene.facts.kv_max, scene.limits["kvUsageDeny"])
    return scene.facts.required_absent or too_thin or half_seen


def _kv_bound(scene: Scene) -> bool:
    return bool(scene.fired & {"KVC201", "KVC202"})


def _batch_limited(scene: Scene) -> bool:
    found = scene.facts
    collapsed = found.batch is not None and found.batch <= scene.limits["batchCollapsed"]
    return found.standing and below(found.kv_max, scene.limits["kvUsageDeny"]) and (found.at_limit or collapsed)


def _communication_bound(scene: Scene) -> bool:
    return "TOP402" in scene.fired or {"TOP401", "UTL102"} <= scene.fired


def _host_bound(scene: Scene) -> bool:
    found, limits = scene.facts, scene.limits
    quiet = below(found.utilization, limits["utilizationLow"]) and below(found.kv_max, limits["kvUsageLow"])
    starved = at_least(found.cpu, limits["cpuSaturated"]) or at_least(found.throttled, limits["cpuThrottled"])
    return quiet and found.standing and starved


def _compute_bound(scene: Scene) -> bool:
    found, limits = scene.facts, scene.limits
    busy = at_least(found.engine_active, limits["utilizationHigh"])
    return busy and at_least(found.compute_active, limits["smActiveLow"]) and (found.running or 0.0) > 0


def _underloaded(scene: Scene) -> bool:
    found, limits = scene.facts, scene.limits
    quiet = found.utilization is None or found.utilization < limits["utilizationLow"]
    spare = found.share is None or found.share < limits["concurrencyLow"]
    return quiet and spare and below(found.kv_max, limits["kvUsageLow"]) and found.waiting == 0 and found.latency_ok


PRESSURE = ("UTL102", "THR301", "THR303", "KVC203", "KVC204", "TOP401")
"""Rules that speak against a service that is said to be well."""

TABLE: tuple[Row, ...] = (
    Row(
        Regime.INDETERMINATE, _indeterminate, "Too little is seen to say what bounds the service.",
        "Bring back the signal that is named, or wait for its next samples.",
        ("SIG002", "SIG001", "SIG004"), (COVERAGE,),
    ),
    Row(
        Regime.KV_CACHE_BOUND, _kv_bound, "The KV cache bounds the service, not the GPU's compute.",
        "Add KV blocks or replicas, allow fewer sequences or shorter contexts; do not remove replicas.",
        ("KVC201", "KVC202"),
    ),
    Row(
        Regime.IDLE, lambda scene: "UTL104" in scene.fired, "No request ran or waited over the whole window.",
        "The service may shrink to its minimum.", ("UTL104",),
    ),
    Row(
        Regime.BATCH_LIMITED, _batch_limited, "Requests wait while the KV cache has room: the batch limit binds.",
        "Raise max_num_seqs, or find what serializes the batch.", ("THR301", "THR302"), (KV_FULL,),
    ),
    Row(
        Regime.PREFILL_BOUND, lambda scene: "THR304" in scene.fired, "Long prompts bound the service.",
        "Use chunked prefill or prefix caching, or add prefill capacity.", ("THR304",), (KV_FULL,),
    ),
    Row(
        Regime.COMMUNICATION_BOUND, _communication_bound, "Communication between GPUs bounds the service.",
        "Lower the tensor-parallel size and use more replicas, or use NVLink.", ("TOP402", "TOP401"),
    ),
    Row(
        Regime.HOST_BOUND, _host_bound, "The host starves the GPU: requests wait while CPU is saturated.",
        "Give the server more CPU; look at the tokenizer and the network.", ("THR302",),
        (UTILIZATION_LOW, KV_LOW, CPU, THROTTLED),
    ),
    Row(
        Regime.QUEUE_BOUND, lambda scene: "THR302" in scene.fired, "Requests wait and no resource is seen to bind.",
        "Find what serializes the service; do not remove replicas.", ("THR302",), (KV_FULL,),
    ),
    Row(
        Regime.COMPUTE_BOUND, _compute_bound, "The GPU's compute bounds the service.",
        "Add replicas or use a faster GPU.", (), (ENGINE_BUSY, COMPUTE_ACTIVE),
    ),
    Row(
        Regime.UNDERLOADED, _underloaded, "Every resource has room and latency is inside its objectives.",
        "Healthy; the what-if decides any removal.", PRESSURE, (UTILIZATION_LOW, KV_LOW, BATCH_LOW),
    ),
    Row(
        Regime.HEALTHY, lambda _: True, "Nothing is seen to bind the service.", "The what-if decides any removal.",
        PRESSURE, (KV_FULL,),
    ),
)  # fmt: skip


WELL = frozenset({Regime.IDLE, Regime.UNDERLOADED, Regime.HEALTHY})
"""Regimes in which nothing binds."""


def row_of(scene: Scene) -> Row:
    """The first that holds."""
    return next(row for row in TABLE if row.when(scene))
