"""AdmissionReview in, AdmissionReview out, and what to tell afterwards. Pure: facts come in, the clock comes in.

Only decreases of described targets and unsound autoscalers of described GPU workloads are ever refused; of bounds and
of a service's own policy, what is loosened is warned about. Whatever else arrives, or cannot be read, passes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from scalewarden.model.crd import PLURAL
from scalewarden.surfaces import admission_autoscaler, admission_review, admission_scale, admission_service
from scalewarden.surfaces.admission_record import Record
from scalewarden.surfaces.admission_review import Request, Response
from scalewarden.surfaces.admission_state import GuardState

AUTOSCALERS = {"horizontalpodautoscalers", "scaledobjects"}

Judge = Callable[[Request, GuardState, float], tuple[Response, tuple[Record, ...]]]


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
    response, records = _judge(request)(request, state, now)
    return Answer(response, () if request.dry_run else records)


def _judge(request: Request) -> Judge:
    """By what is written; whatever has replicas is a target."""
    if request.subresource:
        return admission_scale.answer
    if request.resource in AUTOSCALERS:
        return admission_autoscaler.answer
    return admission_service.answer if request.resource == PLURAL else admission_scale.answer


def _uid(body: object) -> str:
    request = body.get("request") if isinstance(body, dict) else None
    uid = request.get("uid") if isinstance(request, dict) else None
    return uid if isinstance(uid, str) else ""
