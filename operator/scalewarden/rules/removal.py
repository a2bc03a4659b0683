"""The removal that a rule explains: the one asked for, or one replica where nobody asks."""

from dataclasses import dataclass

from scalewarden.model.intent import Actor
from scalewarden.model.snapshot import Snapshot
from scalewarden.whatif.case import Case, case, removes_ready
from scalewarden.whatif.fleet import fleet


@dataclass(frozen=True, slots=True)
class Removal:
    """A change to `to` replicas, by whom."""

    snapshot: Snapshot
    to: int
    actor: Actor

    @property
    def removes_ready(self) -> bool:
        """A replica that serves would go."""
        return removes_ready(self.snapshot, self.to)

    def case(self) -> Case:
        """Who would go and who would stay, with what they carry: that costs a look at every replica."""
        return case(self.snapshot, fleet(self.snapshot), self.to, self.actor)


def explained(snapshot: Snapshot) -> Removal:
    """What is asked for, be it a removal or not; one replica fewer by an autoscaler where nobody asks."""
    intent = snapshot.intent
    if intent is None:
        return Removal(snapshot, max(0, snapshot.replicas_desired - 1), Actor.AUTOSCALER)
    return Removal(snapshot, intent.to, intent.actor)


def asked(snapshot: Snapshot) -> Removal | None:
    """The same; None where the intent is no decrease."""
    intent = snapshot.intent
    return None if intent is not None and not intent.is_decrease else explained(snapshot)
