"""docs/reference/reasons.md: every Reason and every binding test, when each is given and what to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from scalewarden.judgement.frontier import EXPLANATION
from scalewarden.model.verdict import Reason, Test
from tools.docs.markdown import code, page, table


class Said(NamedTuple):
    """One reason: the decisions it comes with, when it is given, what to do."""

    decisions: str
    when: str
    do: str


class Tested(NamedTuple):
    """One test: what it looks at, the lines by name, and the reason that it gives."""

    looks_at: str
    lines: str
    reason: Reason


_BREAK_GLASS = "`scalewarden.dev/break-glass`"

REASONS: Mapping[Reason, Said] = {
    Reason.NOT_A_DECREASE: Said("Allow", "the count stays or grows", "nothing"),
    Reason.BREAK_GLASS: Said(
        "Allow", f"the annotation {_BREAK_GLASS} is in force", "nothing; it ends by itself at its declared time"
    ),
    Reason.BELOW_MINIMUM: Said(
        "Deny", "the count is below `spec.policy.minReplicas`", "lower `minReplicas`, if it is no longer meant"
    ),
    Reason.REQUESTS_IN_FLIGHT: Said(
        "Deny",
        "no serving replica would be left, and a request ran or waited at some sample of the last 10 min",
        "stop the traffic first; 10 min after the last request zero is allowed",
    ),
    Reason.KV_CACHE_PRESSURE: Said(
        "Hold, Deny",
        "the KV-cache usage of the fullest replica that stays would pass its line, or the acting autoscaler's own KV "
        "trigger would add the replica back",
        "keep the replicas; add KV blocks, or allow fewer sequences or shorter contexts",
    ),
    Reason.PREEMPTING: Said(
        "Deny",
        "an engine gave up a running request for lack of KV cache within the window",
        "add replicas or KV cache; the refusal ends 10 min after the last preemption",
    ),
    Reason.QUEUE_PRESSURE: Said(
        "Hold, Deny",
        "requests would wait on the replicas that stay, or a queue has not been empty for 2 min",
        "find what the requests wait for: KV cache, batch limit, or long prompts",
    ),
    Reason.CONCURRENCY_BOUND: Said(
        "Hold, Deny",
        "the replicas that stay would run near their batch limit",
        "raise `max_num_seqs` if the KV cache has room; else keep the replicas",
    ),
    Reason.THROUGHPUT_BOUND: Said(
        "Hold, Deny",
        "the replicas that stay would carry nearly all the tokens/s that one sustains",
        "keep the replicas; correct `spec.baseline.tokensPerSecondPerGPU` if it is too low",
    ),
    Reason.LATENCY_AT_RISK: Said(
        "Hold, Deny",
        "a declared latency objective is nearly used up, or missed",
        "keep the replicas; see which of TTFT, ITL and end-to-end is named",
    ),
    Reason.REPLICA_STUCK: Said(
        "Hold",
        "requests wait on a replica that generates no token and finishes no request",
        "restart the named replica; the hold lapses after 30 min",
    ),
    Reason.SIGNALS_MISSING: Said(
        "Hold",
        "a required signal is absent or stale on every replica, or the engine has no KV signal and another needed one "
        "is missing",
        "bring back the signal that the message names: port, path, network policy, Prometheus",
    ),
    Reason.PARTIAL_COVERAGE: Said(
        "Hold",
        "a required signal is absent or stale on some replicas",
        "look at the named replica: is its metrics page up?",
    ),
    Reason.IN_TRANSITION: Said(
        "Hold",
        "a replica became ready less than the cold start (at least 5 min) ago, or a service in need would lose "
        "replicas that are still starting",
        "wait; `expiresAt` says until when",
    ),
    Reason.STABILIZING: Said(
        "Hold",
        "the count is safe now and was not throughout `spec.policy.stabilization` (5 min)",
        "wait; every instant at which it is not safe starts the wait again",
    ),
    Reason.NOT_READY_PODS_ONLY: Said("Allow", "only pods that do not serve would go", "nothing"),
    Reason.GENUINELY_IDLE: Said("Allow", "no request ran or waited for 10 min (UTL104)", "nothing"),
    Reason.SAFE_TO_REMOVE: Said("Allow", "every test passes", "nothing"),
}

TESTS: Mapping[Test, Tested] = {
    Test.DECLARED_MINIMUM: Tested("the requested count", "`spec.policy.minReplicas`", Reason.BELOW_MINIMUM),
    Test.REQUESTS_IN_FLIGHT: Tested(
        "running and waiting at every sample of `pressureWindow`, where no replica would stay",
        "0 requests",
        Reason.REQUESTS_IN_FLIGHT,
    ),
    Test.KV_CACHE_USAGE: Tested(
        "predicted KV usage of the fullest replica that stays",
        "`kvUsageAllow`, `kvUsageDeny`, `kvReleaseBand`",
        Reason.KV_CACHE_PRESSURE,
    ),
    Test.PREEMPTIONS: Tested("preemptions within the window, all replicas", "`preemptions`", Reason.PREEMPTING),
    Test.WAITING_PER_REPLICA: Tested(
        "waiting requests per replica that stays, mean of `waitingMeanSpan`",
        "`waitingPerReplicaAllow`, `waitingPerReplicaDeny`",
        Reason.QUEUE_PRESSURE,
    ),
    Test.WAITING_NEVER_ZERO: Tested(
        "a replica's queue that was never empty for `waitingNeverZero`",
        "`waitingNeverZeroMean`, `waitingRising`",
        Reason.QUEUE_PRESSURE,
    ),
    Test.CONCURRENCY: Tested(
        "share of the batch limit on the fullest replica that stays",
        "`concurrencyAllow`, `concurrencyDeny`",
        Reason.CONCURRENCY_BOUND,
    ),
    Test.THROUGHPUT: Tested(
        "share of a replica's sustainable tokens/s, while nothing waits",
        "`throughputAllow`, `throughputDeny`",
        Reason.THROUGHPUT_BOUND,
    ),
    Test.INTER_TOKEN_LATENCY: Tested(
        "ITL p95 now, plus what the larger batch costs by the fitted line",
        "`latencyAllow`, `latencyDeny` × the objective",
        Reason.LATENCY_AT_RISK,
    ),
    Test.TIME_TO_FIRST_TOKEN: Tested(
        "TTFT p95 now", "`latencyAllow`, `latencyDeny` × the objective", Reason.LATENCY_AT_RISK
    ),
    Test.END_TO_END_LATENCY: Tested(
        "end-to-end p99 now", "`latencyAllow`, `latencyDeny` × the objective", Reason.LATENCY_AT_RISK
    ),
    Test.AUTOSCALER_BOUNCE: Tested(
        "mean KV usage after the removal against the acting autoscaler's own KV target",
        "`autoscalerBounce` × its target",
        Reason.KV_CACHE_PRESSURE,
    ),
    Test.STUCK_REPLICA: Tested("replicas that make no progress", "`stuckHold`", Reason.REPLICA_STUCK),
    Test.COVERAGE: Tested("replicas whose required signals are known", "all of them", Reason.PARTIAL_COVERAGE),
    Test.SAMPLE_AGE: Tested(
        "age of the newest samples",
        "`freshSeconds`, `freshIntervals`, `freshMaximum`, `absentSeconds`",
        Reason.PARTIAL_COVERAGE,
    ),
    Test.TRANSITION: Tested("time since a replica became ready", "`dwell`, `coldStart`", Reason.IN_TRANSITION),
    Test.STABILIZATION: Tested(
        "whether the count was safe at every instant of the window", "`spec.policy.stabilization`", Reason.STABILIZING
    ),
}

_INTRODUCTION = """\
A verdict has one reason. Where several tests fail, the worst decision counts, and within it the first reason of this
list. The same words stand in the condition `ScaleDownSafe`, in the fence, in a refusal, in events and in
`scalewarden evaluate -o json`. A Deny refuses everyone. A Hold refuses autoscalers and warns people
(`spec.policy.onHold`). Numbers are defaults: [thresholds](thresholds.md).

A refusal carries a stable sentence without numbers, the third column; the numbers are in `kubectl describe`."""

_TESTS = """\
## Binding tests

`bindingTest` names the test that decided: for a Hold or a Deny the failing test of the verdict's reason, for an Allow
the test that is nearest to its Allow line, and nothing where no test has a number. A test whose facts are missing is
skipped and named, unless the fact is required. `Coverage` and `SampleAge` give `SignalsMissing` where no replica is
seen at all. [The formulas](../concepts/the-what-if.md)."""


def render() -> dict[Path, str]:
    """The page by its path."""
    reasons = table(
        ("reason", "decision", "text of a refusal", "given when", "what to do"),
        [(code(one), said.decisions, EXPLANATION.get(one, ""), said.when, said.do) for one, said in REASONS.items()],
    )
    tests = table(
        ("bindingTest", "looks at", "lines", "reason"),
        [(code(one), tested.looks_at, tested.lines, code(tested.reason)) for one, tested in TESTS.items()],
    )
    text = page("Reasons and binding tests", _INTRODUCTION, reasons, _TESTS, tests)
    return {Path("docs/reference/reasons.md"): text}
