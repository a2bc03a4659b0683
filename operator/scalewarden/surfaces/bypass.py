"""A decrease that nobody refused although the fence says no: `GuardBypassed`, and later what became of it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scalewarden.judgement.evaluate import Evaluation
from scalewarden.judgement.frontier import EXPLANATION
from scalewarden.model.duration import unix_seconds
from scalewarden.model.regret import Last
from scalewarden.model.status import InferenceDeploymentStatus
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.events import Action, EventReason, Notice, Subjects
from scalewarden.surfaces.refusal import one_line

Object = Mapping[str, Any]

OPERATOR_SILENT = 100.0
"""Seconds after which a status no longer speaks for the fence: the guard's janitor releases fences of a silent operator
by then, so that what passed afterwards passed as it should."""


@dataclass(frozen=True, slots=True)
class Stood:
    """What one evaluation left: the target (`<resource>/<name>` and uid), its count, and the floor for everybody.

    uid is empty where it is not known. floor is 0 where a decrease was refused to nobody; expires_at is unix seconds.
    """

    target: str
    uid: str
    desired: int
    floor: int = 0
    reason: str = ""
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Bypass:
    """A change `from_` → `to` below the floor that stood, found at `at` (unix seconds)."""

    target: str
    from_: int
    to: int
    floor: int
    reason: str
    at: float

    @property
    def what(self) -> str:
        """`deployments/llama 4→2`."""
        return f"{self.target} {self.from_}→{self.to}"


def stood(evaluation: Evaluation, uid: str, entry: Object | None) -> Stood:
    """For the next evaluation. entry: the fence's, as it is or would be if the namespace were opted in."""
    target, desired = evaluation.snapshot.target.key, evaluation.snapshot.replicas_desired
    if entry is None:
        return Stood(target, uid, desired)
    return Stood(target, uid, desired, entry["replicas"], entry["reason"], _instant(entry.get("expiresAt")))


def stood_before(status: InferenceDeploymentStatus, now: float) -> Stood | None:
    """What a predecessor's status says, for a new operator; None where it is too old, or says nothing."""
    written, counts = _instant(status.last_evaluation_time), status.replicas
    if status.target is None or counts is None or counts.desired is None:
        return None
    if written is None or now - written > OPERATOR_SILENT:
        return None
    fence = status.fence
    if fence is None:
        return Stood(status.target, "", counts.desired)
    return Stood(status.target, "", counts.desired, fence.replicas, fence.reason or "", _instant(fence.expires_at))


def bypassed(before: Stood, after: Stood, now: float) -> Bypass | None:
    """The decrease that should have been refused; None where the count did not fall below a floor that still held.

    A target that was deleted and made anew did not pass admission's lower count: deletions are nobody's to refuse.
    """
    same = before.target == after.target and (not before.uid or before.uid == after.uid)
    held = before.expires_at is None or now < before.expires_at
    if not (same and held and after.desired < min(before.desired, before.floor)):
        return None
    return Bypass(after.target, before.desired, after.desired, before.floor, before.reason, now)


def found(one: Bypass, evaluation: Evaluation, writer: str, why: str, about: Subjects) -> Iterator[Notice]:
    """Tell of it at once, on the service and on the target. writer: who wrote the count; why: how it could pass."""
    explained = {str(reason): text for reason, text in EXPLANATION.items()}.get(one.reason, "")
    because = f"{one.reason}: {explained}" if explained else one.reason
    by = f", written by {writer}" if writer else ""
    text = f"{one.what} passed below the floor of {one.floor} ({because}){by}. {_fleet(one, evaluation)}. {why}"
    yield from _notices(text, one.what, about)


def ended(one: Bypass, last: Last, about: Subjects) -> Iterator[Notice]:
    """Tell what became of it, once that is known."""
    numbers = (("predicted", last.predicted), ("measured", last.measured))
    said = ", ".join(f"{name} {value:.2f}" for name, value in numbers if value is not None)
    usage = f"; KV-cache usage {said}" if said else ""
    text = f"{one.what}, which passed below the floor of {one.floor}, came to this: {last.outcome}: {last.why}{usage}"
    yield from _notices(text, f"{one.what} {last.outcome}", about)


def _fleet(one: Bypass, evaluation: Evaluation) -> str:
    """What it does to the replicas that stay."""
    if one.to == 0:
        return "No replica is left to serve"
    regret = evaluation.history.regret
    predicted = regret.removal.predicted if regret and regret.removal else None
    if predicted is None:
        return f"What the {one.to} that stay will carry is not known"
    return f"The {one.to} that stay are predicted at KV-cache usage {predicted:.2f}"


def _notices(text: str, key: str, about: Subjects) -> Iterator[Notice]:
    pairs: list[tuple[Ref, Ref | None]] = [(about.service, about.target)]
    if about.target is not None:
        pairs.append((about.target, about.service))
    for regarding, related in pairs:
        yield Notice(EventReason.GUARD_BYPASSED, one_line(text), regarding, related, Action.SCALE, True, key)


def _instant(text: str | None) -> float | None:
    try:
        return unix_seconds(text) if text else None
    except ValueError:
        return None
