"""A request that makes, changes or deletes an autoscaler of a described target: what it reads and its bounds."""

from collections.abc import Iterator

from scalewarden.model.policy import Mode
from scalewarden.rules.autoscalers import label
from scalewarden.surfaces import admission_bounds, admission_edit, admission_unsound
from scalewarden.surfaces import admission_review as review
from scalewarden.surfaces.admission_edit import Edit, Remark
from scalewarden.surfaces.admission_record import Record
from scalewarden.surfaces.admission_review import Request, Response
from scalewarden.surfaces.admission_state import GuardState
from scalewarden.surfaces.refusal import evidence, one_line


def answer(request: Request, state: GuardState, now: float) -> tuple[Response, tuple[Record, ...]]:
    """The first refusal, else every warning. A deletion is never refused."""
    edit = admission_edit.read(request, state, now)
    remarks = tuple(_remarks(edit)) if edit else ()
    refusals = tuple(remark for remark in remarks if remark.refuses)
    told = tuple(remark.record for remark in refusals or remarks if remark.record)
    if refusals:
        return review.refused(request.uid, refusals[0].texts[0]), told
    return review.allowed(request.uid, [text for remark in remarks for text in remark.texts]), told


def _remarks(edit: Edit) -> Iterator[Remark]:
    if edit.after is None:
        yield from _deleted(edit)
        return
    yield from admission_unsound.remarks(edit)
    yield from admission_bounds.remarks(edit)


def _deleted(edit: Edit) -> Iterator[Remark]:
    """Warned about where it was the last one; its HPA goes with a ScaledObject, and no event outlives either."""
    gone, guarded, state = edit.before, edit.guarded, edit.state
    if gone is None or guarded.policy.mode.capped(state.max_mode) is Mode.OBSERVE:
        return
    known = {(ref.kind, ref.name) for ref in state.autoscalers.of(edit.request.namespace, guarded.target)}
    if known - {(gone.kind, edit.request.name), ("HorizontalPodAutoscaler", gone.hpa)}:
        return
    what = f"without {label(gone)} no autoscaler is left to add replicas to {guarded.target.key} when its load grows"
    yield Remark((one_line(f"Scalewarden: {what}. {evidence(guarded.owner)}"),))
