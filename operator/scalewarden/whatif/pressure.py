"""The tests of a removal that rest on load: KV cache, preemptions, queue, concurrency, throughput, bounce."""

from math import fsum

from scalewarden.model.autoscaler import AutoscalerMetric, TargetType
from scalewarden.model.intent import Actor
from scalewarden.model.verdict import Decision, Reason, Test, TestResult
from scalewarden.signals import windows
from scalewarden.whatif import predict
from scalewarden.whatif.case import Case, margin

KV_SERIES = ("kv_cache_usage", "gpu_cache_usage", "token_usage", "kv_cache_utilization")


def grade(value: float, allow: float, deny: float) -> Decision:
    """Allow up to `allow`, Deny from `deny`, Hold between; four decimals decide."""
    if round(value, 4) <= allow:
        return Decision.ALLOW
    return Decision.DENY if round(value, 4) >= deny else Decision.HOLD


def skipped(test: Test, reason: Reason, why: str) -> TestResult:
    """A test that cannot speak: it is named, and moves nothing."""
    return TestResult(test, Decision.ALLOW, reason, f"{test}: skipped, {why}", skipped=why)


def _graded(test: Test, reason: Reason, value: float, allow: float, deny: float, what: str) -> TestResult:
    return TestResult(test, grade(value, allow, deny), reason, what, value, allow, deny)


def _less(case: Case) -> str:
    """Why a line is stricter than its source, where it is."""
    taken = margin(case.snapshot)
    return f", {taken:.2f} less after a removal that was regretted" if taken else ""


def kv_cache_usage(case: Case) -> TestResult:
    """KV usage of the worst survivor."""
    test, reason = Test.KV_CACHE_USAGE, Reason.KV_CACHE_PRESSURE
    value = predict.kv_cache_usage(case)
    if value is None:
        return skipped(test, reason, "no KV-cache usage is measured")
    allow, deny = case.allow("kvUsageAllow"), case.limits["kvUsageDeny"]
    safe = f"safe up to {allow:.2f}{_less(case)}"
    lost = ", counting prefixes that go with the others" if predict.queue_share(case) and _loses_prefixes(case) else ""
    what = f"KV-cache usage of the fullest replica that stays would peak at {value:.2f} ({safe}){lost}"
    return _graded(test, reason, value, allow, deny, what)


def _loses_prefixes(case: Case) -> bool:
    return predict.prefill_growth(case) > 0


def preemptions(case: Case) -> TestResult:
    """Requests already evicted for lack of KV blocks; a large fleet leaves its worst out."""
    test, reason = Test.PREEMPTIONS, Reason.PREEMPTING
    counts = sorted((c.preemptions for c in case.everyone if c.preemptions is not None), reverse=True)
    if not counts:
        return skipped(test, reason, "preemptions are not measured")
    value, line = fsum(counts[case.fleet.left_out :]), case.limits["preemptions"]
    decision = Decision.DENY if value > line else Decision.ALLOW
    what = f"{value:.0f} preemptions in the window: the KV cache already overflows"
    return TestResult(test, decision, reason, what, value, line, line)


def waiting_per_replica(case: Case) -> TestResult:
    """Waiting requests per survivor."""
    test, reason = Test.WAITING_PER_REPLICA, Reason.QUEUE_PRESSURE
    value = predict.waiting_per_replica(case)
    if value is None:
        return skipped(test, reason, "waiting requests are not measured")
    allow, deny = case.limits["waitingPerReplicaAllow"], case.limits["waitingPerReplicaDeny"]
    what = f"{value:.1f} requests would wait per replica that stays (safe up to {allow:.0f})"
    return _graded(test, reason, value, allow, deny, what)


def waiting_never_zero(case: Case) -> TestResult:
    """A queue that never emptied: one empty sample clears a replica, however short the data."""
    test, reason = Test.WAITING_NEVER_ZERO, Reason.QUEUE_PRESSURE
    known = [(carried, carried.standing) for carried in case.fleet.serving if carried.standing is not None]
    if not known:
        return skipped(test, reason, "waiting requests are not measured")
    known.sort(key=lambda pair: pair[1].level, reverse=True)
    carried, decision = known[min(case.fleet.left_out, len(known) - 1)]
    what = f"the queue of {carried.pod} was never empty" if decision.level else "every queue was empty at times"
    return TestResult(test, decision, reason, what)


