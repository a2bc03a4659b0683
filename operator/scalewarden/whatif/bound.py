"""The worst survivor's load after a removal, whichever replicas Kubernetes picks.

With N replicas of equal size, sorted by usage u_(1) ≥ u_(2) …, and k of them removed so that S stay, the most
loaded survivor ends at u_(1) + (u_(2) + … + u_(k+1)) / S: the victims' load spreads evenly over those that stay.
Unequal replicas are compared in tokens, each survivor dividing what it receives by its own capacity.
A property test holds this against every victim set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Load:
    """KV usage (fraction of its own cache) and capacity (tokens, or 1.0 for all where unknown) of a replica.

    gives stands for its capacity where it is a victim; it differs where only bounds of its size are known.
    """

    usage: float
    capacity: float = 1.0
    gives: float | None = None

    @property
    def tokens(self) -> float:
        """What it hands over when it is removed."""
        return self.usage * (self.capacity if self.gives is None else self.gives)


def worst_survivor(
    alive: Sequence[Load], gone: Sequence[Load] = (), k: int = 0, *, sticky: bool = False, left_out: int = 0
) -> float:
    """KV usage of the worst survivor when k of `alive` are removed after `gone` already were.

    gone: replicas whose load must be carried by the survivors in any case. sticky: one victim's whole load may
    land on one survivor. left_out: how many of the fullest replicas are not looked at as survivors (large
    fleets); their load still counts as a victim's. Raises ValueError where nothing would be left.
    """
    stay = len(alive) - k
    if stay < 1:
        raise ValueError("no survivor")
    by_usage = sorted(alive, key=lambda load: load.usage, reverse=True)[left_out:]
    ranked = sorted((load.tokens for load in alive), reverse=True)
    prefix = [0.0, *accumulate(ranked)]
    forced = sum(load.tokens for load in gone)
    largest_gone = max((load.tokens for load in gone), default=0.0)

    def after(load: Load) -> float:
        chosen = prefix[k + 1] - load.tokens if k and load.tokens >= ranked[k - 1] else prefix[k]
        received = (forced + chosen) / stay
        if sticky:
            largest = ranked[0] if load.tokens < ranked[0] else ranked[min(1, len(ranked) - 1)]
            received = max(received, largest_gone, largest if k else 0.0)
        return load.usage + received / load.capacity

    return max(after(load) for load in by_usage)
