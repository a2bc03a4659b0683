"""Instants at which something held, as stretches of time."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from scalewarden.model.replayed import Span

MOST = 2000
"""Stretches that are kept of one service."""

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Stretch(Generic[K]):
    """What held, from its first instant to its last."""

    what: K
    from_: float
    to: float


@dataclass(slots=True)
class Stretches(Generic[K]):
    """Fed with what holds at each instant; what is away for at most `bridged` seconds goes on."""

    bridged: float
    done: list[Stretch[K]] = field(default_factory=list)
    _open: dict[K, Stretch[K]] = field(default_factory=dict)

    def add(self, at: float, holds: Iterable[K]) -> list[Stretch[K]]:
        """Those that begin at `at`, unix seconds."""
        began = []
        for what in holds:
            known = self._open.get(what)
            if known is not None and at - known.to <= self.bridged:
                known.to = at
                continue
            self._open[what] = one = Stretch(what, at, at)
            began.append(one)
            if len(self.done) < MOST:
                self.done.append(one)
        self._open = {what: one for what, one in self._open.items() if at - one.to <= self.bridged}
        return began


def spans(stretches: Stretches[str]) -> tuple[Span, ...]:
    """In their order."""
    return tuple(Span(one.what, one.from_, one.to) for one in stretches.done)
