"""An InferenceDeployment whose own protection is weakened: never refused, but said to whoever does it, and told."""

from scalewarden.errors import BadObject
from scalewarden.model.crd import API_VERSION, KIND, InferenceDeployment
from scalewarden.model.verdict import Decision
from scalewarden.surfaces import admission_review as review
from scalewarden.surfaces.admission_record import Outcome, Record
from scalewarden.surfaces.admission_review import Object, Request, Response
from scalewarden.surfaces.admission_state import GuardState, Ref
from scalewarden.surfaces.refusal import evidence, one_line
from scalewarden.surfaces.weaker import weaker


def answer(request: Request, state: GuardState, now: float) -> tuple[Response, tuple[Record, ...]]:
    """A warning that says what is weaker from now on. What cannot be read passes: the API server knows its schema."""
    if request.operation != "UPDATE":
        return review.allowed(request.uid), ()
    try:
        before, after = _read(request.old), _read(request.obj)
    except BadObject as error:
        return review.allowed(request.uid, note=one_line(f"not judged: {error}")), ()
    clauses = tuple(weaker(before.spec, after.spec, state.max_mode))
    if not clauses:
        return review.allowed(request.uid), ()
    said = f"weaker from now on: {'; '.join(clauses)}"
    text = one_line(f"Scalewarden: {said}. {evidence(f'{request.namespace}/{request.name}')}")
    return review.allowed(request.uid, [text]), (_record(request, said),)


def _read(obj: Object) -> InferenceDeployment:
    """Its status may be of a newer operator, and says nothing here."""
    return InferenceDeployment.parse({"metadata": {"name": "-"}, "spec": obj.get("spec")})


def _record(request: Request, said: str) -> Record:
    uid = str(review.metadata(request.old).get("uid") or "")
    return Record(
        outcome=Outcome.WEAKENED,
        service=Ref(API_VERSION, KIND, request.namespace, request.name, uid),
        about=(),
        note=one_line(f"{request.user}: update {request.path}/{request.name}, {said}"),
        key=f"{request.user} {said}",
        path=request.path,
        verdict=Decision.ALLOW,
        reason=Outcome.WEAKENED,
    )
