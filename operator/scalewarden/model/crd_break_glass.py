"""Break-glass: two annotations that lift refusals for a while, and what is wrong with them where they do not."""

from collections.abc import Mapping
from dataclasses import dataclass

from scalewarden.errors import BadObject
from scalewarden.model.duration import unix_seconds

BREAK_GLASS = "scalewarden.dev/break-glass"
BREAK_GLASS_UNTIL = "scalewarden.dev/break-glass-until"

_HINT = "`scalewarden release NAME --reason TEXT --for 1h` writes both"


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """The reason and the unix second until which refusals are lifted.

    until is None where no glass is broken, and where the annotations cannot be read: `problem` says so then.
    """

    until: float | None = None
    reason: str = ""
    problem: BadObject | None = None

    @classmethod
    def read(cls, annotations: Mapping[str, str]) -> "BreakGlass":
        """From an object's annotations; never raises, since a typing error must not end the evaluation."""
        reason, until = annotations.get(BREAK_GLASS), annotations.get(BREAK_GLASS_UNTIL)
        if reason is None and until is None:
            return cls()
        if until is None:
            return cls(problem=_problem(BREAK_GLASS_UNTIL, "missing, and without an end no glass is broken"))
        if not reason or not reason.strip():
            return cls(problem=_problem(BREAK_GLASS, "missing or empty: no glass is broken without a reason"))
        try:
            return cls(unix_seconds(until), reason.strip())
        except ValueError as error:
            return cls(problem=_problem(BREAK_GLASS_UNTIL, str(error)))


def _problem(annotation: str, message: str) -> BadObject:
    return BadObject(message, where=f"metadata.annotations[{annotation}]", hint=_HINT)
