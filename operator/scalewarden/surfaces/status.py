"""Evaluation → status of an InferenceDeployment, and when it is worth writing. `decisions` is the guard's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scalewarden.judgement.evaluate import AutoscalerJudgement, Evaluation
from scalewarden.model.diagnosis import Diagnosis
from scalewarden.model.duration import rfc3339, unix_seconds
from scalewarden.model.finding import Evidence, Finding, Status
from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.status import (
    AutoscalerStatus,
    DiagnosisStatus,
    EvidenceStatus,
    FenceStatus,
    FindingStatus,
    InferenceDeploymentStatus,
    ReplicaCounts,
    Summary,
)
from scalewarden.signals.freshness import State, replica_state, usable
from scalewarden.surfaces.baseline import baseline_status
from scalewarden.surfaces.conditions import Problem, Stamp, Trouble, of_evaluation, of_problem
from scalewarden.surfaces.regret import regret_status

REFRESH = 60.0
"""Seconds between two writes where only numbers moved; readers take a status for old after a few of these."""
MOST_EVIDENCE = 8
"""Numbers kept of one finding: enough to see it, little enough for an object of a large fleet."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """What a status needs besides the evaluation.

    note is added to Ready's message; trouble says what is wrong with the reading of metrics; fence is the entry that
    admission enforces for this service, None where it refuses nothing; key is `<namespace>/<name>`.
    """

    stamp: Stamp
    note: str = ""
    trouble: Trouble = Trouble()
    fence: Object | None = None
    key: str = ""


def status_of(evaluation: Evaluation, context: Context) -> InferenceDeploymentStatus:
    """The status of a service that was judged; numbers are rounded so that noise does not rewrite it."""
    snapshot, stamp = evaluation.snapshot, context.stamp
    return InferenceDeploymentStatus(
        observed_generation=stamp.generation,
        last_evaluation_time=rfc3339(stamp.now),
        target=snapshot.target.key,
        replicas=_counts(snapshot),
        summary=_summary(snapshot),
        diagnosis=_diagnosis(evaluation.diagnosis),
        safe_replicas=evaluation.verdict.safe_replicas,
        binding_test=evaluation.verdict.binding_test,
        fence=_fence(context),
        findings=_findings(finding for finding in evaluation.findings if finding.autoscaler is None),
        autoscalers=tuple(_autoscaler(judged) for judged in evaluation.autoscalers),
        regret=regret_status(evaluation.history.regret) if evaluation.history.regret else None,
        baseline=baseline_status(evaluation.learned, snapshot.at, snapshot.thresholds),
        conditions=stamp.all(*of_evaluation(evaluation, context.note, context.trouble)),
    )


def status_without(problem: Problem, context: Context) -> InferenceDeploymentStatus:
    """The status of a service that could not be judged: the last good one, with conditions that say why."""
    stamp = context.stamp
    return stamp.before.model_copy(
        update={
            "observed_generation": stamp.generation,
            "last_evaluation_time": rfc3339(stamp.now),
            "fence": _fence(context),
            "decisions": (),
            "conditions": stamp.all(*of_problem(problem, stamp.before, context.note)),
        }
    )


def is_due(before: InferenceDeploymentStatus, after: InferenceDeploymentStatus, now: float) -> bool:
    """True where something that matters changed, or the last write is a minute ago (`now` in unix seconds)."""
    return _essence(before) != _essence(after) or now - _written(before) >= REFRESH


def to_object(status: InferenceDeploymentStatus) -> Object:
    """As it is applied: without what belongs to the guard, and without empty objects, of which apply makes nulls."""
    dumped = status.model_dump(by_alias=True, mode="json", exclude_none=True, exclude={"decisions"})
    filled: Object = _without_empty(dumped)
    return filled


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_empty(inner) for key, inner in value.items() if inner not in ({}, [])}
    return [_without_empty(inner) for inner in value] if isinstance(value, list) else value


def _written(status: InferenceDeploymentStatus) -> float:
    try:
        return unix_seconds(status.last_evaluation_time or "")
    except ValueError:
        return 0.0


def _essence(status: InferenceDeploymentStatus) -> tuple[object, ...]:
    """What is told at once; everything else may wait for the next refresh."""
    diagnosis, fence = status.diagnosis, status.fence
    return (
        status.observed_generation,
        status.target,
        status.replicas,
        status.safe_replicas,
        status.binding_test,
        diagnosis and diagnosis.regime,
        fence and fence.model_copy(update={"expires_at": None}),
        status.regret,
        frozenset((finding.rule, finding.status, finding.severity) for finding in status.findings),
        frozenset((one.kind, one.name, one.status) for one in status.autoscalers),
        tuple((condition.type, condition.status, condition.reason) for condition in status.conditions),
    )


def _counts(snapshot: Snapshot) -> ReplicaCounts:
    fresh = sum(replica_state(replica, snapshot) is State.FRESH for replica in snapshot.ready)
    return ReplicaCounts(desired=snapshot.replicas_desired, ready=len(snapshot.ready), fresh=fresh)


def _summary(snapshot: Snapshot) -> Summary:
    usage = _values(snapshot, SignalName.KV_USAGE)
    waiting = _values(snapshot, SignalName.WAITING)
    tokens = snapshot.signal(SignalName.GEN_TPS)
    return Summary(
        kv_usage=round(max(usage), 2) if usage else None,
        waiting=round(sum(waiting)) if waiting else None,
        tokens_per_second=significant(tokens.value, 2) if isinstance(tokens, Reading) else None,
    )


def _values(snapshot: Snapshot, name: SignalName) -> list[float]:
    """Of the ready replicas that have it; a replica without it adds nothing."""
    found = (usable(replica.signal(name), snapshot) for replica in snapshot.ready)
    return [reading.value for reading in found if reading is not None]


def significant(value: float, digits: int) -> float:
    """The value to so many significant digits."""
    return float(f"{value:.{digits}g}")


def _diagnosis(diagnosis: Diagnosis) -> DiagnosisStatus:
    return DiagnosisStatus(
        regime=diagnosis.regime,
        confidence=diagnosis.confidence,
        summary=diagnosis.summary,
        advice=diagnosis.advice or None,
        since=rfc3339(diagnosis.since),
    )


def _fence(context: Context) -> FenceStatus | None:
    """With the way out, so that `kubectl describe`, which a refusal names, shows it beside the reason."""
    if not context.fence:
        return None
    namespace, _, name = context.key.rpartition("/")
    command = f"scalewarden release {name} -n {namespace} --reason WHY --for 1h" if name else None
    return FenceStatus.model_validate(context.fence).model_copy(update={"way_out": command})


def _findings(findings: Iterable[Finding]) -> tuple[FindingStatus, ...]:
    """Those that fired or could not speak."""
    return tuple(_finding(finding) for finding in findings if finding.status is not Status.CLEAR)


def _finding(finding: Finding) -> FindingStatus:
    return FindingStatus(
        rule=finding.rule,
        name=finding.name,
        status=finding.status,
        severity=finding.severity,
        message=finding.message,
        evidence=_evidence(finding.evidence),
    )


def _evidence(evidence: Sequence[Evidence]) -> tuple[EvidenceStatus, ...]:
    return tuple(
        EvidenceStatus(
            signal=one.signal,
            replica=one.replica,
            value=significant(one.value, 3),
            unit=one.unit,
            threshold=one.threshold,
            source=one.source or None,
        )
        for one in evidence[:MOST_EVIDENCE]
    )


def _autoscaler(judged: AutoscalerJudgement) -> AutoscalerStatus:
    return AutoscalerStatus(
        kind=judged.kind, name=judged.name, status=judged.status, findings=_findings(judged.findings)
    )
