"""What became of removals that were let pass, and of those that were refused. All instants are unix seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """Of a removal: it hurt or it did not. Of a refusal: it was needed or it was not. Or nobody can tell."""

    FINE = "Fine"
    REGRETTED = "Regretted"
    NEEDED = "Needed"
    NEEDLESS = "Needless"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Refused:
    """The newest refusal that admission gave, of a change to `to` replicas."""

    at: float
    to: int


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal that is watched: `from_` → `to` replicas, let pass or done in spite of a refusal.

    predicted: KV usage (fraction) of the fullest replica that stays, as the what-if said. arrivals: requests/s before
    it, in_flight: requests then; None where not known. hurt: what was seen since, empty while nothing was.
    """

    at: float
    from_: int
    to: int
    allowed: bool
    predicted: float | None
    arrivals: float | None
    in_flight: float | None
    hurt: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A refusal that lasts: since when, of which count, whether the load of some instant needed it, and whether a
    replica was not seen at some instant."""

    at: float
    to: int
    needed: bool = False
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Last:
    """The newest outcome: of a change to `to` replicas that was made or refused at `at`. why is one clause for people;
    predicted and measured are KV usage (fractions)."""

    at: float
    to: int
    outcome: Outcome
    why: str
    predicted: float | None = None
    measured: float | None = None


@dataclass(frozen=True, slots=True)
class Regret:
    """The record of one service.

    desired and floor: the replica count, and the one that autoscalers were not let below, as of the last evaluation;
    arrivals and in_flight: requests/s and requests of that moment, None where not known.
    counts: how often each outcome came. margin (fraction): what is taken off the Allow lines of load. good: removals
    that were fine and refusals that were needless since it last moved. changed_at: when it last moved. answered:
    refusals up to then have had their look back.
    """

    desired: int
    floor: int = 0
    arrivals: float | None = None
    in_flight: float | None = None
    removal: Removal | None = None
    held: Held | None = None
    counts: Mapping[Outcome, int] = field(default_factory=dict)
    margin: float = 0.0
    good: int = 0
    changed_at: float | None = None
    last: Last | None = None
    answered: float = 0.0
