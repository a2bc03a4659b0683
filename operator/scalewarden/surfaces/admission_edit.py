"""A request about an autoscaler, in the words of the core, and what there is to say about it."""

from dataclasses import dataclass

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.surfaces import admission_review as review
from scalewarden.surfaces.admission_record import Record
from scalewarden.surfaces.admission_review import Request
from scalewarden.surfaces.admission_state import Guarded, GuardState, Ref
from scalewarden.surfaces.refusal import one_line

VERBS = {"CREATE": "create", "UPDATE": "update", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Edit:
    """An autoscaler before and after; guarded is the service whose target it scales (scaled, when it is deleted).

    before is None where it is new or scaled another target, after where it is deleted. now is unix seconds.
    """

    request: Request
    before: Autoscaler | None
    after: Autoscaler | None
    guarded: Guarded
    state: GuardState
    now: float

    @property
    def ref(self) -> Ref:
        """The autoscaler, for events; a PUT need not repeat its uid."""
        obj = self.request.obj or self.request.old
        uid = str(review.metadata(obj).get("uid") or review.metadata(self.request.old).get("uid") or "")
        kind, version = str(obj.get("kind") or ""), str(obj.get("apiVersion") or "")
        return Ref(version, kind, self.request.namespace, self.request.name, uid)

    @property
    def changes_spec(self) -> bool:
        """False where nothing but annotations differs, such as KEDA's pauses."""
        return self.request.obj.get("spec") != self.request.old.get("spec")

    def note(self, what: str, text: str) -> str:
        """Who wrote what, and the answer: `alice: update horizontalpodautoscalers/llama, warned. …`."""
        request = self.request
        return one_line(f"{request.user}: {VERBS[request.operation]} {request.path}/{request.name}{what}. {text}")


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to say: warnings, or a refusal by the first of them; record is what is told afterwards."""

    texts: tuple[str, ...]
    record: Record | None = None
    refuses: bool = False


def read(request: Request, state: GuardState, now: float) -> Edit | None:
    """None where no described target is concerned, or KEDA made the object: its ScaledObject is judged instead."""
    reader = state.readers.get(str((request.obj or request.old).get("kind") or ""))
    if reader is None or request.operation not in VERBS or _is_kedas(request):
        return None
    after = reader(request.obj) if request.obj else None
    before = reader(request.old) if request.old else None
    scaled = after or before
    guarded = scaled and state.service_scaled_by(request.namespace, scaled.target_kind, scaled.target_name)
    if not guarded:
        return None
    guarded = guarded.unjudged if state.operator_silent else guarded
    return Edit(request, before if _same_target(before, after) else None, after, guarded, state, now)


def _same_target(before: Autoscaler | None, after: Autoscaler | None) -> bool:
    if before is None or after is None:
        return before is not None
    return (before.target_kind, before.target_name) == (after.target_kind, after.target_name)


def _is_kedas(request: Request) -> bool:
    """KEDA makes an HPA for each ScaledObject: the ScaledObject is judged, its HPA follows."""
    owners = review.metadata(request.obj or request.old).get("ownerReferences")
    return any(owner.get("kind") == "ScaledObject" for owner in review.mappings(owners))
