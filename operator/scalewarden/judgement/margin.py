"""Outcomes are counted, and the margin follows: what is taken off the Allow lines of load, never added to them."""

from dataclasses import replace

from scalewarden.model.regret import Last, Outcome, Regret
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds

BAD = frozenset({Outcome.REGRETTED})
GOOD = frozenset({Outcome.FINE, Outcome.NEEDLESS})


def counted(known: Regret, last: Last, limits: Thresholds, *, allowed: bool = True) -> Regret:
    """With one more outcome: a regret widens the margin, several good ones in a row give some of it back.

    allowed: the lines let it pass. Harm that they foresaw says that they are right, and moves nothing.
    """
    counts = {**known.counts, last.outcome: known.counts.get(last.outcome, 0) + 1}
    known = replace(known, counts=counts, last=last)
    if last.outcome in BAD and not allowed:
        return known
    if last.outcome in BAD:
        margin = min(round(known.margin + limits["marginStep"], 4), limits["marginMost"])
        return replace(known, margin=margin, good=0, changed_at=last.at)
    if last.outcome not in GOOD:
        return known
    if known.good + 1 < limits["marginForgive"]:
        return replace(known, good=known.good + 1)
    margin = max(0.0, round(known.margin - limits["marginStep"], 4))
    return replace(known, margin=margin, good=0, changed_at=last.at)


def forgotten(known: Regret, snapshot: Snapshot) -> Regret:
    """A margin that nothing confirmed for `marginForget` is given up."""
    old = known.changed_at is not None and snapshot.at - known.changed_at >= snapshot.thresholds["marginForget"]
    return replace(known, margin=0.0, good=0, changed_at=None) if old else known
