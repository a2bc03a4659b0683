"""One removal to be judged: who serves before, how many ready replicas go, and who must carry their load."""

from dataclasses import dataclass

from scalewarden.model.intent import Actor
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.whatif.fleet import Carried, Fleet


@dataclass(frozen=True, slots=True)
class Case:
    """`to` is the requested replica count; `k` how many serving replicas of unknown name go; `victims` those whose
    name is known (highest ordinals); `n` and `s` count serving replicas before and after, gone ones in n.
    removes_ready is False where only pods that are not ready would go; stuck ones are ready."""

    snapshot: Snapshot
    fleet: Fleet
    to: int
    actor: Actor
    k: int
    victims: tuple[Carried, ...]
    removes_ready: bool

    @property
    def limits(self) -> Thresholds:
        """The lines in force."""
        return self.snapshot.thresholds

    def allow(self, name: str) -> float:
        """An Allow line of load, less the margin that regretted removals took off it."""
        return round(self.limits[name] - margin(self.snapshot), 4)

    @property
    def alive(self) -> tuple[Carried, ...]:
        """The serving replicas among which the k victims will be chosen."""
        return tuple(carried for carried in self.fleet.serving if carried not in self.victims)

    @property
    def gone(self) -> tuple[Carried, ...]:
        """Replicas whose load the survivors carry in any case."""
        return (*self.fleet.gone, *self.victims)

    @property
    def everyone(self) -> tuple[Carried, ...]:
        """All replicas whose load counts."""
        return (*self.fleet.serving, *self.fleet.gone)

    @property
    def n(self) -> int:
        """Serving replicas before the removal, including those that only just left."""
        return len(self.everyone)

    @property
    def s(self) -> int:
        """Serving replicas after it."""
        return len(self.alive) - self.k


def margin(snapshot: Snapshot) -> float:
    """What is taken off the Allow lines of load (fraction), from 0 to `marginMost`; 0 offline."""
    known = snapshot.history.regret if snapshot.history else None
    return min(max(0.0, known.margin), max(0.0, snapshot.thresholds["marginMost"])) if known else 0.0


def case(snapshot: Snapshot, fleet: Fleet, to: int, actor: Actor) -> Case:
    """Work out which ready replicas a change to `to` replicas removes.

    A Deployment drops pods that are not ready first; a StatefulSet or LeaderWorkerSet its highest ordinals, ready
    or not. A stuck replica may be spared, so every removal is taken from those that serve.
    """
    doomed = _doomed(snapshot, to)
    if doomed is not None:
        victims = tuple(carried for carried in fleet.serving if carried.pod in doomed)
        return Case(snapshot, fleet, to, actor, 0, victims, bool(doomed))
    removed = max(0, len(snapshot.ready) - to)
    return Case(snapshot, fleet, to, actor, min(removed, len(fleet.serving)), (), removed > 0)


def removes_ready(snapshot: Snapshot, to: int) -> bool:
    """`Case.removes_ready` of a change to `to` replicas, without working out what any of them carries."""
    doomed = _doomed(snapshot, to)
    return len(snapshot.ready) > to if doomed is None else bool(doomed)


def _doomed(snapshot: Snapshot, to: int) -> frozenset[str] | None:
    """The ready pods that go, where their ordinals say; None where any may."""
    if not snapshot.target.ordered or any(replica.ordinal is None for replica in snapshot.ready):
        return None
    first = snapshot.target.first_ordinal + to
    return frozenset(replica.pod for replica in snapshot.ready if (replica.ordinal or 0) >= first)
