"""The status of a live InferenceDeployment as the chain that a person reads."""

from collections.abc import Iterator

from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.duration import rfc3339, unix_seconds
from scalewarden.model.policy import Mode
from scalewarden.model.status import EvidenceStatus, FindingStatus, InferenceDeploymentStatus
from scalewarden.surfaces.baseline import learned_of
from scalewarden.surfaces.baseline_text import learned_text
from scalewarden.surfaces.explain_text import ABSENT, Chain, Grid, Line, keep, merged, number
from scalewarden.surfaces.regret import regret_text

STALE = 180.0
"""An evaluation older than this (s) is called old: the operator refreshes the status at least once a minute."""

_ANSWERS = {Mode.ENFORCE: "Refused", Mode.WARN: "Warned about", Mode.OBSERVE: "Recorded, not refused"}
_WORDS = {"True": "Allow", "False": "Refused", "Unknown": "Unknown"}


def chain_of(found: InferenceDeployment, now: float, *, long: bool = False) -> Chain:
    """What the screen shows of a live object; long: every rule and every number as well. `now` is unix seconds, to tell
    an old evaluation."""
    status = found.status
    return Chain(
        title=found.key,
        context=_context(found),
        measured=_measured(status),
        measured_notes=tuple(_notes(found, now)),
        meaning=_meaning(status),
        findings=merged(line for line in _findings(status) if long or line.status != "Unknown"),
        finding_notes=() if long else tuple(_silent(status)),
        question=_question(found),
        verdict=_verdict(status),
        test_notes=tuple(_fence(found)),
        history=tuple(_decisions(status)),
        to_do=tuple(_to_do(status)),
        numbers=(("What the findings rest on", _evidence(status)),) if long else (),
    )


def _context(found: InferenceDeployment) -> str:
    target, counts = found.spec.target_ref, found.status.replicas
    replicas = f", {_count(counts.ready)} of {_count(counts.desired)} replicas ready" if counts else ""
    return f"{target.kind}/{target.name}{replicas}, mode {found.policy.mode}"


def _count(value: int | None) -> str:
    return ABSENT if value is None else str(value)


def _measured(status: InferenceDeploymentStatus) -> Grid:
    """The numbers behind the findings; the summary's where no finding speaks."""
    evidence = [one for finding in _all_findings(status) for one in finding.evidence]
    rows = dict.fromkeys(_evidence_row(one) for one in evidence)
    return Grid(("signal", "of", "value", "line", "unit"), (*_summary_rows(status), *rows))


def _summary_rows(status: InferenceDeploymentStatus) -> Iterator[tuple[str, ...]]:
    if status.summary is None:
        return
    for name, value, unit in (
        ("KV usage, worst replica", status.summary.kv_usage, "fraction"),
        ("waiting", status.summary.waiting, "requests"),
        ("tokens generated", status.summary.tokens_per_second, "tokens/s"),
    ):
        yield name, "service", number(value), "", unit


def _evidence_row(evidence: EvidenceStatus) -> tuple[str, ...]:
    line = "" if evidence.threshold is None else number(evidence.threshold)
    return evidence.signal, evidence.replica or "service", number(evidence.value), line, evidence.unit or ""


def _silent(status: InferenceDeploymentStatus) -> Iterator[str]:
    unknown = dict.fromkeys(one.rule for one in _all_findings(status) if one.status == "Unknown")
    if unknown:
        yield f"Could not speak: {', '.join(unknown)} (--long says why)"


def _evidence(status: InferenceDeploymentStatus) -> Grid:
    """Every number with where it was read."""
    rows = (
        (one.signal, finding.rule, *_evidence_row(one)[1:], one.source or "")
        for finding in _all_findings(status)
        for one in finding.evidence
    )
    return Grid(("number", "by", "of", "value", "line", "unit", "source"), tuple(dict.fromkeys(rows)), ragged=True)


def _all_findings(status: InferenceDeploymentStatus) -> Iterator[FindingStatus]:
    yield from status.findings
    for autoscaler in status.autoscalers:
        yield from autoscaler.findings


