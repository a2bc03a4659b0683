"""Facts of a snapshot that the diagnosis table asks for, each None where it was not measured."""

from dataclasses import dataclass
from statistics import fmean

from scalewarden.model.intent import Actor
from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision
from scalewarden.rules import conditions, look
from scalewarden.signals import windows
from scalewarden.signals.freshness import State
from scalewarden.whatif.case import Case
from scalewarden.whatif.fleet import Carried, Fleet, series
from scalewarden.whatif.latency import LATENCY_TESTS


@dataclass(frozen=True, slots=True)
class Facts:
    """coverage: share of replicas seen, fresh: of those whose samples speak for now. kv_max, kv_mean: window maximum of
    the worst replica and mean of all (fractions). utilization: engine-active, else kernel utilization; it, the four
    `_active` are means over replicas and window (fractions). share: fullest batch over its limit. waiting: newest sum
    of waiting requests, the gateway's too. standing: a queue stood for two minutes; of the replicas that it waits for,
    batch is the smallest effective batch, filled the fullest batch over its limit, flat says that the limit is unknown
    and running did not move. cpu: CPU used over CPU requested, throttled: share of periods in which CPU was throttled,
    both of the worst replica. short: the data span less than the rules' window."""

    coverage: float
    fresh: float
    required_absent: bool
    kv_max: float | None
    kv_mean: float | None
    utilization: float | None
    engine_active: float | None
    sm_active: float | None
    tensor_active: float | None
    dram_active: float | None
    running: float | None
    waiting: float | None
    standing: bool
    batch: float | None
    share: float | None
    filled: float | None
    flat: bool
    cpu: float | None
    throttled: float | None
    latency_ok: bool
    short: bool


def facts(snapshot: Snapshot, fleet: Fleet) -> Facts:
    """Gather them once for the table."""
    seen = [carried for carried in fleet.serving if carried.state is not State.ABSENT]
    kv = [carried.kv_max for carried in fleet.serving if carried.kv_max is not None]
    means = [carried.kv_mean for carried in fleet.serving if carried.kv_mean is not None]
    queued = _queued(fleet, snapshot)
    return Facts(
        coverage=_share_of_ready(len(seen), snapshot, fleet),
        fresh=_share_of_ready(sum(carried.state is State.FRESH for carried in seen), snapshot, fleet),
        required_absent=not seen,
        kv_max=max(kv, default=None),
        kv_mean=fmean(means) if means else None,
        utilization=_mean(fleet, SignalName.GPU_BUSY, snapshot),
        engine_active=_mean(fleet, SignalName.ENGINE_ACTIVE, snapshot),
        sm_active=_mean(fleet, SignalName.SM_ACTIVE, snapshot),
        tensor_active=_mean(fleet, SignalName.TENSOR_ACTIVE, snapshot),
        dram_active=_mean(fleet, SignalName.DRAM_ACTIVE, snapshot),
        running=_sum(fleet, SignalName.RUNNING),
        waiting=_waiting(fleet, snapshot),
        standing=bool(queued) or _gateway_stands(snapshot),
        batch=min((carried.batch for carried in queued if carried.batch is not None), default=None),
        share=_share(fleet),
        filled=max((_filled(carried, snapshot) for carried in queued if carried.slots), default=None),
        flat=any(_flat(carried, snapshot) for carried in queued if not carried.slots),
        cpu=max(_readings(fleet, SignalName.CPU_RATIO), default=None),
        throttled=max(_readings(fleet, SignalName.CPU_THROTTLED), default=None),
        latency_ok=_latency_ok(snapshot, fleet),
        short=_short(snapshot, fleet),
    )


def _share_of_ready(count: int, snapshot: Snapshot, fleet: Fleet) -> float:
    """Replicas that are stuck or asleep are known to be."""
    return (count + len(fleet.stuck) + len(fleet.asleep)) / len(snapshot.ready) if snapshot.ready else 0.0


def _queued(fleet: Fleet, snapshot: Snapshot) -> list[Carried]:
    """The replicas that a standing queue waits for; the gateway's waits for all of them."""
    if _gateway_stands(snapshot):
        return list(fleet.serving)
    return [one for one in fleet.serving if conditions.queue_stands(one.replica, snapshot).holds]


def _gateway_stands(snapshot: Snapshot) -> bool:
    name, seconds = SignalName.GATEWAY_WAITING, snapshot.thresholds["waitingNeverZero"]
    found = snapshot.signal(name)
    if not isinstance(found, Reading):
        return False
    return conditions.standing(look.lasting(snapshot, "the gateway", name, found, seconds)).holds is True


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


def _waiting(fleet: Fleet, snapshot: Snapshot) -> float | None:
    engines, gateway = _sum(fleet, SignalName.WAITING), snapshot.signal(SignalName.GATEWAY_WAITING)
    return engines + gateway.value if engines is not None and isinstance(gateway, Reading) else engines


def _share(fleet: Fleet) -> float | None:
    shares = [
        carried.running / carried.slots for carried in fleet.serving if carried.slots and carried.running is not None
    ]
    return max(shares, default=None)


def _filled(carried: Carried, snapshot: Snapshot) -> float:
    """Most that ran while the queue stood, over the batch limit."""
    return (windows.maximum(_meanwhile(carried, snapshot).points) or 0.0) / (carried.slots or 1)


def _flat(carried: Carried, snapshot: Snapshot) -> bool:
    """As many ran at every sample."""
    ran = _meanwhile(carried, snapshot)
    return ran.enough and len(set(ran.values)) == 1 and len(ran.points) >= snapshot.thresholds["shortSamples"]


def _meanwhile(carried: Carried, snapshot: Snapshot) -> windows.Span:
    limits = snapshot.thresholds
    return windows.lasting(series(carried, SignalName.RUNNING), limits["waitingNeverZero"], limits)


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
