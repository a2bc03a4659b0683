"""The removal that a rule explains: the one asked for, or one replica where nobody asks."""

from scalewarden.model.intent import Actor
from scalewarden.model.snapshot import Snapshot
from scalewarden.whatif.case import Case, case
from scalewarden.whatif.fleet import fleet


def asked(snapshot: Snapshot) -> Case | None:
    """Who would go and who would stay; None where the intent is no decrease."""
    intent = snapshot.intent
    if intent is not None and not intent.is_decrease:
        return None
    to = intent.to if intent else max(0, snapshot.replicas_desired - 1)
    return case(snapshot, fleet(snapshot), to, intent.actor if intent else Actor.AUTOSCALER)
