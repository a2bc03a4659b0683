"""The wanted count where nobody told it: the pods that there were, counted."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

ROLLOUT = 1800.0
"""Seconds that pods of two revisions may be beside each other before all of them are taken for wanted."""


@dataclass(slots=True)
class Counted:
    """By controller: while a rollout has pods of two revisions, as many as before it are wanted, not the surge too."""

    _before: dict[str, int] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)

    def count(self, pods: Iterable[str], at: float) -> int:
        """How many of these were wanted at `at`, unix seconds, not before any earlier one."""
        controllers: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for pod in pods:
            revision = pod.rpartition("-")[0]
            controllers[revision.rpartition("-")[0]][revision] += 1
        gone = self._before.keys() - controllers.keys()
        self._before = {name: count for name, count in self._before.items() if name not in gone}
        return sum(self._of(name, revisions, at) for name, revisions in controllers.items())

    def _of(self, name: str, revisions: dict[str, int], at: float) -> int:
        began = self._since.setdefault(name, at)
        if len(revisions) == 1:
            self._since.pop(name)
        elif name in self._before and at - began <= ROLLOUT:
            return self._before[name]
        self._before[name] = sum(revisions.values())
        return self._before[name]
