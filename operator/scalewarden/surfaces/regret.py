"""What became of removals and refusals ↔ `status.regret`, and the line that people read.

A removal or refusal that is still being watched is not written: a new operator begins to watch anew.
"""

from collections.abc import Mapping
from math import isfinite

from scalewarden.model.duration import rfc3339, unix_seconds
from scalewarden.model.regret import Last, Outcome, Refused, Regret
from scalewarden.model.status import DecisionStatus, OutcomesStatus, OutcomeStatus, RegretStatus
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.verdict import Decision

MOST = 10**9
"""A count above this was not written by us."""


def regret_status(known: Regret) -> RegretStatus | None:
    """As it is written; None while nothing came of anything."""
    if not known.counts:
        return None
    return RegretStatus(
        outcomes=OutcomesStatus(**{outcome.lower(): count for outcome, count in known.counts.items()}),
        margin=known.margin or None,
        good=known.good or None,
        changed_at=None if known.changed_at is None else rfc3339(known.changed_at),
        last=_last(known.last) if known.last else None,
    )


def _last(last: Last) -> OutcomeStatus:
    return OutcomeStatus(
        time=rfc3339(last.at),
        to=last.to,
        outcome=last.outcome,
        why=last.why,
        predicted=None if last.predicted is None else round(last.predicted, 2),
        measured=None if last.measured is None else round(last.measured, 2),
    )


def regret_of(status: RegretStatus | None, desired: int, now: float, limits: Thresholds) -> Regret | None:
    """What a new operator goes on from; what is out of bounds, or of the future at `now`, is left out."""
    if status is None or status.outcomes is None:
        return None
    written = status.outcomes.model_dump()
    counts = {one: count for one in Outcome if 0 < (count := written[one.lower()] or 0) <= MOST}
    margin = status.margin or 0.0
    sound = isfinite(margin) and 0 <= margin <= limits["marginMost"]
    return Regret(
        desired=desired,
        counts=counts,
        margin=margin if sound else 0.0,
        good=min(max(0, status.good or 0), int(limits["marginForgive"])),
        changed_at=_past(status.changed_at, now),
        last=_read(status.last),
        answered=now,
    )


def _past(text: str | None, now: float) -> float | None:
    try:
        return min(now, unix_seconds(text)) if text else None
    except ValueError:
        return None


def _read(status: OutcomeStatus | None) -> Last | None:
    if status is None:
        return None
    try:
        outcome, at = Outcome(status.outcome), unix_seconds(status.time)
    except ValueError:
        return None
    return Last(at, status.to, outcome, status.why or "", status.predicted, status.measured)


def refused_of(decisions: tuple[DecisionStatus, ...]) -> Refused | None:
    """The newest refusal of a count among the last decisions, which the guard keeps."""
    for one in reversed(decisions):
        if one.verdict in (Decision.HOLD, Decision.DENY) and one.to is not None:
            try:
                return Refused(unix_seconds(one.time), one.to)
            except ValueError:
                continue
    return None


def regret_text(status: RegretStatus | None) -> str:
    """`Removals: 3 fine, 1 regretted; refusals: 2 needed, 1 needless; 0.03 is taken off the Allow lines`."""
    if status is None or status.outcomes is None:
        return ""
    found = status.outcomes
    removals = _counts({"fine": found.fine, "regretted": found.regretted})
    refusals = _counts({"needed": found.needed, "needless": found.needless})
    parts = [f"removals: {removals}" if removals else "", f"refusals: {refusals}" if refusals else ""]
    parts += [f"{status.margin:.2f} is taken off the Allow lines"] if status.margin else []
    said = "; ".join(part for part in parts if part)
    return f"What became of {said}" if said else ""


def _counts(found: Mapping[str, int | None]) -> str:
    return ", ".join(f"{count} {name}" for name, count in found.items() if count)
