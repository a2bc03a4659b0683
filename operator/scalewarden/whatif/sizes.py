"""How the KV caches of unlike replicas compare, where the size of every one is known and where it is not.

Each replica gets one size for each way of comparing; all ways are tried, and the worst one counts. So a size that is
not known never makes a removal look safer than comparing fractions does.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Size(NamedTuple):
    """What a replica's cache counts as where it stays and receives, and where it goes and hands over: tokens, parts of
    a GPU's memory, or 1.0 for all."""

    receives: float = 1.0
    gives: float = 1.0


EQUAL = Size()
"""Compared in fractions: as if all were of one size."""


def sizes(capacities: Sequence[float | None], memories: Sequence[float | None]) -> list[tuple[Size, ...]]:
    """The sizes of each replica, in one order of ways.

    capacities: KV tokens. memories: parts of a GPU's memory. In tokens alone where all are known; else in fractions,
    and beside them with what is not known as small as the smallest known where it stays and as large as the largest
    where it goes; or by memory where no capacity is known and the memories differ.
    """
    known = [one for one in capacities if one]
    if known and len(known) == len(capacities):
        return [(Size(one, one),) for one in known]
    if known and min(known) < max(known):
        return [(EQUAL, Size(one or min(known), one or max(known))) for one in capacities]
    parts = [one for one in memories if one]
    if not known and len(parts) == len(memories) and len(set(parts)) > 1:
        return [(EQUAL, Size(one, one)) for one in parts]
    return [(EQUAL,)] * len(capacities)
