"""Facts of a snapshot that the diagnosis table asks for, each None where it was not measured."""

from dataclasses import dataclass
from statistics import fmean

from scalewarden.model.intent import Actor
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision
from scalewarden.signals import windows
from scalewarden.signals.freshness import State
from scalewarden.whatif.case import Case
from scalewarden.whatif.fleet import Carried, Fleet, series
from scalewarden.whatif.latency import LATENCY_TESTS


@dataclass(frozen=True, slots=True)
class Facts:
    """coverage: share of replicas seen. kv_max, kv_mean: window maximum of the worst replica and mean of all
    (fractions). minority_hot: the cache is full on fewer than half. utilization: mean engine-active, else kernel
    utilization (fraction). share: fullest batch over its limit. waiting: newest sum of waiting requests.
    standing: a queue stood for two minutes. cpu: CPU used over CPU requested, throttled: share of periods in which CPU
    was throttled, both of the worst replica. short: the data span less than the rules' window."""

    coverage: float
    required_absent: bool
    kv_max: float | None
    kv_mean: float | None
    minority_hot: bool
    utilization: float | None
    engine_active: float | None
    compute_active: float | None
    running: float | None
    waiting: float | None
    standing: bool
    batch: float | None
    share: float | None
    at_limit: bool
    cpu: float | None
    throttled: float | None
    latency_ok: bool
    short: bool


def facts(snapshot: Snapshot, fleet: Fleet) -> Facts:
    """Gather them once for the table."""
    seen = [carried for carried in fleet.serving if carried.state is not State.ABSENT]
    kv = [carried.kv_max for carried in fleet.serving if carried.kv_max is not None]
    means = [carried.kv_mean for carried in fleet.serving if carried.kv_mean is not None]
    batches = [carried.batch for carried in fleet.serving if carried.batch is not None]
    return Facts(
        coverage=(len(seen) + len(fleet.stuck) + len(fleet.asleep)) / len(snapshot.ready) if snapshot.ready else 0.0,
        required_absent=not seen and not fleet.stuck,
        kv_max=max(kv, default=None),
        kv_mean=fmean(means) if means else None,
        minority_hot=0 < sum(value >= snapshot.thresholds["kvUsageDeny"] for value in kv) < len(kv) / 2,
        utilization=_mean(fleet, SignalName.GPU_BUSY, snapshot),
        engine_active=_mean(fleet, SignalName.ENGINE_ACTIVE, snapshot),
        compute_active=_first(
            _mean(fleet, SignalName.SM_ACTIVE, snapshot), _mean(fleet, SignalName.TENSOR_ACTIVE, snapshot)
        ),
        running=_sum(fleet, SignalName.RUNNING),
        waiting=_sum(fleet, SignalName.WAITING),
        standing=any((carried.standing or Decision.ALLOW).level > 0 for carried in fleet.serving),
        batch=max(batches, default=None),
        share=_share(fleet),
        at_limit=any(_at_limit(carried, snapshot) for carried in fleet.serving),
        cpu=max(_readings(fleet, SignalName.CPU_RATIO), default=None),
        throttled=max(_readings(fleet, SignalName.CPU_THROTTLED), default=None),
        latency_ok=_latency_ok(snapshot, fleet),
        short=_short(snapshot, fleet),
    )


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _readings(fleet: Fleet, name: SignalName) -> list[float]:
    return [reading.value for carried in fleet.serving if (reading := carried.replica.reading(name))]


def _mean(fleet: Fleet, name: SignalName, snapshot: Snapshot) -> float | None:
    """Mean over `pressureWindow` and over all replicas that are measured."""
    readings = [reading for carried in fleet.serving if (reading := carried.replica.reading(name))]
    seconds = snapshot.thresholds["pressureWindow"]
    means = [windows.mean(windows.span(windows.samples(one), seconds, snapshot.thresholds).points) for one in readings]
    known = [mean for mean in means if mean is not None]
    return windows.rounded(fmean(known)) if known else None


def _sum(fleet: Fleet, name: SignalName) -> float | None:
    values = _readings(fleet, name)
    return sum(values) if values else None


def _share(fleet: Fleet) -> float | None:
    shares = [
        carried.running / carried.slots for carried in fleet.serving if carried.slots and carried.running is not None
    ]
    return max(shares, default=None)


def _at_limit(carried: Carried, snapshot: Snapshot) -> bool:
    """Running at the batch limit; where the limit is unknown, flat while requests wait."""
    limits = snapshot.thresholds
    points = windows.lasting(series(carried, SignalName.RUNNING), limits["waitingNeverZero"], limits).points
    if not points:
        return False
    if carried.slots:
        return max(point.value for point in points) >= carried.slots
    standing = (carried.standing or Decision.ALLOW).level > 0
    return standing and len({point.value for point in points}) == 1 and len(points) >= limits["shortSamples"]


def _latency_ok(snapshot: Snapshot, fleet: Fleet) -> bool:
    """No data, or no objective, counts as inside objectives."""
    nothing_removed = Case(snapshot, fleet, len(fleet.serving), Actor.USER, 0, (), removes_ready=False)
    if nothing_removed.s < 1:
        return True
    results = [test(nothing_removed) for test in LATENCY_TESTS]
    return all(result.decision is not Decision.DENY for result in results)


def _short(snapshot: Snapshot, fleet: Fleet) -> bool:
    """True where the data span less than the window that rules ask for."""
    longest = max((_seconds(carried) for carried in fleet.serving), default=0.0)
    return longest < snapshot.thresholds["pressureWindow"] * 0.9


def _seconds(carried: Carried) -> float:
    points = series(carried, SignalName.RUNNING)
    return points[-1].at - points[0].at if points else 0.0
