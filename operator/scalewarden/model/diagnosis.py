"""What bounds the service, and how sure we are."""

from dataclasses import dataclass
from enum import StrEnum

from scalewarden.model.finding import Evidence


class Regime(StrEnum):
    """The table of interpretation, first match wins, in this order."""

    INDETERMINATE = "Indeterminate"
    KV_CACHE_BOUND = "KVCacheBound"
    IDLE = "Idle"
    BATCH_LIMITED = "BatchLimited"
    PREFILL_BOUND = "PrefillBound"
    COMMUNICATION_BOUND = "CommunicationBound"
    HOST_BOUND = "HostBound"
    QUEUE_BOUND = "QueueBound"
    COMPUTE_BOUND = "ComputeBound"
    UNDERLOADED = "Underloaded"
    HEALTHY = "Healthy"


class Confidence(StrEnum):
    """By coverage, freshness, span of data, and how far the numbers clear their lines."""

    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The regime, one sentence that says it, what to do, and the evidence for and against.

    since: when it was first seen without a break, in unix seconds.
    """

    regime: Regime
    confidence: Confidence
    summary: str
    advice: str
    evidence_for: tuple[Evidence, ...] = ()
    evidence_against: tuple[Evidence, ...] = ()
    since: float = 0.0
