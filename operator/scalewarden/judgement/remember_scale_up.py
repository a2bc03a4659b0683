"""What is written down of a scale-up, so that it can be judged once its replicas have taken their share."""

from dataclasses import replace

from scalewarden.model.signal import Absent, SignalName
from scalewarden.model.snapshot import History, ScaleUp, Snapshot
from scalewarden.signals.totals import mean_tokens, most_waiting


def most_ready(snapshot: Snapshot, before: History) -> int:
    """The most replicas that served since the desired count last fell: one that only comes back was not added."""
    return min(max(before.most_ready or 0, len(snapshot.ready)), snapshot.replicas_desired)


def scale_up(snapshot: Snapshot, before: History) -> ScaleUp | None:
    """The newest scale-up, as known by now. One that goes on is one; a decrease or an hour ends what is known."""
    known, limits, now = before.scale_up, snapshot.thresholds, most_ready(snapshot, before)
    if known is not None and (now < known.to or snapshot.at - known.at >= limits["ineffectiveKept"]):
        known = None
    if before.most_ready is None or now <= before.most_ready or not before.last_ready:
        return known
    if known is not None and snapshot.at - known.at < limits["ineffectiveAfter"]:
        return replace(known, at=snapshot.at, to=now)
    queues = [one.signal(SignalName.WAITING) for one in before.last_ready]
    gateway = snapshot.signal(SignalName.GATEWAY_WAITING)
    told = queues if isinstance(gateway, Absent) else [*queues, gateway]
    tokens = mean_tokens(before.last_ready, limits)
    return ScaleUp(snapshot.at, before.most_ready, now, tokens, most_waiting(told, limits))