def concurrency(case: Case) -> TestResult:
    """Share of the batch limit."""
    test, reason = Test.CONCURRENCY, Reason.CONCURRENCY_BOUND
    value = predict.concurrency(case)
    if value is None:
        return skipped(test, reason, "the batch limit or the batch is not known")
    allow, deny = case.allow("concurrencyAllow"), case.limits["concurrencyDeny"]
    safe = f"safe up to {allow:.0%}{_less(case)}"
    what = f"the fullest replica that stays would run at {value:.0%} of its batch limit ({safe})"
    return _graded(test, reason, value, allow, deny, what)


def throughput(case: Case) -> TestResult:
    """Share of sustainable tokens/s."""
    test, reason = Test.THROUGHPUT, Reason.THROUGHPUT_BOUND
    value = predict.throughput(case)
    if value is None:
        return skipped(test, reason, "sustainable or measured tokens/s is not known")
    allow, deny = case.allow("throughputAllow"), case.limits["throughputDeny"]
    if predict.waiting_total(case) != 0:
        return _at_best_hold(test, reason, grade(value, allow, deny))
    known = "learned" if case.snapshot.sustainable_learned else "declared"
    what = (
        f"each replica that stays would carry {value:.0%} of its {known} sustainable tokens/s (safe up to {allow:.0%}"
        f"{_less(case)})"
    )
    return _graded(test, reason, value, allow, deny, what)


def _at_best_hold(test: Test, reason: Reason, found: Decision) -> TestResult:
    """While requests wait tokens/s is capacity, not demand: no number is given, but a queue never excuses one."""
    if found is Decision.ALLOW:
        return skipped(test, reason, "requests wait: tokens/s is capacity, not demand")
    return TestResult(test, Decision.HOLD, reason, "tokens/s is near what a replica sustains, and requests wait")


def autoscaler_bounce(case: Case) -> TestResult:
    """Would the acting autoscaler's own KV trigger add the replica straight back?"""
    test, reason = Test.AUTOSCALER_BOUNCE, Reason.KV_CACHE_PRESSURE
    trigger = _kv_trigger(case)
    means = [carried.kv_mean for carried in case.everyone if carried.kv_mean is not None]
    if case.actor is not Actor.AUTOSCALER or trigger is None or not means or case.s < 1:
        return skipped(test, reason, "no autoscaler acts on a KV trigger")
    value, line = windows.rounded(fsum(means) / case.s), round(case.limits["autoscalerBounce"] * trigger, 4)
    decision = Decision.ALLOW if value <= line else Decision.HOLD
    what = f"mean KV-cache usage would be {value:.2f}, at the autoscaler's own trigger {trigger:.2f}: it would bounce"
    return TestResult(test, decision, reason, what, value, line)


def _kv_trigger(case: Case) -> float | None:
    """The lowest KV target (fraction) among the target's autoscalers; other units are not guessed at."""
    metrics = (metric for autoscaler in case.snapshot.autoscalers for metric in autoscaler.metrics)
    return min((target for metric in metrics if (target := kv_target(metric)) is not None), default=None)


def kv_target(metric: AutoscalerMetric) -> float | None:
    """The KV usage (fraction) that an autoscaler's metric aims at; None where it is another metric or unit."""
    known = metric.target_type in (TargetType.AVERAGE_VALUE, TargetType.VALUE, None)
    if not known or not any(name in f"{metric.name} {metric.query}" for name in KV_SERIES):
        return None
    return metric.target if metric.target is not None and 0 < metric.target <= 1 else None


LOAD_TESTS = (
    kv_cache_usage,
    preemptions,
    waiting_per_replica,
    waiting_never_zero,
    concurrency,
    throughput,
    autoscaler_bounce,
)
