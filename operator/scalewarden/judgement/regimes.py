"""One table from findings and facts to the regime; first match wins. A row whose signal is absent does not match."""

import operator
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
class Fact:
    """A fact beside the line that the table holds it against; `line` is a threshold's name, or the line itself.

    It speaks for the row where `holds(value, line)`, else against it. decides: how far it is from its line says how
    sure the row is; not so where a line can be touched only, or where the fact is not asked for.
    """

    name: str
    of: Callable[[Facts], float | None]
    unit: Unit
    holds: Callable[[float, float], bool]
    line: str | float
    decides: bool = True

    def told(self, scene: Scene) -> Evidence | None:
        """None where it was not measured."""
        value = self.of(scene.facts)
        line = scene.limits[self.line] if isinstance(self.line, str) else self.line
        return None if value is None else Evidence(self.name, value, self.unit, line, SOURCE)

    def speaks_for(self, told: Evidence) -> bool:
        """On which side of its line the number lies."""
        return self.holds(told.value, told.threshold or 0.0)


@dataclass(frozen=True, slots=True)
class Row:
    """A regime, when it holds, the sentences that say it, and the rules and facts that speak for or against it."""

    regime: Regime
    when: Callable[[Scene], bool]
    summary: str
    advice: str
    rules: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()


def below(value: float | None, line: float) -> bool:
    """Measured and under the line."""
    return value is not None and value < line


def at_least(value: float | None, line: float) -> bool:
    """Measured and at or over the line."""
    return value is not None and value >= line


SOURCE = "all replicas that count"
_UNDER, _UP_TO, _FROM = operator.lt, operator.le, operator.ge
KV_ROOM = Fact("kv_usage", lambda found: found.kv_max, Unit.FRACTION, _UNDER, "kvUsageDeny")
KV_FULL = Fact("kv_usage", lambda found: found.kv_max, Unit.FRACTION, _FROM, "kvUsageDeny")
KV_LOW = Fact("kv_usage", lambda found: found.kv_max, Unit.FRACTION, _UNDER, "kvUsageLow")
UTILIZATION_LOW = Fact("gpu_busy", lambda found: found.utilization, Unit.FRACTION, _UNDER, "utilizationLow")
ENGINE_BUSY = Fact("engine_active", lambda found: found.engine_active, Unit.FRACTION, _FROM, "utilizationHigh")
SM_ACTIVE = Fact("sm_active", lambda found: found.sm_active, Unit.FRACTION, _FROM, "smActiveLow")
TENSOR_ACTIVE = Fact("tensor_active", lambda found: found.tensor_active, Unit.FRACTION, _FROM, "smActiveLow")
DRAM_CALM = Fact("dram_active", lambda found: found.dram_active, Unit.FRACTION, _UNDER, "dramActiveHigh", decides=False)
NOTHING_WAITS = Fact("waiting", lambda found: found.waiting, Unit.REQUESTS, _UP_TO, 0.0)
BATCH_LOW = Fact("batch_share", lambda found: found.share, Unit.FRACTION, _UNDER, "concurrencyLow")
BATCH_FULL = Fact("batch_share", lambda found: found.filled, Unit.FRACTION, _FROM, 1.0, decides=False)
BATCH_SMALL = Fact("eff_batch", lambda found: found.batch, Unit.SEQUENCES, _UP_TO, "batchCollapsed", decides=False)
CPU = Fact("cpu_ratio", lambda found: found.cpu, Unit.RATIO, _FROM, "cpuSaturated")
THROTTLED = Fact("cpu_throttled", lambda found: found.throttled, Unit.FRACTION, _FROM, "cpuThrottled")
COVERAGE = Fact("coverage", lambda found: found.coverage, Unit.FRACTION, _UNDER, "coverageIndeterminate")


def _indeterminate(scene: Scene) -> bool:
    """Too little is seen; a full cache in a single sample is neither pressure yet nor its absence."""
    too_thin = scene.facts.coverage < scene.limits["coverageIndeterminate"]
    half_seen = "KVC201" in scene.unknown and at_least(scene.facts.kv_max, scene.limits["kvUsageDeny"])
    return scene.facts.required_absent or too_thin or half_seen


def _kv_bound(scene: Scene) -> bool:
    return bool(scene.fired & {"KVC201", "KVC202"})


def _batch_limited(scene: Scene) -> bool:
    """A queue, and on a replica that it waits for a batch that is full or has collapsed."""
    found = scene.facts
    collapsed = found.batch is not None and found.batch <= scene.limits["batchCollapsed"]
    full = at_least(found.filled, 1.0) or found.flat
    return found.standing and below(found.kv_max, scene.limits["kvUsageDeny"]) and (full or collapsed)


def _communication_bound(scene: Scene) -> bool:
    return "TOP402" in scene.fired or {"TOP401", "UTL102"} <= scene.fired


def _host_bound(scene: Scene) -> bool:
    found, limits = scene.facts, scene.limits
    quiet = below(found.utilization, limits["utilizationLow"]) and below(found.kv_max, limits["kvUsageLow"])
    starved = at_least(found.cpu, limits["cpuSaturated"]) or at_least(found.throttled, limits["cpuThrottled"])
    return quiet and starved and (found.standing or "THR302" in scene.fired)


def _compute_bound(scene: Scene) -> bool:
    found, limits = scene.facts, scene.limits
    busy = at_least(found.engine_active, limits["utilizationHigh"])
    computes = any(at_least(one, limits["smActiveLow"]) for one in (found.sm_active, found.tensor_active))
    return busy and computes and (found.running or 0.0) > 0


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
        ("SIG002", "SIG001", "SIG004"), (COVERAGE, KV_FULL),
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
        "Raise max_num_seqs, or find what serializes the batch.",
        ("THR301", "THR302"), (KV_ROOM, BATCH_FULL, BATCH_SMALL),
    ),
    Row(
        Regime.PREFILL_BOUND, lambda scene: "THR304" in scene.fired, "Long prompts bound the service.",
        "Use chunked prefill or prefix caching, or add prefill capacity.", ("THR304",), (KV_ROOM,),
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
        "Find what serializes the service; do not remove replicas.", ("THR302",), (KV_ROOM,),
    ),
    Row(
        Regime.COMPUTE_BOUND, _compute_bound, "The GPU's compute bounds the service.",
        "Add replicas or use a faster GPU.", (), (ENGINE_BUSY, SM_ACTIVE, TENSOR_ACTIVE, DRAM_CALM),
    ),
    Row(
        Regime.UNDERLOADED, _underloaded, "Every resource has room and latency is inside its objectives.",
        "Healthy; the what-if decides any removal.", PRESSURE, (UTILIZATION_LOW, KV_LOW, NOTHING_WAITS, BATCH_LOW),
    ),
    Row(
        Regime.HEALTHY, lambda _: True, "Nothing is seen to bind the service.", "The what-if decides any removal.",
        PRESSURE, (KV_ROOM,),
    ),
)  # fmt: skip


WELL = frozenset({Regime.IDLE, Regime.UNDERLOADED, Regime.HEALTHY})
"""Regimes in which nothing binds."""


def row_of(scene: Scene) -> Row:
    """The first that holds."""
    return next(row for row in TABLE if row.when(scene))
