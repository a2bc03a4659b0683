"""An InferenceDeployment whose own protection is weakened or taken away: never refused, but said to whoever does it,
and told."""

from scalewarden.errors import BadObject
from scalewarden.model.crd import API_VERSION, KIND, InferenceDeployment
from scalewarden.model.policy import Mode
from scalewarden.model.verdict import Decision
from scalewarden.surfaces import admission_review as review
from scalewarden.surfaces.admission_record import Outcome, Record
from scalewarden.surfaces.admission_review import Object, Request, Response
from scalewarden.surfaces.admission_state import GuardState, Ref
from scalewarden.surfaces.refusal import evidence, one_line
from scalewarden.surfaces.weaker import LOST, weaker

VERBS = {"UPDATE": "update", "DELETE": "delete"}

Answered = tuple[Response, tuple[Record, ...]]


def answer(request: Request, state: GuardState, now: float) -> Answered:
    """A warning that says what is weaker from now on. What cannot be read passes: the API server knows its schema."""
    judges = {"UPDATE": _edited, "DELETE": _deleted}
    judge = judges.get(request.operation)
    if judge is None or not request.old:  # of a whole collection nothing is shown
        return review.allowed(request.uid), ()
    try:
        return judge(request, state)
    except BadObject as error:
        return review.allowed(request.uid, note=one_line(f"not judged: {error}")), ()


def _edited(request: Request, state: GuardState) -> Answered:
    clauses = tuple(weaker(_read(request.old).spec, _read(request.obj).spec, state.max_mode))
    if not clauses:
        return review.allowed(request.uid), ()
    said = f"weaker from now on: {'; '.join(clauses)}"
    text = one_line(f"Scalewarden: {said}. {evidence(f'{request.namespace}/{request.name}')}")
    return review.allowed(request.uid, [text]), (_record(request, said),)


def _deleted(request: Request, state: GuardState) -> Answered:
    """Nothing is lost where nobody was stopped or warned, nor where another one describes the same target."""
    before = _read(request.old)
    mode, reference = before.policy.mode.capped(state.max_mode), before.spec.target_ref
    if mode is Mode.OBSERVE or state.also_described(request.namespace, request.name):
        return review.allowed(request.uid), ()
    said = f"{reference.kind}/{reference.name} is no longer guarded: {LOST[mode]}"
    target = Ref(reference.api_version, reference.kind, request.namespace, reference.name)
    return review.allowed(request.uid, [one_line(f"Scalewarden: {said}")]), (_record(request, said, target),)


def _read(obj: Object) -> InferenceDeployment:
    """Its status may be of a newer operator, and says nothing here."""
    return InferenceDeployment.parse({"metadata": {"name": "-"}, "spec": obj.get("spec")})


def _record(request: Request, said: str, *about: Ref) -> Record:
    uid = str(review.metadata(request.old).get("uid") or "")
    return Record(
        outcome=Outcome.WEAKENED,
        service=Ref(API_VERSION, KIND, request.namespace, request.name, uid),
        about=about,
        note=one_line(f"{request.user}: {VERBS[request.operation]} {request.path}/{request.name}, {said}"),
        key=f"{request.user} {said}",
        path=request.path,
        verdict=Decision.ALLOW,
        reason=Outcome.WEAKENED,
    )
