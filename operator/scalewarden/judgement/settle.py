"""A diagnosis that does not flap: pressure is told at once, and what passes must stay away before it is forgotten."""

from dataclasses import replace

from scalewarden.model.diagnosis import Regime
from scalewarden.model.snapshot import Diagnosed, Snapshot

BETTER = (Regime.IDLE, Regime.UNDERLOADED, Regime.HEALTHY)
"""Regimes in which nothing binds, from the calmest on."""


def settled(now: Regime, snapshot: Snapshot) -> Diagnosed:
    """What is said of a service for which the table gives `now`; offline, without history, just that.

    What is worse is told at once, from idle over underloaded and healthy to whatever binds, and so is the loss of
    signals or their return. Any other change counts once the table has given nothing but other regimes for
    `diagnosisSettles`: it is then the newest of them, seen since it was first given.
    """
    at, known = snapshot.at, snapshot.history.diagnosed if snapshot.history else None
    if known is None or now is known.regime:
        return Diagnosed(now, at if known is None else known.since)
    rival_since = at if known.rival is not now or known.rival_since is None else known.rival_since
    away_since = at if known.away_since is None else known.away_since
    blind = Regime.INDETERMINATE in (now, known.regime)
    if blind or _bad(now) > _bad(known.regime) or _over(at - away_since, snapshot):
        return Diagnosed(now, rival_since)
    return replace(known, rival=now, rival_since=rival_since, away_since=away_since)


def _bad(regime: Regime) -> int:
    return BETTER.index(regime) if regime in BETTER else len(BETTER)


def _over(seconds: float, snapshot: Snapshot) -> bool:
    return seconds >= snapshot.thresholds["diagnosisSettles"]
