"""Targets of a suggested autoscaler: what was observed, held against the lines in force, else a named default."""

import math
from dataclasses import dataclass
from statistics import fmean

from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Threshold
from scalewarden.model.workload import Engine
from scalewarden.rules import look
from scalewarden.surfaces.suggest_lines import (
    KV_TARGET,
    KV_TARGET_LEAST,
    TOLERANCE,
    WAITING_TARGET,
    WAITING_TARGET_LEAST,
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a suggestion, and in one sentence where it comes from."""

    value: float
    why: str

    @property
    def text(self) -> str:
        """As an object writes it."""
        return f"{self.value:g}"

    @property
    def whole(self) -> int:
        """As a count."""
        return int(self.value)


def default(line: Threshold) -> str:
    """`Default kvTarget 0.65 (source)`, for the beginning of a sentence."""
    return f"Default {line.name} {line.default:g} ({line.source})"


def kv_target(snapshot: Snapshot) -> Number:
    """Mean KV-cache usage (fraction) at which the fullest replica, as uneven as they are, is not yet called full."""
    deny = snapshot.thresholds["kvUsageDeny"]
    most, uneven = deny / (1 + TOLERANCE.default), _uneven(snapshot)
    line = f"an HPA adds at {TOLERANCE.default:.0%} over it, and from {deny:g} on (kvUsageDeny) the cache is full"
    if uneven is not None:
        fitting = max(min(KV_TARGET_LEAST.default, most), most / uneven.ratio)
        if fitting < KV_TARGET.default:
            return Number(_down(fitting), f"Observed: {uneven.said}; {line}.")
        return Number(KV_TARGET.default, f"{default(KV_TARGET)}; observed: {uneven.said}, which leaves room; {line}.")
    if most < KV_TARGET.default:
        return Number(_down(most), f"By the service's kvUsageDeny: {line}.")
    return Number(KV_TARGET.default, f"{default(KV_TARGET)}; {line}.")


@dataclass(frozen=True, slots=True)
class _Uneven:
    ratio: float
    said: str


def _uneven(snapshot: Snapshot) -> _Uneven | None:
    """The fullest replica's peak over the mean peak; None where a replica is not known or the load says nothing yet."""
    seconds, name = snapshot.thresholds["pressureWindow"], SignalName.KV_USAGE
    looks = [look.series(snapshot, one.pod, name, one.signal(name), seconds) for one in look.live(snapshot)]
    if len(looks) < 2 or any(seen.gap or not seen.values for seen in looks):
        return None
    peaks = [max(seen.values) for seen in looks]
    highest, mean = max(peaks), fmean(peaks)
    if highest < snapshot.thresholds["kvUsageLow"]:
        return None
    said = f"the fullest of {len(peaks)} replicas peaked at {highest:.2f}, the mean of their peaks is {mean:.2f}"
    return _Uneven(highest / mean, said)


def waiting_target(snapshot: Snapshot) -> Number:
    """Waiting requests a replica: as many as are served within the TTFT objective, where both are known."""
    deny = snapshot.thresholds["waitingPerReplicaDeny"]
    most = deny / (1 + TOLERANCE.default)
    line = f"from {deny:g} on (waitingPerReplicaDeny) removals are refused"
    served = _served_in_time(snapshot)
    if served is not None:
        value = min(most, max(WAITING_TARGET_LEAST.default, served.value))
        return Number(
            _down(value, 10), f"Observed: {served.why}; at least {WAITING_TARGET_LEAST.default:g}, and {line}."
        )
    if most < WAITING_TARGET.default:
        return Number(_down(most), f"By the service's waitingPerReplicaDeny: {line}.")
    return Number(WAITING_TARGET.default, f"{default(WAITING_TARGET)}; {line}.")


def _served_in_time(snapshot: Snapshot) -> Number | None:
    """Requests that a replica finishes within the part of the TTFT objective that is safe. Only while requests waited:
    before that, what is finished is the demand, not what a replica can do."""
    objective, share = snapshot.objectives.ttft_p95, snapshot.thresholds["latencyAllow"]
    rates = [replica.reading(SignalName.FINISH_RATE) for replica in look.live(snapshot)]
    known = [rate.value for rate in rates if rate is not None]
    if objective is None or not known or len(known) < len(rates) or not _waited(snapshot):
        return None
    rate = fmean(known)
    why = f"a replica finishes {rate:.2f} requests/s, and {share:.0%} of the TTFT objective are {share * objective:g} s"
    return Number(rate * share * objective, why)


def _waited(snapshot: Snapshot) -> bool:
    """True where requests waited on every replica within the window."""
    seconds, name = snapshot.thresholds["pressureWindow"], SignalName.WAITING
    looks = [look.series(snapshot, one.pod, name, one.signal(name), seconds) for one in look.live(snapshot)]
    return bool(looks) and all(max(seen.values, default=0.0) > 0 for seen in looks)


def running_target(snapshot: Snapshot) -> Number | None:
    """Running requests a replica: the safe share of what it can run together; None where that is not known."""
    limit = _batch_limit(snapshot)
    if limit is None:
        return None
    share = snapshot.thresholds["concurrencyAllow"]
    value = max(1.0, _down(share * limit.value, 1))
    return Number(value, f"{share:.0%} (concurrencyAllow) of {limit.value:g}, {limit.why}.")


def _batch_limit(snapshot: Snapshot) -> Number | None:
    """Sequences that all engines of a replica run together."""
    known = [one.max_num_seqs * one.engines for one in snapshot.ready if one.max_num_seqs is not None]
    if known:
        return Number(float(min(known)), "the batch limit of a replica")
    stated, engines = snapshot.workload.max_num_seqs, _engines(snapshot)
    if stated is not None:
        return Number(float(stated * engines), "the batch limit that its pod template states")
    full = _most_running(snapshot) if _waited(snapshot) else None
    return None if full is None else Number(full, "the most requests that a replica ran while others waited")


def _engines(snapshot: Snapshot) -> int:
    """Each data-parallel engine has a batch of its own; Triton's and TGI's limits are the server's."""
    whole = snapshot.engine in {Engine.TGI, Engine.TRITON, Engine.LLAMA_CPP}
    return 1 if whole else snapshot.workload.data_parallel_size or 1


def _most_running(snapshot: Snapshot) -> float | None:
    seconds, name = snapshot.thresholds["pressureWindow"], SignalName.RUNNING
    looks = [look.series(snapshot, one.pod, name, one.signal(name), seconds) for one in look.live(snapshot)]
    return min((max(seen.values) for seen in looks if seen.values), default=None)


def _down(value: float, steps: int = 100) -> float:
    """Rounded down, so that a target never lies over its line."""
    return math.floor(value * steps + 1e-9) / steps
