"""Bounds of an autoscaler that are lowered.

A maximum (or a count that KEDA is paused at) below the replicas that there are is a decrease in effect: the HPA
controller goes down to it at once, past any behavior. It is answered as that decrease would be. A minimum below the
safe count lets the autoscaler go there later, and is only warned about.
"""

from collections.abc import Iterator

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.duration import rfc3339
from scalewarden.model.fence import FenceEntry
from scalewarden.model.intent import Intent
from scalewarden.model.policy import Mode
from scalewarden.model.status import DecisionStatus
from scalewarden.model.verdict import Decision
from scalewarden.rules.autoscalers import label
from scalewarden.surfaces.admission_edit import Edit, Remark
from scalewarden.surfaces.admission_record import Outcome, Record
from scalewarden.surfaces.admission_scale import Ruling, actor_of, entry_of, reason_of, rule
from scalewarden.surfaces.bounds import Bound, keeps_what_it_has, lowered_ceiling, lowered_floors
from scalewarden.surfaces.refusal import refusal_text

REFUSED = {Outcome.REFUSED, Outcome.HELD, Outcome.TRIMMED}
SAID = {Outcome.WARNED: "warned", Outcome.BREAK_GLASS: "passed"}


def remarks(edit: Edit) -> Iterator[Remark]:
    """What there is to say about bounds that are lower than before; nothing about what is raised."""
    if edit.after is None:
        return
    entry = entry_of(edit.guarded, edit.state)
    known = max(edit.guarded.safe_count(edit.now) or 0, entry.replicas if entry else 0, _second(entry))
    top = lowered_ceiling(edit.before, edit.after)
    if top is not None and top.count < known:
        yield from _decrease(edit, top, entry)
    if edit.before is not None and not keeps_what_it_has(edit.after):
        for bottom in lowered_floors(edit.before, edit.after):
            if bottom.count < known:
                yield from _room_below(edit, edit.after, bottom, known, entry)


def _second(entry: FenceEntry | None) -> int:
    return entry.autoscaler_replicas if entry else 0


def _decrease(edit: Edit, top: Bound, entry: FenceEntry | None) -> Iterator[Remark]:
    """As a decrease to that count by whoever writes; not where so few replicas run already, unless it is fenced."""
    guarded, request = edit.guarded, edit.request
    there = top.was if guarded.judged_replicas is None else guarded.judged_replicas
    intent = Intent(
        top.count + 1 if there is None else there,
        top.count,
        actor_of(request, edit.state),
        request.path,
        request.user,
        request.dry_run,
    )
    ruling = rule(intent, guarded, entry, edit.state.max_mode, edit.now)
    if ruling is None or ruling.outcome is Outcome.ALLOWED:
        return
    refuses = ruling.outcome in REFUSED
    if refuses or intent.is_decrease:
        texts = () if ruling.outcome is Outcome.BREAK_GLASS else (ruling.text,)
        yield Remark(texts, _record(edit, top, ruling, intent), refuses)


def _record(edit: Edit, top: Bound, ruling: Ruling, intent: Intent) -> Record:
    request, guarded = edit.request, edit.guarded
    refused = Outcome.REFUSED if ruling.verdict is Decision.DENY else Outcome.HELD
    said = SAID.get(ruling.outcome, "refused")
    decision = DecisionStatus(
        time=rfc3339(edit.now),
        actor=request.user,
        path=request.path,
        from_=guarded.judged_replicas if intent.is_decrease else None,
        to=top.count,
        verdict=ruling.verdict,
        reason=ruling.reason,
    )
    return Record(
        outcome=refused if ruling.outcome in REFUSED else ruling.outcome,
        service=guarded.ref,
        about=(edit.ref,),
        note=edit.note(f" {top.change}, {said}", ruling.text),
        key=f"{request.user} {top.change} {ruling.reason}",
        path=request.path,
        verdict=ruling.verdict,
        reason=ruling.reason,
        decision=decision,
        loud=guarded.policy.mode.capped(edit.state.max_mode) is not Mode.OBSERVE,
    )


def _room_below(edit: Edit, after: Autoscaler, bottom: Bound, known: int, entry: FenceEntry | None) -> Iterator[Remark]:
    guarded, request = edit.guarded, edit.request
    if guarded.policy.mode.capped(edit.state.max_mode) is Mode.OBSERVE or guarded.glass_broken(edit.now):
        return
    reason = reason_of(guarded, entry)
    lets = f"{bottom.field} {bottom.count} lets {label(after)} go below what is safe"
    text = refusal_text(reason, known, guarded.owner, lets)
    yield Remark(
        (text,),
        Record(
            outcome=Outcome.UNSOUND,
            service=guarded.ref,
            about=(edit.ref,),
            note=edit.note(f" {bottom.change}, warned", text),
            key=f"{request.user} {bottom.change} {reason}",
            path=request.path,
            verdict=Decision.ALLOW,
            reason=reason,
        ),
    )
