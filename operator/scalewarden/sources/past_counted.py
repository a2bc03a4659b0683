"""The wanted count where nobody told it: the pods that there were, counted."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

ROLLOUT = 1800.0
"""Seconds that pods of two revisions may be beside each other before all of them are taken for wanted."""
DIP = 120.0
"""Seconds that a rollout may have fewer pods than are wanted: the old one goes before the new one is seen."""


@dataclass(slots=True)
class _Controller:
    """What is known of one: how many were wanted, since when there are two revisions, since when there are fewer."""

    wanted: int | None = None
    rolling: float | None = None
    fewer: float | None = None


@dataclass(slots=True)
class Counted:
    """By controller: while a rollout has pods of two revisions, as many as before it are wanted, not the surge too."""

    _known: dict[str, _Controller] = field(default_factory=dict)

    def count(self, pods: Iterable[str], at: float) -> int:
        """How many of these were wanted at `at`, unix seconds, not before any earlier one."""
        there: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for pod in pods:
            revision = pod.rpartition("-")[0]
            there[revision.rpartition("-")[0]][revision] += 1
        self._known = {name: self._known.get(name, _Controller()) for name in there}
        return sum(_wanted(self._known[name], list(counts.values()), at) for name, counts in there.items())


def _wanted(known: _Controller, revisions: list[int], at: float) -> int:
    total = sum(revisions)
    rolling = len(revisions) > 1 and known.wanted is not None
    known.rolling = (at if known.rolling is None else known.rolling) if rolling else None
    known.fewer = (at if known.fewer is None else known.fewer) if rolling and total < (known.wanted or 0) else None
    over = known.rolling is None or at - known.rolling > ROLLOUT
    if known.wanted is None or over or (known.fewer is not None and at - known.fewer > DIP):
        known.wanted, known.fewer = total, None
    return known.wanted
