"""What the rules about autoscalers say of one that is written: warned about, or refused where enforced."""

from dataclasses import replace

from scalewarden.judgement.evaluate import judge_autoscaler
from scalewarden.model.autoscaler import Autoscaler, Pause
from scalewarden.model.finding import Finding, Severity
from scalewarden.model.policy import Mode
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision
from scalewarden.model.workload import Workload
from scalewarden.rules.autoscaler.no_scale_down_behavior import RULE as NO_BEHAVIOR
from scalewarden.rules.autoscalers import label
from scalewarden.rules.catalogue import RULES
from scalewarden.rules.pace import loosened
from scalewarden.surfaces.admission_edit import Edit, Remark
from scalewarden.surfaces.admission_record import Outcome, Record
from scalewarden.surfaces.refusal import evidence, one_line

USES_GPUS = Workload(gpu_resource="nvidia.com/gpu")
"""Autoscalers are answered for targets that use GPUs only; which ones does not matter to the rules."""
REMEDIES = {rule.code: rule.remedy for rule, _ in RULES}


def remarks(edit: Edit) -> tuple[Remark, ...]:
    """At most one, with a text a finding.

    An edit that leaves the metrics as they were is never refused: raising maxReplicas in an incident must work.
    """
    autoscaler, state = edit.after, edit.state
    if autoscaler is None or not edit.changes_spec:
        return ()
    entry = state.answer_to_autoscalers(edit.request.namespace, autoscaler.target_kind, autoscaler.target_name)
    mode = Mode(entry.mode).capped(state.max_mode) if entry else Mode.OBSERVE
    findings = _unsound(edit, autoscaler) if mode is not Mode.OBSERVE else ()
    if not findings:
        return ()
    enforced = mode is Mode.ENFORCE and not edit.guarded.glass_broken(edit.now)
    changed = edit.before is None or _what_it_reads(edit.before) != _what_it_reads(autoscaler)
    refused = enforced and changed and any(finding.severity is Severity.ERROR for finding in findings)
    texts = tuple(_text(finding, edit.guarded.owner) for finding in findings)
    return (Remark(texts, _record(edit, findings[0], texts[0], refused), refused),)


def _what_it_reads(autoscaler: Autoscaler) -> tuple[object, ...]:
    return tuple((metric.source, metric.name, metric.query, metric.said) for metric in autoscaler.metrics)


def _unsound(edit: Edit, autoscaler: Autoscaler) -> tuple[Finding, ...]:
    """What the rules about autoscalers find, errors first; information warns nobody. A paused one is judged as it
    will act: resuming it changes nothing that it reads, and is not refused."""
    guarded, awake = edit.guarded, replace(autoscaler, paused=None)
    snapshot = Snapshot(guarded.ref.name, guarded.ref.namespace, edit.now, guarded.target, 0, workload=USES_GPUS)
    found = [finding for finding in judge_autoscaler(snapshot, awake).findings if finding.accuses]
    faster = _faster(edit, autoscaler)
    if faster is not None:
        found = [*(finding for finding in found if finding.rule != NO_BEHAVIOR.code), faster]
    return tuple(sorted(found, key=lambda finding: finding.severity is not Severity.ERROR))


def _faster(edit: Edit, after: Autoscaler) -> Finding | None:
    """A scale-down behavior that was taken away or loosened, whatever the rule says of what is left of it."""
    before, held = edit.before, after.paused in (Pause.ALL, Pause.SCALE_DOWN)
    if before is None or held or after.ignore_reason is not None or after.max_replicas is None:
        return None
    what = loosened(before.scale_down, after.scale_down, after.max_replicas)
    name = label(after)
    return NO_BEHAVIOR.fired(f"{name} {what}", severity=Severity.WARNING, autoscaler=name) if what else None


def _text(finding: Finding, owner: str) -> str:
    return one_line(f"Scalewarden: {finding.rule}: {finding.message}. {REMEDIES[finding.rule]} {evidence(owner)}")


def _record(edit: Edit, finding: Finding, text: str, refused: bool) -> Record:
    request, said = edit.request, "refused" if refused else "warned"
    return Record(
        outcome=Outcome.UNSOUND,
        service=edit.guarded.ref,
        about=(edit.ref,),
        note=edit.note(f", {said}", text),
        key=f"{request.user} {request.operation.lower()} {finding.rule} {said}",
        path=request.path,
        verdict=Decision.DENY if refused else Decision.ALLOW,
        reason=finding.rule,
    )
