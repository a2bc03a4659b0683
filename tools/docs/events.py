"""docs/reference/events.md: the Kubernetes Events that Scalewarden writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from scalewarden.app import recorder
from scalewarden.surfaces.admission_record import Outcome
from scalewarden.surfaces.events import MEANING, EventReason
from scalewarden.surfaces.refusal import MOST_BYTES
from tools.docs.markdown import code, page, table


class Told(NamedTuple):
    """On which objects an event is told, and exactly when."""

    on: str
    when: str


_SERVICE = "the InferenceDeployment"
_ASKED = "the InferenceDeployment; the acting autoscaler, else the target"
_TARGET = "the InferenceDeployment; the target"
_AUTOSCALER = "the InferenceDeployment; the autoscaler"

TOLD: Mapping[EventReason, Told] = {
    EventReason.SCALE_DOWN_REFUSED: Told(
        _ASKED, "Enforce: fewer than the floor for everybody were asked for (a Deny), by a count or by a maximum"
    ),
    EventReason.SCALE_DOWN_TRIMMED: Told(_ASKED, "Enforce with `autoscalerScaleDown: Trim`, instead of a refusal"),
    EventReason.SCALE_DOWN_HELD: Told(_ASKED, "Enforce: an autoscaler asked for fewer than its own floor (a Hold)"),
    EventReason.SCALE_DOWN_ALLOWED: Told(
        _ASKED, "Warn, Enforce: a decrease to the safe count or above, or one that `onHold` lets pass"
    ),
    EventReason.SCALE_DOWN_WARNED: Told(
        _ASKED, "Warn: a decrease below the safe count; Enforce: the same by somebody whom a Hold only warns"
    ),
    EventReason.AUTOSCALER_UNSOUND: Told(
        _AUTOSCALER,
        "an autoscaler that a rule fires on is written (guard), or is found (operator); its minimum or its "
        "`behavior.scaleDown` is loosened (guard)",
    ),
    EventReason.AUTOSCALER_SOUND: Told(_AUTOSCALER, "the last such rule is clear again"),
    EventReason.INEFFECTIVE_SCALE_UP: Told(
        _AUTOSCALER, "ASC605 fires: five minutes after its replicas are ready, tokens/s of all have not risen"
    ),
    EventReason.DIAGNOSIS_CHANGED: Told(
        _SERVICE, "the regime is another one; Warning unless it is Healthy, Idle or Underloaded"
    ),
    EventReason.SIGNALS_STALE: Told(_SERVICE, "the condition `SignalsFresh` becomes False"),
    EventReason.SIGNALS_RECOVERED: Told(_SERVICE, "the condition `SignalsFresh` becomes True again"),
    EventReason.FENCE_RAISED: Told(_TARGET, "one of the two floors rises"),
    EventReason.FENCE_RELEASED: Told(_TARGET, "the last floor goes"),
    EventReason.BREAK_GLASS_USED: Told(
        _SERVICE, "the annotations come into force, and at every decrease they let pass"
    ),
    EventReason.BREAK_GLASS_EXPIRED: Told(_SERVICE, "they end"),
    EventReason.GUARD_DEGRADED: Told(
        _TARGET,
        "its own spec is edited so that less is refused, warned about or told, or for a shorter time (guard, on the "
        "InferenceDeployment); it is deleted (guard, on itself, with who did it; operator, on the target); its "
        "namespace's label goes, or the policy or its binding is missing (operator, on the InferenceDeployment)",
    ),
    EventReason.GUARD_BYPASSED: Told(
        _TARGET,
        "Enforce: the count fell below the floor for everybody since the last evaluation (also where the namespace is "
        "not opted in), and again when it is known what became of it; beforehand, where admission does not look at the "
        "target's kind",
    ),
    EventReason.COOPERATION_BACKED_OFF: Told(
        _SERVICE, "something that `policy.cooperate` asks for is somebody else's, not allowed, or of no use"
    ),
}


def render() -> dict[Path, str]:
    """The page by its path."""
    rows = [
        (code(reason), kind, _writer(reason), TOLD[reason].on, what, TOLD[reason].when)
        for reason, (kind, what) in MEANING.items()
    ]
    headings = ("reason", "type", "written by", "on", "meaning", "when")
    return {Path("docs/reference/events.md"): page("Events", _introduction(), table(headings, rows), _READ)}


def _writer(reason: EventReason) -> str:
    """The guard tells how requests were answered, the operator what it found."""
    by_guard = reason.value in {outcome.value for outcome in Outcome}
    both = reason in {EventReason.AUTOSCALER_UNSOUND, EventReason.BREAK_GLASS_USED, EventReason.GUARD_DEGRADED}
    return "operator, guard" if both else "guard" if by_guard else "operator"


def _introduction() -> str:
    return f"""\
Events of `events.k8s.io/v1`, one line of at most {MOST_BYTES:,} bytes each. What is said again of the same object is
counted in one series, written at most every {recorder.QUIET:.0f} s. What stays wrong is repeated every
{recorder.HEARTBEAT / 60:.0f} min, because the API server forgets events after an hour. An object gets at most
{recorder.BURST} new events at once and one more every {recorder.REFILL:.0f} s; the metric
`scalewarden_events_suppressed_total` counts the others.

Nothing is written on a dry run, nor by the guard in mode Observe. What the policies refuse while the guard is away
leaves no event; an HPA shows it in its own condition `AbleToScale`. `status.decisions` keeps the last ten decisions."""


_READ = """\
```console
$ kubectl -n serving events --for inferencedeployment/llama-70b
$ kubectl describe infd llama-70b -n serving
```"""
