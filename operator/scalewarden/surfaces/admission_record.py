"""What is told after an answer: one event a reason, and the decision that status keeps."""

from dataclasses import dataclass
from enum import StrEnum

from scalewarden.model.intent import Intent
from scalewarden.model.status import DecisionStatus
from scalewarden.model.verdict import Decision
from scalewarden.surfaces.admission_state import Ref
from scalewarden.surfaces.refusal import one_line


class Outcome(StrEnum):
    """How a request was answered; the values are the reasons of events."""

    REFUSED = "ScaleDownRefused"
    HELD = "ScaleDownHeld"
    TRIMMED = "ScaleDownTrimmed"
    WARNED = "ScaleDownWarned"
    ALLOWED = "ScaleDownAllowed"
    BREAK_GLASS = "BreakGlassUsed"
    UNSOUND = "AutoscalerUnsound"
    WEAKENED = "GuardDegraded"


@dataclass(frozen=True, slots=True)
class Record:
    """One answer, to be told on the InferenceDeployment (`service`) and on the objects it concerns (`about`).

    note is one line of at most 1,024 bytes; records of one key are repetitions of each other. `loud` makes it an event,
    else only status and metrics keep it. decision is None for anything but a change of the replica count.
    """

    outcome: Outcome
    service: Ref
    about: tuple[Ref, ...]
    note: str
    key: str
    path: str
    verdict: Decision
    reason: str
    decision: DecisionStatus | None = None
    loud: bool = True

    @property
    def is_warning(self) -> bool:
        """The type of the event: Warning, or Normal for what simply passed."""
        return self.outcome is not Outcome.ALLOWED


def asked(intent: Intent) -> str:
    """Who asked for what: `alice: deployments/scale 4→3`."""
    return f"{intent.identity or 'unknown'}: {intent.path} {intent.from_}→{intent.to}"


def note(intent: Intent, text: str) -> str:
    """Who asked for what, and the answer."""
    return one_line(f"{asked(intent)}. {text}")
