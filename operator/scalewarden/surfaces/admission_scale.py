"""A request that lowers the replica count of a described target: refuse, trim, warn, or let pass and say so."""

from dataclasses import dataclass

from scalewarden.judgement.frontier import EXPLANATION
from scalewarden.model.duration import rfc3339
from scalewarden.model.fence import FenceEntry
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import AutoscalerScaleDown, Mode, OnHold
from scalewarden.model.status import DecisionStatus
from scalewarden.model.verdict import Decision, Reason
from scalewarden.surfaces import admission_review as review
from scalewarden.surfaces.admission_record import Outcome, Record, asked, note
from scalewarden.surfaces.admission_review import Request, Response
from scalewarden.surfaces.admission_state import Guarded, GuardState, Ref
from scalewarden.surfaces.refusal import evidence, refusal_text

BELOW_SAFE_COUNT = "BelowSafeCount"
ADDED_SINCE = "replicas were added since the safe count was found"


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer in the words of the core; floor is the least count that would have passed."""

    outcome: Outcome
    verdict: Decision
    reason: str
    text: str
    floor: int = 0


def intent_of(request: Request, state: GuardState) -> Intent | None:
    """The change that a request asks for; None where it is not an update of a replica count."""
    before = review.replicas(request.old, request.subresource)
    after = review.replicas(request.obj, request.subresource)
    if request.operation != "UPDATE" or before is None or after is None:
        return None
    return Intent(before, after, actor_of(request, state), request.path, request.user, request.dry_run)


def actor_of(request: Request, state: GuardState) -> Actor:
    """By the identity that writes."""
    return Actor.AUTOSCALER if request.user in state.autoscaler_identities else Actor.USER


def answer(request: Request, state: GuardState, now: float) -> tuple[Response, tuple[Record, ...]]:
    """Only decreases of a described target are judged; everything else passes without a trace."""
    intent, guarded = intent_of(request, state), _guarded(request, state)
    if intent is None or guarded is None or not intent.is_decrease:
        return review.allowed(request.uid), ()
    guarded = guarded.unjudged if state.operator_silent else guarded
    ruling = rule(intent, guarded, entry_of(guarded, state), state.max_mode, now)
    if ruling is None:
        return review.allowed(request.uid, note="the service has not been judged lately"), ()
    return _respond(request, ruling), (_record(request, intent, guarded, ruling, state, now),)


def rule(intent: Intent, guarded: Guarded, entry: FenceEntry | None, ceiling: Mode, now: float) -> Ruling | None:
    """The fence first, as the policy in the API server reads it, then the safe count; None where neither speaks.

    Neither is about more replicas than were judged: taking away what was just added is held.
    """
    if guarded.glass_broken(now):
        said = f"Scalewarden: glass broken: {guarded.policy.break_glass_reason}. {evidence(guarded.owner)}"
        return Ruling(Outcome.BREAK_GLASS, Decision.ALLOW, Reason.BREAK_GLASS, said)
    if entry is not None and (refusal := _refusal(intent, guarded, entry)):
        return refusal
    safe = guarded.safe_count(now)
    if entry is None and safe is None:
        return None
    known = max(safe or 0, entry.autoscaler_replicas if entry else 0)
    if guarded.judged_replicas is not None and intent.from_ > guarded.judged_replicas:
        return _in_transition(intent, guarded, max(known, guarded.judged_replicas), ceiling)
    return _passes(intent, guarded, entry, known, ceiling)


def _refusal(intent: Intent, guarded: Guarded, entry: FenceEntry) -> Ruling | None:
    """Nobody goes below the first floor, autoscalers not below the second."""
    by_autoscaler = intent.actor is Actor.AUTOSCALER
    floor = max(entry.replicas, entry.autoscaler_replicas) if by_autoscaler else entry.replicas
    if intent.to >= floor:
        return None
    denied = intent.to < entry.replicas
    reason = entry.reason if denied else entry.autoscaler_reason or entry.reason
    text = entry.message if denied else entry.autoscaler_message or entry.message
    verdict, outcome = (Decision.DENY, Outcome.REFUSED) if denied else (Decision.HOLD, Outcome.HELD)
    if by_autoscaler and guarded.policy.autoscaler_scale_down is AutoscalerScaleDown.TRIM:
        outcome = Outcome.TRIMMED
    return Ruling(outcome, verdict, reason, text, min(floor, intent.from_))


def _in_transition(intent: Intent, guarded: Guarded, safe: int, ceiling: Mode) -> Ruling:
    """Replicas were added after the verdict: whether one can go is not known before the operator judged them."""
    text = refusal_text(Reason.IN_TRANSITION, safe, guarded.owner, ADDED_SINCE)
    return Ruling(_held(intent, guarded, ceiling), Decision.HOLD, Reason.IN_TRANSITION, text, intent.from_)


def _held(intent: Intent, guarded: Guarded, ceiling: Mode) -> Outcome:
    """What the policy makes of a hold that the fence does not know of."""
    policy = guarded.policy
    if not _is_warned(intent, guarded, Decision.HOLD, ceiling):
        return Outcome.ALLOWED
    if policy.mode.capped(ceiling) is not Mode.ENFORCE or _on_hold(intent, guarded) is not OnHold.REFUSE:
        return Outcome.WARNED
    trims = intent.actor is Actor.AUTOSCALER and policy.autoscaler_scale_down is AutoscalerScaleDown.TRIM
    return Outcome.TRIMMED if trims else Outcome.HELD


def _passes(intent: Intent, guarded: Guarded, entry: FenceEntry | None, safe: int, ceiling: Mode) -> Ruling:
    """What is not refused passes; below the safe count with a warning."""
    if intent.to >= safe:
        text = f"Scalewarden: safe, the safe count is {safe}. {evidence(guarded.owner)}"
        return Ruling(Outcome.ALLOWED, Decision.ALLOW, Reason.SAFE_TO_REMOVE, text, safe)
    denied = entry is None and guarded.denied_below is not None and intent.to < guarded.denied_below
    reason = reason_of(guarded, entry)
    text = (entry.autoscaler_message if entry else None) or refusal_text(reason, safe, guarded.owner)
    verdict = Decision.DENY if denied else Decision.HOLD
    outcome = Outcome.WARNED if _is_warned(intent, guarded, verdict, ceiling) else Outcome.ALLOWED
    return Ruling(outcome, verdict, reason, text, safe)


def reason_of(guarded: Guarded, entry: FenceEntry | None) -> str:
    """Of the fence, else of the last verdict, which is about one replica less: where that is safe, more than that is
    only not known."""
    if entry is not None:
        return entry.autoscaler_reason or entry.reason
    return guarded.reason if guarded.reason in set(EXPLANATION) else BELOW_SAFE_COUNT


def _is_warned(intent: Intent, guarded: Guarded, verdict: Decision, ceiling: Mode) -> bool:
    mode = guarded.policy.mode.capped(ceiling)
    let_through = mode is Mode.ENFORCE and verdict is Decision.HOLD and _on_hold(intent, guarded) is OnHold.ALLOW
    return mode is not Mode.OBSERVE and not let_through


def _on_hold(intent: Intent, guarded: Guarded) -> OnHold:
    policy = guarded.policy
    return policy.on_hold_autoscaler if intent.actor is Actor.AUTOSCALER else policy.on_hold_user


def _respond(request: Request, ruling: Ruling) -> Response:
    if ruling.outcome in {Outcome.REFUSED, Outcome.HELD}:
        return review.refused(request.uid, ruling.text)
    if ruling.outcome is Outcome.TRIMMED:
        return review.trimmed(request.uid, ruling.floor, ruling.text)
    warns = ruling.outcome is Outcome.WARNED
    return review.allowed(request.uid, [ruling.text] if warns else (), "" if warns else ruling.text)


def _guarded(request: Request, state: GuardState) -> Guarded | None:
    found = state.service(request.namespace, request.target_key)
    same_group = found is not None and found.target.api_version.rpartition("/")[0] == request.group
    return found if same_group else None


def entry_of(guarded: Guarded, state: GuardState) -> FenceEntry | None:
    """The fence under a service's target, unless the service's mode or the administrator's ceiling is below Enforce.

    Its expiry is the janitor's business: until the entry is removed the policy enforces it, and both must agree.
    """
    enforced = guarded.policy.mode.capped(state.max_mode) is Mode.ENFORCE
    return state.floor(guarded.ref.namespace, guarded.target.key) if enforced else None


def _record(
    request: Request, intent: Intent, guarded: Guarded, ruling: Ruling, state: GuardState, now: float
) -> Record:
    decision = DecisionStatus(
        time=rfc3339(now),
        actor=intent.identity,
        path=intent.path,
        from_=intent.from_,
        to=intent.to,
        verdict=ruling.verdict,
        reason=ruling.reason,
    )
    target = guarded.target
    asking = state.autoscalers.of(request.namespace, target)
    uid = str(review.metadata(request.old).get("uid") or "")
    scaled = Ref(target.api_version, target.kind, request.namespace, target.name, uid)
    return Record(
        outcome=ruling.outcome,
        service=guarded.ref,
        about=asking if intent.actor is Actor.AUTOSCALER and asking else (scaled,),
        note=note(intent, ruling.text),
        key=f"{asked(intent)} {ruling.reason}",
        path=intent.path,
        verdict=ruling.verdict,
        reason=ruling.reason,
        decision=decision,
        loud=guarded.policy.mode.capped(state.max_mode) is not Mode.OBSERVE,
    )
