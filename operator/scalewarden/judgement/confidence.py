"""How sure a diagnosis is: by what is seen now, over how long, and how far its numbers clear their lines."""

from collections.abc import Iterable

from scalewarden.judgement.regimes import Row, Scene
from scalewarden.model.diagnosis import Confidence, Regime
from scalewarden.model.finding import Evidence
from scalewarden.model.signal import Unit

MOSTLY_SEEN = 0.8
"""Share of replicas seen now below which no diagnosis is more than a guess (ours)."""
NEAR = 0.1
"""Share of a line within which a number that is no fraction is near it (ours)."""


def confidence(scene: Scene, row: Row, decisive: Iterable[Evidence]) -> Confidence:
    """Low on a short span or where few are seen now, High where every sample is fresh and the numbers clear their
    lines."""
    found = scene.facts
    if row.regime is Regime.INDETERMINATE:
        return Confidence.LOW
    if found.short or found.fresh < MOSTLY_SEEN or found.kv_max is None:
        return Confidence.LOW
    if found.fresh < 1.0 or near_a_line(decisive, scene.limits["kvReleaseBand"]):
        return Confidence.MEDIUM
    return Confidence.HIGH


def near_a_line(decisive: Iterable[Evidence], band: float) -> bool:
    """True where some number, on the replica where it is furthest from its line, is still near it: within `band` for a
    fraction, within a tenth of the line for others."""
    furthest: dict[tuple[str, float], float] = {}
    for one in decisive:
        if one.threshold:
            key = (one.signal, one.threshold)
            furthest[key] = max(furthest.get(key, 0.0), _distance(one, band))
    return any(distance < 1.0 for distance in furthest.values())


def _distance(one: Evidence, band: float) -> float:
    """In bands."""
    line = one.threshold or 0.0
    return abs(one.value - line) / (band if one.unit is Unit.FRACTION else NEAR * abs(line))
