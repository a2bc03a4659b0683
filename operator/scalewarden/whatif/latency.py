"""The tests of a removal that rest on declared latency objectives, measured now and, where it fits, predicted."""

from dataclasses import replace
from math import fsum, sqrt
from statistics import fmean
from typing import NamedTuple

from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.verdict import Decision, Range, Reason, Test, TestResult
from scalewarden.model.workload import Role
from scalewarden.signals import windows
from scalewarden.whatif import predict
from scalewarden.whatif.case import Case
from scalewarden.whatif.fleet import series
from scalewarden.whatif.learned import SPREAD, itl_line
from scalewarden.whatif.pressure import skipped
from scalewarden.whatif.uncertainty import around

FIT_POINTS = 8
"""Least points of a fit (ours)."""


def grade(share: float, allow: float, deny: float) -> Decision:
    """Unlike load, an objective that is just met is not missed: Deny only above it."""
    if round(share, 4) <= allow:
        return Decision.ALLOW
    return Decision.DENY if round(share, 4) > deny else Decision.HOLD


def _judge(
    case: Case, test: Test, name: SignalName, objective: float | None, extra: float = 0.0, why: str = ""
) -> TestResult:
    """Hold a quantile (s) plus the predicted increase against its objective (s); why it grows is told."""
    if objective is None:
        return skipped(test, Reason.LATENCY_AT_RISK, "no objective is declared")
    signal = case.snapshot.signal(name)
    if not isinstance(signal, Reading):
        return skipped(test, Reason.LATENCY_AT_RISK, signal.cause)
    if _too_few(case, signal):
        return skipped(test, Reason.LATENCY_AT_RISK, "too few observations")
    value = signal.value + extra
    allow, deny = case.limits["latencyAllow"], case.limits["latencyDeny"]
    what = f"{name.value} {value * 1000:.0f} ms against an objective of {objective * 1000:.0f} ms{why}"
    decision = grade(value / objective, allow, deny)
    return TestResult(test, decision, Reason.LATENCY_AT_RISK, what, value, allow * objective, deny * objective)


def _too_few(case: Case, signal: Reading) -> bool:
    """A source that only tells the quantile vouches for it."""
    return signal.observations is not None and signal.observations < case.limits["latencyObservations"]


def inter_token(case: Case) -> TestResult:
    """ITL p95, raised by what the fitted line says a larger batch costs."""
    if case.snapshot.workload.role is Role.PREFILL:
        return skipped(Test.INTER_TOKEN_LATENCY, Reason.LATENCY_AT_RISK, "the target only prefills: others decode")
    objective = case.snapshot.objectives.itl_p95
    extra = 0.0 if objective is None else itl_increase(case)
    return _judge(case, Test.INTER_TOKEN_LATENCY, SignalName.ITL_P95, objective, extra)


def time_to_first_token(case: Case) -> TestResult:
    """TTFT p95; beside a queue it shows the lucky ones: a calm one is silent, a bad one still holds.

    Without a queue, what a prompt costs more without the victims' prefix caches is added; that estimate at most holds.
    """
    if case.snapshot.workload.role is Role.DECODE:
        return skipped(Test.TIME_TO_FIRST_TOKEN, Reason.LATENCY_AT_RISK, "the target only decodes: others prefill")
    objective = case.snapshot.objectives.ttft_p95
    result = _judge(case, Test.TIME_TO_FIRST_TOKEN, SignalName.TTFT_P95, objective)
    if result.skipped is not None:
        return result
    if predict.waiting_total(case) == 0:
        return _without_lost_prefixes(case, result)
    if result.decision is Decision.ALLOW:
        return skipped(result.test, result.reason, "requests wait: TTFT shows the lucky ones")
    return replace(result, decision=Decision.HOLD)


def _without_lost_prefixes(case: Case, now: TestResult) -> TestResult:
    """The test with what the lost prefixes cost, where that weighs more."""
    growth = predict.prefill_growth(case)
    if not growth or not now.value:
        return now
    why = ", cached prefixes being lost with the replicas that go"
    found = _judge(
        case, now.test, SignalName.TTFT_P95, case.snapshot.objectives.ttft_p95, extra=now.value * growth, why=why
    )
    return now if found.decision is Decision.ALLOW or now.decision is Decision.DENY else _at_most_hold(found)


