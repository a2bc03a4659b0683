"""KVC203 shrinking-kv-headroom

Finds: a KV cache that fills so fast that it would be full before another replica could be ready.
Why: a removal cannot be taken back at once: a replacement needs minutes to load its weights. What has room now and
    none by then is no spare capacity, whatever utilization reads on the way.
Reads: kv_usage of every ready replica that is not stuck; the measured time of a replica to become ready, or coldStart.
Fires when: KV usage rises beyond two standard errors over risingSpan or more, by kvRising or more, and carried on for
    that time (by no more than it rose in the window) the fitted line reaches kvUsageFull.
Clear when: on each of them it does not rise so, or stays below.
Unknown when: none is seen to get there, and KV usage of some replica is absent, stale or too short for a trend.
Do: add replicas before the cache is full; do not remove any.
References: published cold starts of vLLM take 81 to 392 s; the rules for trends are those of the what-if.
"""

from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.rules import conditions, look
from scalewarden.rules.conditions import Condition
from scalewarden.rules.look import Look
from scalewarden.rules.rule import Rule
from scalewarden.signals import trends, windows

RULE = Rule(
    code="KVC203",
    name="shrinking-kv-headroom",
    severity=Severity.WARNING,
    summary="The KV cache fills faster than a replacement would start.",
    check_instead="the trend of KV-cache usage against the time that a new replica takes to become ready",
    remedy="Add replicas before the cache is full; do not remove any while it fills.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("kv_usage", "cold_start"),
    thresholds=("kvUsageFull", "kvRising", "risingSpan", "coldStart", "pressureWindow"),
)


def check(snapshot: Snapshot) -> Finding:
    """Judge every live replica by itself."""
    name, limits = SignalName.KV_USAGE, snapshot.thresholds
    live = look.live(snapshot)
    caches = [look.series(snapshot, r.pod, name, r.signal(name), limits["pressureWindow"]) for r in live]
    answers = [_filling(cache, snapshot) for cache in caches]
    filling = [answer for answer in answers if answer.holds]
    if filling:
        evidence = [one for answer in filling for one in answer.evidence]
        where = look.share(len(filling), len(live))
        return RULE.fired(f"KV cache fills up on {where}: {filling[0].what}", *evidence)
    if obstacle := look.obstacle(snapshot, caches, len(live)):
        return RULE.unknown(obstacle)
    if conditions.any_of(answers) is None:
        return RULE.unknown(conditions.first(answers, None).what)
    return RULE.clear(answers[0].what, *answers[0].evidence)


def _filling(cache: Look, snapshot: Snapshot) -> Condition:
    """Where the fitted line stands after a cold start, and whether that is full."""
    limits, points = snapshot.thresholds, cache.span.points
    found = trends.long_enough(points, limits)
    if found is None:
        return Condition(None, f"the trend of {cache.name.value} on {cache.where} needs {limits['risingSpan']:.0f} s")
    rise, now = windows.rounded(found.rise), windows.rounded(trends.fitted_end(points, found))
    if not found.significant or rise < limits["kvRising"]:
        return Condition(False, f"KV-cache usage does not rise on {cache.where}", cache.evidence(now))
    start = snapshot.cold_start if snapshot.cold_start is not None else limits["coldStart"]
    then, line = windows.rounded(now + min(found.slope * start, found.rise)), limits["kvUsageFull"]
    what = (
        f"it rises by {rise:.2f} in {found.seconds:.0f} s to {now:.2f} on {cache.where} and would reach "
        f"{look.shown(then, line)} in the {start:.0f} s that a new replica takes (line {line:.2f})"
    )
    return Condition(then >= line, what, cache.evidence(then, line))
