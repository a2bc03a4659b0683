"""An evaluation as the JSON document of `scalewarden evaluate -o json`."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from scalewarden.judgement.evaluate import Evaluation
from scalewarden.model.diagnosis import Diagnosis
from scalewarden.model.duration import rfc3339
from scalewarden.model.finding import Evidence, Finding
from scalewarden.model.signal import Reading, Signal, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Prediction, Verdict
from scalewarden.model.workload import Replica
from scalewarden.signals.freshness import State, age, replica_state
from scalewarden.surfaces.evaluation_json_models import (
    DiagnosisDocument,
    EvaluationDocument,
    EvidenceDocument,
    FindingDocument,
    IntentDocument,
    PredictionDocument,
    ReplicaCounts,
    SignalDocument,
    UncertaintyDocument,
    VerdictDocument,
)

SERVICE = "service"
"""Scope of signals that belong to no single replica."""

Scoped = tuple[str, Mapping[SignalName, Signal]]


def document(evaluation: Evaluation) -> EvaluationDocument:
    """The document of an evaluation."""
    snapshot = evaluation.snapshot
    return EvaluationDocument(
        inference_deployment=snapshot.key,
        at=rfc3339(snapshot.at),
        replicas=_counts(snapshot),
        diagnosis=_diagnosis(evaluation.diagnosis),
        findings=[_finding(finding) for finding in evaluation.findings],
        intent=_intent(snapshot),
        verdict=verdict_of(evaluation.verdict),
        signals=list(_signals(snapshot)),
    )


def to_json(evaluation: Evaluation) -> str:
    """The document as indented JSON text."""
    return document(evaluation).model_dump_json(by_alias=True, indent=2)


def _diagnosis(diagnosis: Diagnosis) -> DiagnosisDocument:
    return DiagnosisDocument(
        regime=diagnosis.regime,
        confidence=diagnosis.confidence,
        summary=diagnosis.summary,
        advice=diagnosis.advice,
        since=rfc3339(diagnosis.since),
        evidence_for=[_evidence(one) for one in diagnosis.evidence_for],
        evidence_against=[_evidence(one) for one in diagnosis.evidence_against],
    )


def _counts(snapshot: Snapshot) -> ReplicaCounts:
    fresh = sum(replica_state(replica, snapshot) is State.FRESH for replica in snapshot.ready)
    return ReplicaCounts(desired=snapshot.replicas_desired, ready=len(snapshot.ready), fresh=fresh)


def _finding(finding: Finding) -> FindingDocument:
    return FindingDocument(
        rule=finding.rule,
        name=finding.name,
        status=finding.status,
        misinterpretation=list(finding.misinterpretations),
        message=finding.message,
        evidence=[_evidence(evidence) for evidence in finding.evidence],
    )


def _evidence(evidence: Evidence) -> EvidenceDocument:
    return EvidenceDocument(
        signal=evidence.signal,
        replica=evidence.replica,
        value=rounded(evidence.value),
        unit=evidence.unit,
        threshold=_rounded(evidence.threshold),
        source=evidence.source,
    )


def _intent(snapshot: Snapshot) -> IntentDocument:
    if snapshot.intent is None:
        raise ValueError("an evaluation always carries the intent that it judged")
    return IntentDocument(from_=snapshot.intent.from_, to=snapshot.intent.to, actor=snapshot.intent.actor)


def verdict_of(verdict: Verdict) -> VerdictDocument:
    """The answer as JSON tells it."""
    return VerdictDocument(
        decision=verdict.decision,
        reason=verdict.reason,
        binding_test=verdict.binding_test,
        message=verdict.message,
        safe_replicas=verdict.safe_replicas,
        predicted=prediction_of(verdict.predicted),
    )


def prediction_of(predicted: Prediction) -> PredictionDocument:
    """The predicted numbers with their ranges."""
    return PredictionDocument(
        kv_cache_usage=_rounded(predicted.kv_cache_usage),
        waiting_per_replica=_rounded(predicted.waiting_per_replica),
        concurrency=_rounded(predicted.concurrency),
        throughput=_rounded(predicted.throughput),
        inter_token_latency=_rounded(predicted.inter_token_latency),
        time_to_first_token=_rounded(predicted.time_to_first_token),
        uncertainty=UncertaintyDocument.model_validate(asdict(predicted.uncertainty)),
    )


def _signals(snapshot: Snapshot) -> Iterator[SignalDocument]:
    """Of the service, then of each replica and its GPUs, by name."""
    for scope, signals in scopes(snapshot):
        for name in sorted(signals):
            yield _signal(name, scope, signals[name], snapshot.at)


def scopes(snapshot: Snapshot) -> Iterator[Scoped]:
    """Every scope with its signals: the service, then each replica and its GPUs."""
    yield SERVICE, snapshot.signals
    for replica in snapshot.replicas:
        yield replica.pod, replica.signals
        yield from _gpuscopes(replica)


def _gpuscopes(replica: Replica) -> Iterator[Scoped]:
    for gpu in replica.gpus:
        parts = (replica.pod, gpu.uuid, gpu.gpu_instance)
        yield "/".join(part for part in parts if part), gpu.signals


def _signal(name: str, scope: str, signal: Signal, at: float) -> SignalDocument:
    if isinstance(signal, Reading):
        value, seconds = rounded(signal.value), round(age(signal, at), 3)
        return SignalDocument(name=name, scope=scope, value=value, unit=signal.unit, absent=None, age_seconds=seconds)
    return SignalDocument(name=name, scope=scope, value=None, unit=None, absent=signal.cause, age_seconds=None)


def rounded(value: float) -> float:
    """Six decimals: enough to recompute any verdict, stable across platforms."""
    return round(value, 6)


def _rounded(value: float | None) -> float | None:
    return None if value is None else rounded(value)
