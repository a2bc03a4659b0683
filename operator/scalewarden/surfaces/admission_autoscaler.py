"""A request that makes or changes an autoscaler of a described GPU workload: judged by the rules, warned or refused."""

from dataclasses import replace

from scalewarden.judgement.evaluate import judge_autoscaler
from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.fence import AutoscalingEntry
from scalewarden.model.finding import Finding, Severity
from scalewarden.model.policy import Mode
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision
from scalewarden.model.workload import Workload
from scalewarden.rules.catalogue import RULES
from scalewarden.surfaces import admission_review as review
from scalewarden.surfaces.admission_record import Outcome, Record
from scalewarden.surfaces.admission_review import Request, Response
from scalewarden.surfaces.admission_state import Guarded, GuardState, Ref
from scalewarden.surfaces.refusal import evidence, one_line

USES_GPUS = Workload(gpu_resource="nvidia.com/gpu")
"""The ScaleFence lists only targets that use GPUs; which ones does not matter to the rules about autoscalers."""
REMEDIES = {rule.code: rule.remedy for rule, _ in RULES}


def answer(request: Request, state: GuardState, now: float) -> tuple[Response, tuple[Record, ...]]:
    """Refuse what scales on nothing but CPU or memory where the owner enforces it, else warn."""
    read = state.readers.get(str(request.obj.get("kind") or ""))
    if read is None or request.operation not in {"CREATE", "UPDATE"} or _is_kedas(request):
        return review.allowed(request.uid), ()
    autoscaler = read(request.obj)
    kind, name = autoscaler.target_kind, autoscaler.target_name
    entry = state.answer_to_autoscalers(request.namespace, kind, name)
    guarded = state.described.get((request.namespace, entry.owner)) if entry else None
    if entry is None or guarded is None or Mode(entry.mode).capped(state.max_mode) is Mode.OBSERVE:
        return review.allowed(request.uid), ()
    findings = _unsound(autoscaler, guarded, now)
    if not findings:
        return review.allowed(request.uid), ()
    return _respond(request, read(request.old), autoscaler, guarded, entry, findings, state, now)


def _respond(
    request: Request,
    before: Autoscaler,
    autoscaler: Autoscaler,
    guarded: Guarded,
    entry: AutoscalingEntry,
    findings: tuple[Finding, ...],
    state: GuardState,
    now: float,
) -> tuple[Response, tuple[Record, ...]]:
    """An edit that leaves the metrics as they were is never refused: raising maxReplicas in an incident must work."""
    enforced = Mode(entry.mode).capped(state.max_mode) is Mode.ENFORCE and not guarded.glass_broken(now)
    changed = _what_it_reads(before) != _what_it_reads(autoscaler)
    refused = enforced and changed and any(finding.severity is Severity.ERROR for finding in findings)
    texts = [_text(finding, guarded) for finding in findings]
    response = review.refused(request.uid, texts[0]) if refused else review.allowed(request.uid, texts)
    return response, (_record(request, guarded, findings[0], texts[0], refused),)


def _what_it_reads(autoscaler: Autoscaler) -> tuple[object, ...]:
    sources = tuple((metric.source, metric.name, metric.query, metric.said) for metric in autoscaler.metrics)
    return autoscaler.target_kind, autoscaler.target_name, sources


def _unsound(autoscaler: Autoscaler, guarded: Guarded, now: float) -> tuple[Finding, ...]:
    """What the rules about autoscalers find, errors first; information warns nobody. A paused one is judged as it
    will act: resuming it changes nothing that it reads, and is not refused."""
    autoscaler = replace(autoscaler, paused=None)
    snapshot = Snapshot(guarded.ref.name, guarded.ref.namespace, now, guarded.target, 0, workload=USES_GPUS)
    found = judge_autoscaler(snapshot, autoscaler).findings
    fired = [finding for finding in found if finding.accuses]
    return tuple(sorted(fired, key=lambda finding: finding.severity is not Severity.ERROR))


def _text(finding: Finding, guarded: Guarded) -> str:
    remedy = REMEDIES[finding.rule]
    return one_line(f"Scalewarden: {finding.rule}: {finding.message}. {remedy} {evidence(guarded.owner)}")


def _is_kedas(request: Request) -> bool:
    """KEDA makes an HPA for each ScaledObject: the ScaledObject is judged, its HPA follows."""
    owners = review.metadata(request.obj).get("ownerReferences")
    return any(owner.get("kind") == "ScaledObject" for owner in review.mappings(owners))


def _record(request: Request, guarded: Guarded, finding: Finding, text: str, refused: bool) -> Record:
    obj, verb = request.obj, "create" if request.operation == "CREATE" else "update"
    uid = str(review.metadata(obj).get("uid") or "")
    ref = Ref(str(obj.get("apiVersion") or ""), str(obj.get("kind") or ""), request.namespace, request.name, uid)
    said = "refused" if refused else "warned"
    return Record(
        outcome=Outcome.UNSOUND,
        service=guarded.ref,
        about=(ref,),
        note=one_line(f"{request.user}: {verb} {request.path}/{request.name}, {said}. {text}"),
        key=f"{request.user} {verb} {finding.rule} {said}",
        path=request.path,
        verdict=Decision.DENY if refused else Decision.ALLOW,
        reason=finding.rule,
    )