def _notes(found: InferenceDeployment, now: float) -> Iterator[str]:
    evaluated = found.status.last_evaluation_time
    if evaluated is not None:
        seconds = now - unix_seconds(evaluated)
        old = ": it is old, look whether the operator runs" if seconds > STALE else ""
        yield f"Last written {_ago(seconds)}{old}"
    fresh = found.status.condition("SignalsFresh")
    if fresh is not None and fresh.status != "True":
        yield f"Signals are not fresh: {fresh.message}"
    ready = found.status.condition("Ready")
    if ready is not None and ready.status != "True":
        yield f"Not ready, {ready.reason}: {ready.message}"
    learned = learned_text(learned_of(found.status.baseline, now), now, found.spec.to_thresholds())
    if learned:
        yield learned
    until = found.policy.break_glass_until
    if until is not None and until > now:
        yield f"Glass is broken until {rfc3339(until)}, nothing is refused: {found.policy.break_glass_reason}"
    if found.break_glass_problem is not None:
        yield f"No glass is broken: {found.break_glass_problem} ({found.break_glass_problem.hint})"


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s ago"
    hours = seconds / 3600
    return (
        f"{seconds / 60:.0f} min ago"
        if hours < 2
        else f"{hours:.0f} h ago"
        if hours < 48
        else f"{hours / 24:.0f} d ago"
    )


def _meaning(status: InferenceDeploymentStatus) -> Line:
    diagnosis = status.diagnosis
    if diagnosis is None:
        return Line("Indeterminate", "", "no diagnosis was made")
    since = f" since {diagnosis.since}" if diagnosis.since else ""
    return Line(diagnosis.regime, f"confidence {diagnosis.confidence or ABSENT}{since}", diagnosis.summary or "")


def _findings(status: InferenceDeploymentStatus) -> Iterator[Line]:
    for finding in status.findings:
        yield _finding(finding, "")
    for autoscaler in status.autoscalers:
        for finding in autoscaler.findings:
            yield _finding(finding, f" on {autoscaler.kind}/{autoscaler.name}")


def _finding(finding: FindingStatus, where: str) -> Line:
    return Line(finding.status, f"{finding.rule} {finding.name or ''}{where}", finding.message or "")


def _question(found: InferenceDeployment) -> str:
    counts = found.status.replicas
    if counts is None or counts.desired is None:
        return "a removal of replicas"
    return f"fewer than {counts.desired} replicas"


def _verdict(status: InferenceDeploymentStatus) -> Line:
    condition = status.condition("ScaleDownSafe")
    if condition is None:
        return Line("Unknown", "", "the operator has not judged a removal yet")
    return Line(_WORDS.get(condition.status, condition.status), condition.reason, condition.message)


def _fence(found: InferenceDeployment) -> Iterator[str]:
    status = found.status
    if status.safe_replicas is not None:
        binds = f"; {status.binding_test} binds" if status.binding_test else ""
        yield f"Safe count: {status.safe_replicas}{binds}"
    fence = status.fence
    if fence is None:
        yield "Nothing is refused now."
        return
    until = f" until {fence.expires_at} unless renewed" if fence.expires_at else ""
    autoscalers = fence.replicas if fence.autoscaler_replicas is None else fence.autoscaler_replicas
    answer = _ANSWERS[found.policy.mode]
    yield f"{answer}{until}: everybody below {fence.replicas}, autoscalers below {autoscalers}."
    if became := regret_text(status.regret):
        yield became


def _decisions(status: InferenceDeploymentStatus) -> Iterator[Line]:
    for decision in status.decisions[-3:]:
        change = f"{_count(decision.from_)} → {_count(decision.to)} by {decision.actor or 'somebody'}"
        yield Line(decision.verdict or "Unknown", change, f"{decision.reason or ''} {decision.time}".strip())


def _to_do(status: InferenceDeploymentStatus) -> Iterator[str]:
    """Which count to keep, what the diagnosis advises, and where the remedies stand."""
    unsafe, counts = status.condition("ScaleDownSafe"), status.replicas
    if (
        unsafe is not None
        and unsafe.status != "True"
        and status.safe_replicas is not None
        and counts
        and counts.desired
    ):
        yield keep(status.safe_replicas, counts.desired)
    if status.diagnosis is not None and status.diagnosis.advice:
        yield status.diagnosis.advice
    fired = sorted({finding.rule for finding in _all_findings(status) if finding.status == "Fired"})
    if fired:
        yield "Remedies: " + ", ".join(f"`scalewarden rules {code}`" for code in fired)
    if not fired and (status.diagnosis is None or not status.diagnosis.advice):
        yield "Nothing."
