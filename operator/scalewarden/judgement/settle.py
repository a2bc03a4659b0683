"""A diagnosis that does not flap: pressure is told at once, and what passes must stay away before it is forgotten."""

from dataclasses import replace

from scalewarden.judgement.regimes import WELL
from scalewarden.model.diagnosis import Regime
from scalewarden.model.snapshot import Diagnosed, Snapshot

PRESSING = frozenset(Regime) - WELL - {Regime.INDETERMINATE}
"""Regimes in which something binds."""


def settled(now: Regime, snapshot: Snapshot) -> Diagnosed:
    """What is said of a service for which the table gives `now`; offline, without history, just that.

    That something begins to bind is told at once, and so is what signals say that were missing. Any other change, the
    loss of signals too, counts once the table has given nothing but other regimes for `diagnosisSettles`: it is then
    the newest of them, seen since it was first given. A regime that comes back earlier keeps its `since`.
    """
    at, known = snapshot.at, snapshot.history.diagnosed if snapshot.history else None
    if known is None or now is known.regime:
        return Diagnosed(now, at if known is None else known.since)
    rival_since = at if known.rival is not now or known.rival_since is None else known.rival_since
    away_since = at if known.away_since is None else known.away_since
    begins = now in PRESSING and known.regime not in PRESSING
    over = at - away_since >= snapshot.thresholds["diagnosisSettles"]
    if begins or known.regime is Regime.INDETERMINATE or over:
        return Diagnosed(now, rival_since)
    return replace(known, rival=now, rival_since=rival_since, away_since=away_since)
