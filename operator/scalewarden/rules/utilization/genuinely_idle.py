"""UTL104 genuinely-idle

Finds: a service without a single request: the positive licence to shrink.
Why: low utilization does not show that nobody is served; no request running or waiting does.
Reads: running and waiting of every replica (stuck, starting and draining ones too), gateway_waiting where there is a
    gateway; gen_tps and finish_rate, which also count requests that come and go between two samples.
Fires when: none of them was above zero at any sample of pressureWindow on any replica; with less data, over all there
    is from shortSpan on.
Clear when: one was.
Unknown when: running or waiting of a ready replica is absent, stale or too short; a pod that just
    started proves nothing.
Do: the service may shrink to its minimum.
References: low utilization alone is the third of the five misreadings this project guards against.
"""

from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import load, look
from scalewarden.rules.look import Look
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="UTL104",
    name="genuinely-idle",
    severity=Severity.INFO,
    summary="No request ran or waited on any replica.",
    check_instead="running and waiting requests, not GPU utilization",
    remedy="The service may shrink to its minimum; nothing is lost but warm caches.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("running", "waiting", "gateway_waiting", "gen_tps", "finish_rate"),
    thresholds=("pressureWindow", "shortSpan", "shortSamples"),
)


def check(snapshot: Snapshot) -> Finding:
    """One request denies it; silence must be proven on every ready replica."""
    looks = load.in_flight(snapshot)
    if busiest := load.busiest(looks):
        most = max(busiest.values)
        return RULE.clear(f"up to {look.requests(most)} {_verb(busiest)} {busiest.where}", *busiest.evidence(most, 0.0))
    if flow := _flow(snapshot):
        rate = flow.value or 0.0
        return RULE.clear(f"requests come and go between samples on {flow.where}", *flow.evidence(rate, 0.0))
    needed = load.ready_only(looks, snapshot)
    if obstacle := look.obstacle(snapshot, needed, len(snapshot.ready)):
        return RULE.unknown(obstacle)
    message = f"no request ran or waited on {look.share(len(snapshot.ready), len(snapshot.ready))}"
    return RULE.fired(message + look.shortness(needed), *needed[0].evidence(0.0, 0.0), *needed[1].evidence(0.0, 0.0))


def _verb(seen: Look) -> str:
    return "ran on" if seen.name is SignalName.RUNNING else "waited on"


def _flow(snapshot: Snapshot) -> Look | None:
    """A replica that made tokens or finished requests although no sample caught one running."""
    rates = (
        look.number(snapshot, replica.pod, name, replica.signal(name))
        for replica in snapshot.ready
        for name in (SignalName.GEN_TPS, SignalName.FINISH_RATE)
    )
    return next((rate for rate in rates if (rate.value or 0.0) > 0), None)
