"""What is told as Kubernetes Events: the reasons, and which transitions between two statuses are told.

Transitions are read off the status that was written before and the one that is written now, so a restarted operator
repeats nothing. What lasts (an unsound autoscaler, missing signals) is a standing notice: events expire after an
hour, and the recorder reminds of it before that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scalewarden.judgement.frontier import EXPLANATION
from scalewarden.model.diagnosis import Regime
from scalewarden.model.finding import Severity, Status
from scalewarden.model.policy import Mode
from scalewarden.model.status import AutoscalerStatus, FenceStatus, FindingStatus, InferenceDeploymentStatus
from scalewarden.model.verdict import Reason
from scalewarden.rules.autoscaler import ineffective_scale_up
from scalewarden.rules.catalogue import RULES
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.refusal import one_line
from scalewarden.surfaces.weaker import LOST


class EventReason(StrEnum):
    """Every reason of an event; the operator's and the guard's."""

    SCALE_DOWN_REFUSED = "ScaleDownRefused"
    SCALE_DOWN_TRIMMED = "ScaleDownTrimmed"
    SCALE_DOWN_HELD = "ScaleDownHeld"
    SCALE_DOWN_ALLOWED = "ScaleDownAllowed"
    SCALE_DOWN_WARNED = "ScaleDownWarned"
    AUTOSCALER_UNSOUND = "AutoscalerUnsound"
    AUTOSCALER_SOUND = "AutoscalerSound"
    INEFFECTIVE_SCALE_UP = "IneffectiveScaleUp"
    DIAGNOSIS_CHANGED = "DiagnosisChanged"
    SIGNALS_STALE = "SignalsStale"
    SIGNALS_RECOVERED = "SignalsRecovered"
    FENCE_RAISED = "FenceRaised"
    FENCE_RELEASED = "FenceReleased"
    BREAK_GLASS_USED = "BreakGlassUsed"
    BREAK_GLASS_EXPIRED = "BreakGlassExpired"
    GUARD_DEGRADED = "GuardDegraded"
    GUARD_BYPASSED = "GuardBypassed"
    COOPERATION_BACKED_OFF = "CooperationBackedOff"


class Action(StrEnum):
    """What was being done when it was told."""

    SCALE = "Scale"
    EVALUATE = "Evaluate"
    JUDGE_AUTOSCALER = "JudgeAutoscaler"
    SET_FENCE = "SetFence"
    BREAK_GLASS = "BreakGlass"
    CHANGE_POLICY = "ChangePolicy"
    COOPERATE = "Cooperate"


MEANING: dict[EventReason, tuple[str, str]] = {
    EventReason.SCALE_DOWN_REFUSED: ("Warning", "A decrease was refused; the note names who asked for what."),
    EventReason.SCALE_DOWN_TRIMMED: ("Warning", "An autoscaler's count was raised to the safe one."),
    EventReason.SCALE_DOWN_HELD: ("Warning", "A decrease was refused to an autoscaler until more is known."),
    EventReason.SCALE_DOWN_ALLOWED: ("Normal", "A decrease passed."),
    EventReason.SCALE_DOWN_WARNED: ("Warning", "A decrease passed with a warning."),
    EventReason.AUTOSCALER_UNSOUND: (
        "Warning",
        "An autoscaler of the target reads a metric that misleads it, or may remove too much.",
    ),
    EventReason.AUTOSCALER_SOUND: ("Normal", "An autoscaler that was unsound no longer is."),
    EventReason.INEFFECTIVE_SCALE_UP: ("Warning", "An autoscaler added replicas that added no tokens."),
    EventReason.DIAGNOSIS_CHANGED: ("Normal or Warning", "Something else bounds the service now."),
    EventReason.SIGNALS_STALE: ("Warning", "Required signals are stale or missing."),
    EventReason.SIGNALS_RECOVERED: ("Normal", "Required signals are fresh again."),
    EventReason.FENCE_RAISED: ("Normal", "Admission refuses lower counts from now on than before."),
    EventReason.FENCE_RELEASED: ("Normal", "Admission refuses no decrease any more."),
    EventReason.BREAK_GLASS_USED: ("Warning", "Refusals are lifted by the break-glass annotations."),
    EventReason.BREAK_GLASS_EXPIRED: ("Normal", "The glass is whole again; refusals are back."),
    EventReason.GUARD_DEGRADED: (
        "Warning",
        "The service is guarded less than before, or no longer; the note names who changed what.",
    ),
    EventReason.GUARD_BYPASSED: ("Warning", "A decrease below the floor passed, or would; the note says why."),
    EventReason.COOPERATION_BACKED_OFF: ("Warning", "An annotation or budget that was asked for is somebody else's."),
}
"""Type and meaning of each, for the reference page."""

REMEDIES = {rule.code: rule.remedy for rule, _ in RULES}

HEALTHY = frozenset({Regime.HEALTHY, Regime.IDLE, Regime.UNDERLOADED})


@dataclass(frozen=True, slots=True)
class Notice:
    """One event to be told.

    regarding is the object it shows up on, related the other one it concerns. note is one line of at most 1,024
    bytes. key tells apart what one reason says of one object (the rule, the regime): the same key is the same
    series, whose note stays that of the first time.
    """

    reason: str
    note: str
    regarding: Ref
    related: Ref | None = None
    action: str = Action.EVALUATE
    warning: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Subjects:
    """The objects that events of one service are about; autoscalers by `Kind/name`."""

    service: Ref
    target: Ref | None
    autoscalers: dict[str, Ref]


def transitions(
    before: InferenceDeploymentStatus, after: InferenceDeploymentStatus, about: Subjects
) -> Iterator[Notice]:
    """What changed from one written status to the next."""
    yield from _diagnosis(before, after, about)
    yield from _signals(before, after, about)
    yield from _autoscalers(before, after, about)
    yield from _fence(before.fence, after.fence, about)
    yield from _glass(before, after, about)


def standing(after: InferenceDeploymentStatus, about: Subjects) -> Iterator[Notice]:
    """What is wrong for as long as this status holds: of that, people are reminded."""
    nothing = InferenceDeploymentStatus()
    told = (*_signals(nothing, after, about), *_autoscalers(nothing, after, about), *_diagnosis(nothing, after, about))
    yield from (notice for notice in told if notice.warning)


def departed(service: Ref, target: Ref, mode: Mode) -> Notice | None:
    """Of a deleted InferenceDeployment, on the target that it guarded; None where nobody was stopped or warned."""
    if mode not in LOST:
        return None
    text = f"{service.kind} {service.name} was deleted: {LOST[mode]}"
    return Notice(
        EventReason.GUARD_DEGRADED, one_line(text), target, service, Action.CHANGE_POLICY, True, f"{service.name} gone"
    )


def _diagnosis(
    before: InferenceDeploymentStatus, after: InferenceDeploymentStatus, about: Subjects
) -> Iterator[Notice]:
    was, now = before.diagnosis, after.diagnosis
    if now is None or (was is None and now.regime in HEALTHY) or (was is not None and was.regime == now.regime):
        return
    came = f"{was.regime} → {now.regime}" if was else now.regime
    advice = f" Advice: {now.advice}" if now.advice else ""
    yield _about_service(
        EventReason.DIAGNOSIS_CHANGED,
        f"{came}: {now.summary or ''}{advice}",
        about,
        warning=now.regime not in HEALTHY,
        key=f"{now.regime}",
    )


def _signals(before: InferenceDeploymentStatus, after: InferenceDeploymentStatus, about: Subjects) -> Iterator[Notice]:
    was, now = before.condition("SignalsFresh"), after.condition("SignalsFresh")
    if now is not None and now.status == "False" and (was is None or was.status != "False"):
        yield _about_service(EventReason.SIGNALS_STALE, now.message, about, warning=True, key=now.reason)
    if now is not None and now.status == "True" and was is not None and was.status == "False":
        yield _about_service(EventReason.SIGNALS_RECOVERED, now.message, about)


def _autoscalers(
    before: InferenceDeploymentStatus, after: InferenceDeploymentStatus, about: Subjects
) -> Iterator[Notice]:
    was = _unsound(before.autoscalers)
    now = _unsound(after.autoscalers)
    there = {_name(autoscaler) for autoscaler in after.autoscalers}
    for name, autoscaler in now.items():
        fresh = [one for one in _fired(autoscaler) if name not in was or one.rule not in _rules(was[name])]
        for finding in fresh:
            remedy = REMEDIES.get(finding.rule, "")
            text = f"{finding.rule} {finding.name or ''}: {finding.message or name}. {remedy}"
            measured = finding.rule == ineffective_scale_up.RULE.code
            reason = EventReason.INEFFECTIVE_SCALE_UP if measured else EventReason.AUTOSCALER_UNSOUND
            yield from _about_both(reason, text, name, about, finding.rule, warning=True)
    for name in was.keys() - now.keys():
        if name in there:
            yield from _about_both(EventReason.AUTOSCALER_SOUND, f"{name} is sound", name, about, "")


def _unsound(autoscalers: Sequence[AutoscalerStatus]) -> dict[str, AutoscalerStatus]:
    return {_name(autoscaler): autoscaler for autoscaler in autoscalers if autoscaler.status == Status.FIRED}


def _name(autoscaler: AutoscalerStatus) -> str:
    return f"{autoscaler.kind}/{autoscaler.name}"


def _fired(autoscaler: AutoscalerStatus) -> list[FindingStatus]:
    """Without what is only information."""
    told = (finding for finding in autoscaler.findings if finding.severity != Severity.INFO)
    return [finding for finding in told if finding.status == Status.FIRED]


def _rules(autoscaler: AutoscalerStatus) -> set[str]:
    return {finding.rule for finding in _fired(autoscaler)}


def _fence(was: FenceStatus | None, now: FenceStatus | None, about: Subjects) -> Iterator[Notice]:
    if now is None:
        if was is not None:
            yield from _on_target(EventReason.FENCE_RELEASED, "no decrease is refused any more", "", about)
        return
    floors = (now.replicas, now.autoscaler_replicas or 0)
    if was is None or any(
        new > old for new, old in zip(floors, (was.replicas, was.autoscaler_replicas or 0), strict=True)
    ):
        why = ". ".join(dict.fromkeys(_why(reason) for reason in (now.reason, now.autoscaler_reason) if reason))
        nobody = f"nobody goes below {floors[0]} replicas, " if floors[0] else ""
        text = f"{nobody}autoscalers do not go below {floors[1]}. {why}"
        yield from _on_target(EventReason.FENCE_RAISED, text, f"{floors}{now.reason}", about)


def _why(reason: str) -> str:
    """The reason with its sentence; a word alone where it is of a newer operator."""
    said = {str(one): text for one, text in EXPLANATION.items()}.get(reason)
    return f"{reason}: {said}" if said else reason


def _glass(before: InferenceDeploymentStatus, after: InferenceDeploymentStatus, about: Subjects) -> Iterator[Notice]:
    was, now = before.condition("ScaleDownSafe"), after.condition("ScaleDownSafe")
    broken, is_broken = (one is not None and one.reason == Reason.BREAK_GLASS for one in (was, now))
    if is_broken and not broken and now is not None:
        yield _about_service(
            EventReason.BREAK_GLASS_USED, now.message, about, action=Action.BREAK_GLASS, warning=True, key=now.message
        )
    if broken and not is_broken:
        text = "the break-glass has ended; unsafe scale-downs are refused again"
        yield _about_service(EventReason.BREAK_GLASS_EXPIRED, text, about, action=Action.BREAK_GLASS)


def _about_service(
    reason: EventReason,
    text: str,
    about: Subjects,
    *,
    action: Action = Action.EVALUATE,
    warning: bool = False,
    key: str = "",
) -> Notice:
    return Notice(reason, one_line(text), about.service, about.target, action, warning, key)


def _about_both(
    reason: EventReason, text: str, name: str, about: Subjects, key: str, *, warning: bool = False
) -> Iterator[Notice]:
    """On the service with the autoscaler as related, and the other way round."""
    autoscaler, note = about.autoscalers.get(name), one_line(text)
    yield Notice(reason, note, about.service, autoscaler, Action.JUDGE_AUTOSCALER, warning, f"{name} {key}")
    if autoscaler is not None:
        yield Notice(reason, note, autoscaler, about.service, Action.JUDGE_AUTOSCALER, warning, key)


def _on_target(reason: EventReason, text: str, key: str, about: Subjects) -> Iterator[Notice]:
    note = one_line(text)
    yield Notice(reason, note, about.service, about.target, Action.SET_FENCE, key=key)
    if about.target is not None:
        yield Notice(reason, note, about.target, about.service, Action.SET_FENCE, key=key)
