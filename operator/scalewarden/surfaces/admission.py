"""AdmissionReview in, AdmissionReview out, and what to tell afterwards. Pure: facts come in, the clock comes in.

Only decreases of described targets and unsound autoscalers of described GPU workloads are ever refused or warned
about; whatever else arrives, or cannot be read, passes.
"""

from dataclasses import dataclass

from scalewarden.surfaces import admission_autoscaler, admission_review, admission_scale
from scalewarden.surfaces.admission_record import Record
from scalewarden.surfaces.admission_review import Response
from scalewarden.surfaces.admission_state import GuardState

AUTOSCALERS = {"horizontalpodautoscalers", "scaledobjects"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The review to send back, and what to tell once it is sent; nothing is told about a dry run."""

    review: Response
    records: tuple[Record, ...] = ()


def answer(body: object, state: GuardState, now: float) -> Answer:
    """Judge one review (the parsed JSON body) at `now` (unix seconds). Never raises for what a body holds."""
    request = admission_review.read(body)
    if isinstance(request, str):
        return Answer(admission_review.allowed(_uid(body), note=f"not judged: {request}"))
    judges = admission_autoscaler if request.resource in AUTOSCALERS and not request.subresource else admission_scale
    response, records = judges.answer(request, state, now)
    return Answer(response, () if request.dry_run else records)


def _uid(body: object) -> str:
    request = body.get("request") if isinstance(body, dict) else None
    uid = request.get("uid") if isinstance(request, dict) else None
    return uid if isinstance(uid, str) else ""
