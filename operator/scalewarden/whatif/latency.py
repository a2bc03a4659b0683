"""The tests of a removal that rest on declared latency objectives, measured now and, where it fits, predicted."""

from dataclasses import replace
from math import fsum
from statistics import fmean

from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.verdict import Decision, Reason, Test, TestResult
from scalewarden.whatif import predict
from scalewarden.whatif.case import Case
from scalewarden.whatif.fleet import series
from scalewarden.whatif.learned import SPREAD, itl_line
from scalewarden.whatif.pressure import skipped

FIT_POINTS = 8
"""Least points of a fit (ours)."""


def grade(share: float, allow: float, deny: float) -> Decision:
    """Unlike load, an objective that is just met is not missed: Deny only above it."""
    if round(share, 4) <= allow:
        return Decision.ALLOW
    return Decision.DENY if round(share, 4) > deny else Decision.HOLD


def _judge(case: Case, test: Test, name: SignalName, objective: float | None, extra: float = 0.0) -> TestResult:
    """Hold a quantile (s) plus the predicted increase against its objective (s)."""
    if objective is None:
        return skipped(test, Reason.LATENCY_AT_RISK, "no objective is declared")
    signal = case.snapshot.signal(name)
    if not isinstance(signal, Reading):
        return skipped(test, Reason.LATENCY_AT_RISK, signal.cause)
    # A source that only tells the quantile vouches for it.
    if signal.observations is not None and signal.observations < case.limits["latencyObservations"]:
        return skipped(test, Reason.LATENCY_AT_RISK, "too few observations")
    value = signal.value + extra
    allow, deny = case.limits["latencyAllow"], case.limits["latencyDeny"]
    what = f"{name.value} {value * 1000:.0f} ms against an objective of {objective * 1000:.0f} ms"
    decision = grade(value / objective, allow, deny)
    return TestResult(test, decision, Reason.LATENCY_AT_RISK, what, value, allow * objective, deny * objective)


def inter_token(case: Case) -> TestResult:
    """ITL p95, raised by what the fitted line says a larger batch costs."""
    objective = case.snapshot.objectives.itl_p95
    extra = 0.0 if objective is None else itl_increase(case)
    return _judge(case, Test.INTER_TOKEN_LATENCY, SignalName.ITL_P95, objective, extra)


def time_to_first_token(case: Case) -> TestResult:
    """TTFT p95; beside a queue it shows the lucky ones: a calm one is silent, a bad one still holds."""
    result = _judge(case, Test.TIME_TO_FIRST_TOKEN, SignalName.TTFT_P95, case.snapshot.objectives.ttft_p95)
    if predict.waiting_total(case) == 0 or result.skipped is not None:
        return result
    if result.decision is Decision.ALLOW:
        return skipped(result.test, result.reason, "requests wait: TTFT shows the lucky ones")
    return replace(result, decision=Decision.HOLD)


def end_to_end(case: Case) -> TestResult:
    """End-to-end p99."""
    return _judge(case, Test.END_TO_END_LATENCY, SignalName.E2E_P99, case.snapshot.objectives.e2e_p99)


def itl_increase(case: Case) -> float:
    """Seconds that ITL grows with the larger batch: by the window's own line of ITL over running, where its batches
    differ enough, else by the learned one."""
    batches = [carried.batch for carried in case.fleet.serving if carried.batch is not None]
    slope = _slope(_itl_over_running(case))
    if slope is None:
        line = itl_line(case.snapshot.learned, case.snapshot.at, case.limits)
        slope = line.slope if line else None
    if slope is None or not batches or case.s < 1:
        return 0.0
    return max(0.0, slope) * fmean(batches) * (case.n / case.s - 1)


def _slope(pairs: list[tuple[float, float]]) -> float | None:
    """Seconds of ITL for one more running request; None where the pairs are few or alike."""
    smallest, largest = min((x for x, _ in pairs), default=0.0), max((x for x, _ in pairs), default=0.0)
    if len(pairs) < FIT_POINTS or smallest <= 0 or largest / smallest < SPREAD:
        return None
    x_mean, y_mean = fmean(x for x, _ in pairs), fmean(y for _, y in pairs)
    return fsum((x - x_mean) * (y - y_mean) for x, y in pairs) / fsum((x - x_mean) ** 2 for x, _ in pairs)


def _itl_over_running(case: Case) -> list[tuple[float, float]]:
    """(running, ITL in s) of every interval in which both were measured."""
    pairs = []
    for carried in case.fleet.serving:
        running = dict(series(carried, SignalName.RUNNING))
        reading = carried.replica.reading(SignalName.ITL_MEAN)
        pairs += [(running[at], value) for at, value in (reading.series if reading else ()) if at in running]
    return pairs


LATENCY_TESTS = (inter_token, time_to_first_token, end_to_end)
