"""How many pods are asked about at once: no answer too large, and few answers. Pure.

What is new is asked about all pods together; where the server or we find that too much, in two, four or eight parts,
which is remembered. Whole windows are asked for batches of pods that are fitted to the size of the last answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from scalewarden.sources.base import PodKey

MOST_PARTS = 8
CALM = 1200.0
"""Seconds without a refusal after which fewer parts are tried again."""

Group = frozenset[PodKey]


def in_parts(pods: Iterable[PodKey], count: int) -> list[Group]:
    """At most `count` groups of about equal size, pods of one namespace together."""
    keys = sorted(pods)
    size = max(1, -(-len(keys) // count))
    return [frozenset(keys[at : at + size]) for at in range(0, len(keys), size)]


@dataclass(slots=True)
class Parts:
    """In how many parts all pods are asked about."""

    count: int = 1
    since: float = 0.0

    def doubled(self, now: float) -> bool:
        """Twice as many from now on; False where there are as many as there may be."""
        if self.count >= MOST_PARTS:
            return False
        self.count, self.since = self.count * 2, now
        return True

    def relaxed(self, now: float) -> int:
        """How many to begin with: half as many after a time of calm."""
        if self.count > 1 and now - self.since > CALM:
            self.count, self.since = self.count // 2, now
        return self.count


@dataclass(slots=True)
class Batch:
    """How many pods' whole windows are asked for at once: `size` grows and shrinks towards answers of `bytes`."""

    size: int
    bytes: int
    most: int = 2000

    def took(self, pods: int, size: int) -> None:
        """An answer of `size` bytes about `pods` pods came."""
        if pods < self.size:
            return
        fitting = int(pods * self.bytes / max(1, size))
        self.size = max(1, min(fitting, 2 * self.size, self.most))

    def too_much(self) -> None:
        """An answer was refused, or refused by us, for its size."""
        self.size = max(1, self.size // 2)
