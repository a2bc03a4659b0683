"""The answer to an intent. Every surface renders one of these; none makes its own."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Decision(StrEnum):
    """Deny refuses everyone; Hold refuses autoscalers and warns users; Allow lets pass."""

    ALLOW = "Allow"
    HOLD = "Hold"
    DENY = "Deny"

    @property
    def level(self) -> int:
        """0 Allow, 1 Hold, 2 Deny: a verdict is the worst of its tests."""
        return ("Allow", "Hold", "Deny").index(self.value)


class Reason(StrEnum):
    """Why; the same words in verdicts, conditions, fences and refusals. The order is the first-match order."""

    NOT_A_DECREASE = "NotADecrease"
    BREAK_GLASS = "BreakGlass"
    BELOW_MINIMUM = "BelowMinimum"
    REQUESTS_IN_FLIGHT = "RequestsInFlight"
    KV_CACHE_PRESSURE = "KVCachePressure"
    PREEMPTING = "Preempting"
    QUEUE_PRESSURE = "QueuePressure"
    CONCURRENCY_BOUND = "ConcurrencyBound"
    THROUGHPUT_BOUND = "ThroughputBound"
    LATENCY_AT_RISK = "LatencyAtRisk"
    REPLICA_STUCK = "ReplicaStuck"
    SIGNALS_MISSING = "SignalsMissing"
    PARTIAL_COVERAGE = "PartialCoverage"
    IN_TRANSITION = "InTransition"
    STABILIZING = "Stabilizing"
    NOT_READY_PODS_ONLY = "NotReadyPodsOnly"
    GENUINELY_IDLE = "GenuinelyIdle"
    SAFE_TO_REMOVE = "SafeToRemove"


class Test(StrEnum):
    """The tests of the what-if; the one that decides is the verdict's binding test."""

    __test__ = False  # not a pytest class

    DECLARED_MINIMUM = "DeclaredMinimum"
    REQUESTS_IN_FLIGHT = "RequestsInFlight"
    KV_CACHE_USAGE = "KVCacheUsage"
    PREEMPTIONS = "Preemptions"
    WAITING_PER_REPLICA = "WaitingPerReplica"
    WAITING_NEVER_ZERO = "WaitingNeverZero"
    CONCURRENCY = "Concurrency"
    THROUGHPUT = "Throughput"
    INTER_TOKEN_LATENCY = "InterTokenLatency"  # noqa: S105
    TIME_TO_FIRST_TOKEN = "TimeToFirstToken"  # noqa: S105
    END_TO_END_LATENCY = "EndToEndLatency"
    AUTOSCALER_BOUNCE = "AutoscalerBounce"
    STUCK_REPLICA = "StuckReplica"
    COVERAGE = "Coverage"
    SAMPLE_AGE = "SampleAge"
    TRANSITION = "Transition"
    STABILIZATION = "Stabilization"


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test's answer: the predicted or measured value against its Allow and Deny lines.

    value None with `skipped` set means that the test could not speak; it is named, not counted as passed.
    expires_at: unix second at which this answer lapses by itself, where the test knows it.
    """

    __test__ = False

    test: Test
    decision: Decision
    reason: Reason
    message: str
    value: float | None = None
    allow: float | None = None
    deny: float | None = None
    skipped: str | None = None
    expires_at: float | None = None


class Range(NamedTuple):
    """Between what a predicted number lies, in the number's own unit."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """The range of each prediction; None where the number is not predicted or nothing is known of its spread.

    What each range is made of is told in docs/concepts/the-what-if.md. A verdict rests on the predicted numbers alone.
    """

    kv_cache_usage: Range | None = None
    waiting_per_replica: Range | None = None
    concurrency: Range | None = None
    throughput: Range | None = None
    inter_token_latency: Range | None = None
    time_to_first_token: Range | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the replicas that stay would carry; None where it could not be predicted.

    kv_cache_usage, concurrency and throughput are fractions; waiting_per_replica is in requests; inter_token_latency
    and time_to_first_token are p95 in seconds.
    """

    kv_cache_usage: float | None = None
    waiting_per_replica: float | None = None
    concurrency: float | None = None
    throughput: float | None = None
    inter_token_latency: float | None = None
    time_to_first_token: float | None = None
    uncertainty: Uncertainty = Uncertainty()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one answer.

    safe_replicas is the smallest count that passes every test; message one sentence with the numbers;
    expires_at the unix second at which the answer lapses unless fresh evidence renews it.
    tests holds every test that spoke, the binding one first; named the replicas left out or singled out.
    """

    decision: Decision
    reason: Reason
    binding_test: Test | None
    message: str
    safe_replicas: int
    predicted: Prediction = Prediction()
    tests: tuple[TestResult, ...] = ()
    expires_at: float | None = None
    named: tuple[str, ...] = ()
