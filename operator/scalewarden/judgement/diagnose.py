"""One table from findings and facts to the regime; first match wins. A row whose signal is absent does not match."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scalewarden.judgement.facts import Facts, facts
from scalewarden.model.diagnosis import Confidence, Diagnosis, Regime
from scalewarden.model.finding import Evidence, Finding, Status
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.whatif.fleet import Fleet


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
    """A regime, when it holds, and the sentences that say it."""

    regime: Regime
    when: Callable[[Scene], bool]
    summary: str
    advice: str
    rules: tuple[str, ...] = ()


def below(value: float | None, line: float) -> bool:
    """Measured and under the line."""
    return value is not None and value < line


def at_least(value: float | None, line: float) -> bool:
    """Measured and at or over the line."""
    return value is not None and value >= line


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


TABLE: tuple[Row, ...] = (
    Row(
        Regime.INDETERMINATE, _indeterminate, "Too little is seen to say what bounds the service.",
        "Bring back the signal that is named, or wait for its next samples.", ("SIG002", "SIG001", "SIG004"),
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
        "Raise max_num_seqs, or find what serializes the batch.", ("THR301", "THR302"),
    ),
    Row(
        Regime.PREFILL_BOUND, lambda scene: "THR304" in scene.fired, "Long prompts bound the service.",
        "Use chunked prefill or prefix caching, or add prefill capacity.", ("THR304",),
    ),
    Row(
        Regime.COMMUNICATION_BOUND, _communication_bound, "Communication between GPUs bounds the service.",
        "Lower the tensor-parallel size and use more replicas, or use NVLink.", ("TOP402", "TOP401"),
    ),
    Row(
        Regime.HOST_BOUND, _host_bound, "The host starves the GPU: requests wait while CPU is saturated.",
        "Give the server more CPU; look at the tokenizer and the network.", (),
    ),
    Row(
        Regime.QUEUE_BOUND, lambda scene: "THR302" in scene.fired, "Requests wait and no resource is seen to bind.",
        "Find what serializes the service; do not remove replicas.", ("THR302",),
    ),
    Row(
        Regime.COMPUTE_BOUND, _compute_bound, "The GPU's compute bounds the service.",
        "Add replicas or use a faster GPU.", (),
    ),
    Row(
        Regime.UNDERLOADED, _underloaded, "Every resource has room and latency is inside its objectives.",
        "Healthy; the what-if decides any removal.", (),
    ),
    Row(Regime.HEALTHY, lambda _: True, "Nothing is seen to bind the service.", "The what-if decides any removal.", ()),
)  # fmt: skip


def diagnose(snapshot: Snapshot, findings: Sequence[Finding], fleet: Fleet) -> Diagnosis:
    """The regime with its confidence and the evidence for and against it."""
    scene = Scene(snapshot, facts(snapshot, fleet), _rules(findings, Status.FIRED), _rules(findings, Status.UNKNOWN))
    row = next(row for row in TABLE if row.when(scene))
    decisive = [finding for finding in findings if finding.rule in row.rules and finding.fired]
    against = [finding for finding in findings if finding.rule in row.rules and finding.status is Status.CLEAR]
    return Diagnosis(
        row.regime,
        _confidence(scene, row.regime),
        _summary(row, decisive) + _sick(fleet),
        _advice(scene, row),
        _evidence(decisive),
        _evidence(against),
    )


def _rules(findings: Sequence[Finding], status: Status) -> frozenset[str]:
    return frozenset(finding.rule for finding in findings if finding.status is status)


def _summary(row: Row, decisive: Sequence[Finding]) -> str:
    if not decisive:
        return row.summary
    said = decisive[0].message.rstrip(".")
    return f"{row.summary} {said[0].upper()}{said[1:]}."


def _sick(fleet: Fleet) -> str:
    if not fleet.stuck:
        return ""
    return f" Stuck, with requests that make no progress: {', '.join(replica.pod for replica in fleet.stuck[:3])}."


def _evidence(findings: Sequence[Finding]) -> tuple[Evidence, ...]:
    return tuple(evidence for finding in findings for evidence in finding.evidence)


def _advice(scene: Scene, row: Row) -> str:
    """A hot minority is a routing matter, not a lack of replicas."""
    if row.regime is Regime.KV_CACHE_BOUND and _minority_hot(scene):
        return "Spread the requests: the cache is full on a minority of replicas, look at routing before adding any."
    return row.advice


def _minority_hot(scene: Scene) -> bool:
    return scene.facts.minority_hot and below(scene.facts.kv_mean, scene.limits["kvUsageLow"])


def _confidence(scene: Scene, regime: Regime) -> Confidence:
    """Low on a short span or thin coverage, High where every replica is seen and the numbers clear their line."""
    found = scene.facts
    if regime is Regime.INDETERMINATE:
        return Confidence.LOW
    if found.short or found.coverage < 0.8 or found.kv_max is None:
        return Confidence.LOW
    if found.coverage < 1.0 or _near_a_line(scene):
        return Confidence.MEDIUM
    return Confidence.HIGH


def _near_a_line(scene: Scene) -> bool:
    """Within 0.05 of the line that separates KV pressure from none."""
    kv = scene.facts.kv_max
    return kv is not None and abs(kv - scene.limits["kvUsageDeny"]) < scene.limits["kvReleaseBand"]
