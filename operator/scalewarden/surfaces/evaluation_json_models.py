"""The shape of `scalewarden evaluate -o json`; docs/reference/evaluate.schema.json is generated from it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from scalewarden.model.diagnosis import Confidence, Regime
from scalewarden.model.finding import Misinterpretation, Status
from scalewarden.model.intent import Actor
from scalewarden.model.signal import Unit
from scalewarden.model.verdict import Decision, Reason, Test

Count = Annotated[int, Field(ge=0)]


class Document(BaseModel):
    """camelCase outside, and nothing beyond what is named."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class ReplicaCounts(Document):
    """desired is the target's spec.replicas; fresh counts the ready ones whose required signals are fresh."""

    desired: Count
    ready: Count
    fresh: Count


class EvidenceDocument(Document):
    """One number and the line it is held against; replica is null for the service."""

    signal: str
    replica: str | None
    value: float
    unit: Unit
    threshold: float | None
    source: str


class DiagnosisDocument(Document):
    """What bounds the service, what to do about it, and what speaks for and against it. since: first seen without a
    break."""

    regime: Regime
    confidence: Confidence
    summary: str
    advice: str
    since: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    evidence_for: list[EvidenceDocument]
    evidence_against: list[EvidenceDocument]


class FindingDocument(Document):
    """One rule's answer."""

    rule: str
    name: str
    status: Status
    misinterpretation: list[Misinterpretation]
    message: str
    evidence: list[EvidenceDocument]


class IntentDocument(Document):
    """The change that was judged."""

    from_: Count = Field(alias="from")
    to: Count
    actor: Actor


Bounds = tuple[float, float]


class UncertaintyDocument(Document):
    """Between what each prediction lies, [low, high] in its own unit; null where nothing is known of its spread."""

    kv_cache_usage: Bounds | None
    waiting_per_replica: Bounds | None
    concurrency: Bounds | None
    throughput: Bounds | None
    inter_token_latency: Bounds | None
    time_to_first_token: Bounds | None


class PredictionDocument(Document):
    """What the replicas that stay would carry; null where it could not be predicted. Latencies: p95 (s)."""

    kv_cache_usage: float | None
    waiting_per_replica: float | None
    concurrency: float | None
    throughput: float | None
    inter_token_latency: float | None
    time_to_first_token: float | None
    uncertainty: UncertaintyDocument


class VerdictDocument(Document):
    """The answer; bindingTest is null where no test decided."""

    decision: Decision
    reason: Reason
    binding_test: Test | None
    message: str
    safe_replicas: Count
    predicted: PredictionDocument


class SignalDocument(Document):
    """One signal: a value with its unit and age, or the cause of its absence. scope is a pod, pod/GPU or `service`."""

    name: str
    scope: str
    value: float | None
    unit: Unit | None
    absent: str | None
    age_seconds: float | None = Field(alias="age_seconds")


class EvaluationDocument(Document):
    """Everything that was found about one InferenceDeployment at one instant."""

    inference_deployment: str
    at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    replicas: ReplicaCounts
    diagnosis: DiagnosisDocument
    findings: list[FindingDocument]
    intent: IntentDocument
    verdict: VerdictDocument
    signals: list[SignalDocument]
