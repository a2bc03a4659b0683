"""ASC605 ineffective-scale-up

Finds: replicas that an autoscaler added and that added no tokens.
Why: an autoscaler on CPU or utilization answers to a number that says nothing of demand. Where nobody waited, the
    replicas there were served all there was to serve: more of them share the same tokens, and each does less. The
    number that asked for them stays as it was, so it asks for more.
Reads: when replicas became ready, total gen_tps before and now, waiting and gateway_waiting before.
Fires when: an autoscaler acts on the target, the newest scale-up is complete for ineffectiveAfter, no request waited
    within ineffectiveSpan before it, and total tokens/s rose by less than scaleUpGain for each replica added (by less
    than half of an even share, where a replica is less than a tenth of the fleet).
Clear when: no autoscaler acts (a paused one does not), no scale-up was seen, requests waited before it, or tokens/s
    rose.
Unknown when: the newest scale-up is too young, or tokens/s or waiting requests were not known before or are not now.
Do: let it follow waiting requests or KV-cache usage, which rise when more replicas are needed.
References: CPU autoscaling adds replicas without more tokens from each, fourth of the five misreadings.
"""

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import ScaleUp, Snapshot
from scalewarden.rules import autoscalers, look
from scalewarden.rules.rule import Rule
from scalewarden.signals import totals, windows

RULE = Rule(
    code="ASC605",
    name="ineffective-scale-up",
    severity=Severity.WARNING,
    summary="An autoscaler added replicas that added no tokens.",
    check_instead="total tokens/s before and after, and whether requests waited",
    remedy="Let the autoscaler follow waiting requests or KV-cache usage.",
    misinterpretations=(Misinterpretation.CPU_AUTOSCALING_HELPS,),
    reads=("ready_since", "gen_tps", "waiting", "gateway_waiting"),
    thresholds=("ineffectiveAfter", "ineffectiveSpan", "scaleUpGain"),
)


def check(snapshot: Snapshot) -> Finding:
    """Only the newest scale-up is judged, and by what was written down when it began."""
    scaler = next(autoscalers.acting(snapshot), None)
    if scaler is None:
        return RULE.clear("no autoscaler acts on the target")
    name, seen = autoscalers.label(scaler), snapshot.history.scale_up if snapshot.history else None
    if seen is None:
        return RULE.clear("no scale-up was seen lately", autoscaler=name)
    waited, age = seen.waiting_before, snapshot.at - seen.at
    if waited is not None and waited > 0:
        said = f"up to {look.requests(waited)} waited before replicas were added"
        return RULE.clear(said, Evidence("waiting", waited, Unit.REQUESTS, 0.0, "before the scale-up"), autoscaler=name)
    if age < snapshot.thresholds["ineffectiveAfter"]:
        return RULE.unknown(f"the newest replicas are ready for {age:.0f} s only", autoscaler=name)
    now = totals.mean_tokens(snapshot.ready, snapshot.thresholds)
    if waited is None or not seen.tokens_before or now is None:
        return RULE.unknown("waiting requests or tokens/s were not known, or are not now", autoscaler=name)
    return _judge(seen, seen.tokens_before, now, snapshot, name)


def _judge(seen: ScaleUp, before: float, now: float, snapshot: Snapshot, name: str) -> Finding:
    added = seen.to - seen.from_
    line = windows.rounded(min(snapshot.thresholds["scaleUpGain"], 0.5 / max(1, seen.from_)) * added)
    gain = windows.rounded((now - before) / before)
    evidence = Evidence("tokens_gained", gain, Unit.RATIO, line, "gen_tps of all replicas, before and after")
    change = f"{'rose' if gain >= 0 else 'fell'} by {abs(gain):.1%}"
    text = (
        f"{seen.from_}→{seen.to} replicas while nobody waited, and tokens/s of all {change} ({before:.0f} → {now:.0f})"
    )
    if gain < line:
        return RULE.fired(f"{name}: {text}", evidence, autoscaler=name)
    return RULE.clear(text, evidence, autoscaler=name)