def _at_most_hold(found: TestResult) -> TestResult:
    return replace(found, decision=Decision.HOLD) if found.decision is Decision.DENY else found


def ttft_predicted(case: Case) -> tuple[float | None, Range | None]:
    """TTFT p95 (s) after the removal and between what it lies: from that of now to one whose every part grows with the
    prompt that is computed. None while requests wait, for then the queue decides; where the KV cache would overflow,
    for then one forms; and where too few first tokens were seen."""
    now, kv = case.snapshot.signal(SignalName.TTFT_P95), predict.kv_cache_usage(case)
    silent = case.s < 1 or case.snapshot.workload.role is Role.DECODE
    if silent or not isinstance(now, Reading) or _too_few(case, now):
        return None, None
    if predict.waiting_total(case) != 0 or (kv or 0.0) >= 1.0:
        return None, None
    value = windows.rounded(now.value * (1 + predict.prefill_growth(case)))
    return value, Range(min(windows.rounded(now.value), value), value)


def end_to_end(case: Case) -> TestResult:
    """End-to-end p99."""
    return _judge(case, Test.END_TO_END_LATENCY, SignalName.E2E_P99, case.snapshot.objectives.e2e_p99)


class Fit(NamedTuple):
    """Seconds of ITL that one more running request costs, and the standard deviation (s) of ITL around the line."""

    slope: float
    deviation: float


def itl_increase(case: Case) -> float:
    """Seconds that ITL grows with the larger batch; 0.0 where no line fits."""
    batches = [carried.batch for carried in case.fleet.serving if carried.batch is not None]
    fit = itl_fit(case)
    if fit is None or not batches or case.s < 1:
        return 0.0
    return max(0.0, fit.slope) * fmean(batches) * (case.n / case.s - 1)


def itl_fit(case: Case) -> Fit | None:
    """The window's own line of ITL over running, where its batches differ enough, else the learned one."""
    own = _fitted(_itl_over_running(case))
    if own is not None:
        return own
    line = itl_line(case.snapshot.learned, case.snapshot.at, case.limits)
    return Fit(line.slope, line.deviation) if line else None


def itl_predicted(case: Case) -> tuple[float | None, Range | None]:
    """ITL p95 (s) after the removal and between what it lies; None without a line, or without enough observations."""
    now, fit = case.snapshot.signal(SignalName.ITL_P95), itl_fit(case)
    silent = case.s < 1 or case.snapshot.workload.role is Role.PREFILL
    if silent or not isinstance(now, Reading) or fit is None or _too_few(case, now):
        return None, None
    value = windows.rounded(now.value + itl_increase(case))
    return value, around(value, fit.deviation)


def _fitted(pairs: list[tuple[float, float]]) -> Fit | None:
    """None where the pairs are few or alike."""
    smallest, largest = min((x for x, _ in pairs), default=0.0), max((x for x, _ in pairs), default=0.0)
    if len(pairs) < FIT_POINTS or smallest <= 0 or largest / smallest < SPREAD:
        return None
    x_mean, y_mean = fmean(x for x, _ in pairs), fmean(y for _, y in pairs)
    slope = fsum((x - x_mean) * (y - y_mean) for x, y in pairs) / fsum((x - x_mean) ** 2 for x, _ in pairs)
    residual = fsum((y - y_mean - slope * (x - x_mean)) ** 2 for x, y in pairs)
    return Fit(slope, sqrt(residual / (len(pairs) - 2)))


def _itl_over_running(case: Case) -> list[tuple[float, float]]:
    """(running, ITL in s) of every interval in which both were measured."""
    pairs = []
    for carried in case.fleet.serving:
        running = dict(series(carried, SignalName.RUNNING))
        reading = carried.replica.reading(SignalName.ITL_MEAN)
        pairs += [(running[at], value) for at, value in (reading.series if reading else ()) if at in running]
    return pairs


LATENCY_TESTS = (inter_token, time_to_first_token, end_to_end)
