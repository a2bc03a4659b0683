"""What became of a removal: watched from the moment the replica count falls."""

from dataclasses import replace

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.hurt import SETTLING, arrivals, grew, hurt, in_flight, peak, seen_well
from scalewarden.judgement.margin import counted
from scalewarden.model.intent import Actor
from scalewarden.model.regret import Last, Outcome, Regret, Removal
from scalewarden.model.snapshot import Snapshot
from scalewarden.whatif import predict
from scalewarden.whatif.case import case

SLIPPED = "done in spite of a refusal: "
"""How the outcome of a removal begins that was not let pass."""


def watched(judge: Judge, known: Regret) -> Regret:
    """The record with one more look at the removal that is watched, and with the one that begins now."""
    snapshot, removal = judge.snapshot, known.removal
    if removal is not None:
        removal = replace(removal, hurt=removal.hurt or hurt(judge, removal.at))
        ended = snapshot.at - removal.at >= snapshot.thresholds["regretWatch"]
        if ended or snapshot.replicas_desired != removal.to:
            last = _outcome(judge, removal, whole=ended)
            known = counted(replace(known, removal=None), last, snapshot.thresholds, allowed=removal.allowed)
        else:
            known = replace(known, removal=removal)
    if snapshot.replicas_desired < known.desired and snapshot.replicas_desired > 0 and snapshot.ready:
        known = replace(known, removal=_begun(judge, known))
    return known


def _begun(judge: Judge, known: Regret) -> Removal:
    """The survivors carry what leaves and what has just left."""
    snapshot, to = judge.snapshot, judge.snapshot.replicas_desired
    predicted = predict.kv_cache_usage(case(snapshot, judge.fleet, to, Actor.AUTOSCALER))
    came, flying = _load_before(snapshot, known)
    return Removal(snapshot.at, known.desired, to, to >= known.floor, predicted, came, flying)


def _load_before(snapshot: Snapshot, known: Regret) -> tuple[float | None, float | None]:
    """Requests/s and requests of all replicas before it: as of the last evaluation, where some have left since."""
    removed = snapshot.history.removed if snapshot.history else ()
    if any(one.at == snapshot.at for one in removed):
        return known.arrivals, known.in_flight
    return arrivals(snapshot), in_flight(snapshot)


def _outcome(judge: Judge, removal: Removal, *, whole: bool) -> Last:
    """Regretted where it hurt, or was taken back, and the load had not grown; not known where it was cut short or
    hardly seen."""
    measured = peak(judge, removal.at)

    def last(outcome: Outcome, why: str) -> Last:
        slipped = "" if removal.allowed else SLIPPED
        return Last(removal.at, removal.to, outcome, f"{slipped}{why}", removal.predicted, measured)

    if removal.hurt and grew(judge.snapshot, removal):
        return last(Outcome.UNKNOWN, f"{removal.hurt}, and more requests came")
    if removal.hurt:
        return last(Outcome.REGRETTED, removal.hurt)
    if not whole and _taken_back(judge, removal):
        return last(Outcome.REGRETTED, f"{removal.from_} replicas were wanted again, and no more requests came")
    if not whole:
        return last(Outcome.UNKNOWN, "the replica count changed again")
    if not seen_well(judge):
        return last(Outcome.UNKNOWN, "the signals were missing")
    return last(Outcome.FINE, "no pressure came of it")


def _taken_back(judge: Judge, removal: Removal) -> bool:
    """As many as before are wanted again, not at once, and it is known that arrivals had not grown."""
    snapshot = judge.snapshot
    known = removal.arrivals is not None and arrivals(snapshot) is not None and seen_well(judge)
    back = snapshot.replicas_desired >= removal.from_ and snapshot.at - removal.at > SETTLING
    return back and known and not grew(snapshot, removal)
