"""SCL505 scale-to-zero-with-requests

Finds: a removal of the last replica while requests run or wait, or did within the last minutes.
Why: with no replica left nothing serves, and a cold start takes minutes. An average of zero over a minute, or a GPU
    at 0 %, does not show that nobody is served: requests are short and come in bursts.
Reads: the intent; running and waiting of every replica (stuck and draining ones too), gateway_waiting.
Fires when: the intent asks for zero and one of these was above zero at any sample of pressureWindow.
Clear when: nobody asks for zero, or none was above zero on any replica.
Unknown when: zero is asked for and running or waiting of a ready replica is absent, stale or too short.
Do: wait until the service was idle for the whole window, or keep one replica.
References: published cold starts of vLLM take 81 to 392 s.
"""

from scalewarden.model.finding import Finding, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import load, look
from scalewarden.rules.rule import Rule

RULE = Rule(
    code="SCL505",
    name="scale-to-zero-with-requests",
    severity=Severity.ERROR,
    summary="The last replica would go while requests run or wait.",
    check_instead="running and waiting requests at every sample of the last minutes",
    remedy="Keep one replica until no request ran or waited for the whole window.",
    reads=("intent", "running", "waiting", "gateway_waiting"),
    thresholds=("pressureWindow", "shortSpan", "shortSamples"),
)


def check(snapshot: Snapshot) -> Finding:
    """Only an intent to zero is judged."""
    intent = snapshot.intent
    if intent is None or intent.to > 0 or not intent.is_decrease:
        return RULE.clear("nobody asks for zero replicas")
    looks = load.in_flight(snapshot)
    if busiest := load.busiest(looks):
        most = max(busiest.values)
        verb = "ran on" if busiest.name is SignalName.RUNNING else "waited on"
        return RULE.fired(
            f"zero replicas are asked for while up to {look.requests(most)} {verb} {busiest.where} within the last "
            f"{snapshot.thresholds['pressureWindow']:.0f} s",
            *busiest.evidence(most, 0.0),
        )
    needed = load.ready_only(looks, snapshot)
    if obstacle := look.obstacle(snapshot, needed, len(snapshot.ready)):
        return RULE.unknown(f"zero replicas are asked for, and {obstacle}")
    message = f"no request ran or waited on {look.share(len(snapshot.ready), len(snapshot.ready))}"
    return RULE.clear(message + look.shortness(needed), *needed[0].evidence(0.0, 0.0))
