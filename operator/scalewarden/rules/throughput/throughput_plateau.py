"""THR303 throughput-plateau

Finds: a service that is asked for more than before and generates no more.
Why: tokens/s that do not follow demand mark the limit of the service, however low its utilization reads. While requests
    wait tokens/s show capacity, not demand; with nothing piling up the same flat line is only a steady demand.
Reads: gen_tps, waiting and running of every ready replica that is not stuck, as sums over pressureWindow.
Fires when: over risingSpan or more the fitted tokens/s rise by no more than throughputFlat of their mean (within
    throughputNoise), while more arrives than leaves: waiting rises by waitingRising or more, or the requests
    in flight by inFlightRising of their mean and by waitingRising, beyond their noise, and are above their mean now.
Clear when: nothing piles up, or tokens/s rise with it.
Unknown when: a sum is not known on every replica or spans less than risingSpan (as after a replica joined), tokens/s
    are too noisy, or the engine counts them only at the end of an answer.
Do: find what bounds the service (the diagnosis names it), or add replicas.
References: arrivals are completions plus the growth of what is in flight; tokens/s against latency flattens at the
    batch size where memory bandwidth or KV cache binds.
"""

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Point, SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.rules import look
from scalewarden.rules.conditions import Condition
from scalewarden.rules.look import Look
from scalewarden.rules.rule import Rule
from scalewarden.signals import trends, windows
from scalewarden.signals.engines import LATE
from scalewarden.signals.windows import Trend

RULE = Rule(
    code="THR303",
    name="throughput-plateau",
    severity=Severity.WARNING,
    summary="More is asked of the service than before, and it generates no more.",
    check_instead="the trend of tokens/s beside that of waiting and running requests",
    remedy="Find what bounds the service, as the diagnosis names it, or add replicas; do not remove any.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_IS_WASTE,),
    reads=("gen_tps", "waiting", "running"),
    thresholds=(
        "throughputFlat", "throughputNoise", "waitingRising", "inFlightRising", "risingSpan", "pressureWindow",
    ),
)  # fmt: skip


def check(snapshot: Snapshot) -> Finding:
    """What piles up first: without it a flat line is a steady demand."""
    live = look.live(snapshot)
    queues, batches, rates = (
        _series(snapshot, name) for name in (SignalName.WAITING, SignalName.RUNNING, SignalName.GEN_TPS)
    )
    if obstacle := look.obstacle(snapshot, [*queues, *batches, *rates], len(live)):
        return RULE.unknown(obstacle)
    in_flight = look.together([*queues, *batches])
    if trends.long_enough(in_flight, snapshot.thresholds) is None:
        return RULE.unknown(f"requests in flight are known over only {_seconds(in_flight):.0f} s on every replica")
    growth = _piling_up(look.together(queues), in_flight, snapshot.thresholds)
    if not growth.holds:
        return RULE.clear(growth.what, *growth.evidence)
    if any(seen.reading and seen.reading.source in LATE for seen in rates):
        return RULE.unknown(f"{growth.what}, and generated tokens are counted only when an answer ends")
    return _judge(look.together(rates), growth, snapshot.thresholds)


def _series(snapshot: Snapshot, name: SignalName) -> list[Look]:
    seconds = snapshot.thresholds["pressureWindow"]
    return [look.series(snapshot, one.pod, name, one.signal(name), seconds) for one in look.live(snapshot)]


def _seconds(points: tuple[Point, ...]) -> float:
    return points[-1].at - points[0].at if points else 0.0


def _piling_up(waiting: tuple[Point, ...], in_flight: tuple[Point, ...], limits: Thresholds) -> Condition:
    """More requests arrive than leave."""
    queue = trends.rising(waiting, limits)
    rise = windows.rounded(queue.rise) if queue else 0.0
    if rise >= limits["waitingRising"] and _still_high(waiting):
        what = f"waiting requests rose by {rise:.1f} to {waiting[-1].value:.0f}"
        return Condition(True, what, (_evidence("waiting", rise, limits["waitingRising"], "sum of waiting"),))
    both = trends.rising(in_flight, limits)
    rise = windows.rounded(both.rise) if both else 0.0
    line = max(limits["waitingRising"], limits["inFlightRising"] * (windows.mean(in_flight) or 0.0))
    evidence = (_evidence("in_flight", rise, windows.rounded(line), "sum of waiting and running"),)
    if rise >= line and _still_high(in_flight):
        return Condition(True, f"requests in flight rose by {rise:.1f} to {in_flight[-1].value:.0f}", evidence)
    return Condition(False, "no more requests arrive than leave", evidence)


def _still_high(points: tuple[Point, ...]) -> bool:
    """What rose and was worked off again is over."""
    return points[-1].value > (windows.mean(points) or 0.0)


def _evidence(name: str, rise: float, line: float, source: str) -> Evidence:
    return Evidence(name, rise, Unit.REQUESTS, line, source)


def _judge(tokens: tuple[Point, ...], growth: Condition, limits: Thresholds) -> Finding:
    found, mean = trends.long_enough(tokens, limits), windows.mean(tokens) or 0.0
    if found is None or mean <= 0:
        return RULE.unknown(f"{growth.what}, and tokens/s are known over only {_seconds(tokens):.0f} s")
    share = windows.rounded(found.rise / mean)
    proof = Evidence("gen_tps", share, Unit.FRACTION, limits["throughputFlat"], "fitted rise ÷ mean of their sum")
    if 2 * found.error * found.seconds > limits["throughputNoise"] * mean:
        return RULE.unknown(f"{growth.what}, and tokens/s are too noisy to tell their trend", proof, *growth.evidence)
    if share > limits["throughputFlat"]:
        return RULE.clear(f"{growth.what}, and tokens/s rise by {share:.0%} with it", proof, *growth.evidence)
    text = f"{growth.what} in {found.seconds:.0f} s while tokens/s {_moved(found, mean)}"
    return RULE.fired(text, proof, *growth.evidence)


def _moved(found: Trend, mean: float) -> str:
    share = found.rise / mean
    return f"stayed at {mean:.0f}" if abs(share) < 0.005 else f"changed by {share:+.0%} around {mean:.0f}"
