"""The formulas of the what-if: what the replicas that stay would carry. None where a fact is missing."""

from collections.abc import Callable
from math import fsum
from statistics import fmean

from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Routing
from scalewarden.signals import windows
from scalewarden.whatif.bound import Load, worst_survivor
from scalewarden.whatif.case import Case
from scalewarden.whatif.fleet import Carried, waiting_mean

_COMPUTED = 0.0001
"""Least share of a prompt that is computed, however much of it is cached: an engine computes its last token."""


def kv_cache_usage(case: Case) -> float | None:
    """Predicted KV usage (fraction) of the worst survivor: bound + queue + rise; None where none was measured."""
    if case.s < 1 or not case.fleet.exports_kv or all(c.kv_max is None for c in case.everyone):
        return None
    bound = fullest(case, lambda carried: carried.kv_max)
    return windows.rounded(bound + queue_share(case) + rise_share(case))


def fullest(case: Case, usage: Callable[[Carried], float | None]) -> float:
    """KV usage of the worst survivor by the usage (fraction) that each replica is said to have, the worst of all ways
    to compare their sizes; a replica that was not seen counts with nothing, so that only a Deny can rest on this."""

    def loads(some: tuple[Carried, ...], way: int) -> list[Load]:
        return [Load(usage(one) or 0.0, *one.sizes[way]) for one in some]

    return max(
        worst_survivor(
            loads(case.alive, way),
            loads(case.gone, way),
            case.k,
            sticky=case.snapshot.routing is Routing.STICKY,
            left_out=min(case.fleet.left_out, len(case.alive) - 1),
        )
        for way in range(len(case.alive[0].sizes))
    )


def waiting_total(case: Case) -> float | None:
    """Mean of all waiting requests over the last minute, engines and gateway; None where no engine says."""
    known = [carried.waiting for carried in case.everyone if carried.waiting is not None]
    if not known:
        return None
    gateway = case.snapshot.signal(SignalName.GATEWAY_WAITING)
    return fsum(known) + (waiting_mean(gateway, case.limits) or 0.0)


def waiting_per_replica(case: Case) -> float | None:
    """Waiting requests per survivor."""
    total = waiting_total(case)
    return None if total is None or case.s < 1 else windows.rounded(total / case.s)


def queue_share(case: Case) -> float:
    """KV usage (fraction per survivor) that the waiting requests would take once admitted; 0.0 where the request
    sizes (≥ 20 finishes) or the capacity are not known: the term is skipped, the queue tests still speak."""
    waiting, size, capacity = waiting_total(case), tokens_per_request(case), smallest_capacity(case, whole=True)
    if not waiting or size is None or capacity is None:
        return 0.0
    return min(waiting, admittable(case)) * size / (case.s * capacity)


def admittable(case: Case) -> float:
    """Requests that the batch limits still admit; without a known limit, all."""
    rooms = [
        max(0.0, carried.slots - carried.running)
        for carried in case.fleet.serving
        if carried.slots is not None and carried.running is not None
    ]
    return fsum(rooms) if len(rooms) == len(case.fleet.serving) else float("inf")


def tokens_per_request(case: Case) -> float | None:
    """KV tokens of a newly admitted request: its uncached input and half its output."""
    size_in, size_out = (_weighted(case, name) for name in (SignalName.INPUT_TOKENS, SignalName.OUTPUT_TOKENS))
    if size_in is None or size_out is None:
        return None
    return size_in * (1 - prefix_hits(case)) + size_out / 2


def prefix_hits(case: Case) -> float:
    """Share of input tokens that the survivors will still find in their prefix caches (fraction; 0.0 where nothing is
    known). With even routing each replica holds the common prefixes; where clients stick to theirs, a victim's are
    gone with it."""
    return hit_rate(case) * (case.s / case.n if case.snapshot.routing is Routing.STICKY else 1.0)


def hit_rate(case: Case) -> float:
    """Share of input tokens that are found in prefix caches now (fraction; 0.0 where nothing is known)."""
    hits = [r.value for c in case.fleet.serving if (r := c.replica.reading(SignalName.PREFIX_HIT))]
    return fmean(hits) if hits else 0.0


def prefill_growth(case: Case) -> float:
    """How much more of each prompt is computed once the victims' prefix caches are gone: 0.5 for half as much again,
    0.0 where no prefix is lost."""
    before, after = hit_rate(case), prefix_hits(case)
    return max(0.0, before - after) / max(1 - before, _COMPUTED)


def _weighted(case: Case, name: SignalName) -> float | None:
    readings = [r for c in case.everyone if (r := c.replica.reading(name)) and r.observations]
    seen = fsum(r.observations or 0.0 for r in readings)
    if seen <= 0 or seen < case.limits["latencyObservations"]:
        return None
    return fsum(r.value * (r.observations or 0.0) for r in readings) / seen


def smallest_capacity(case: Case, *, whole: bool = False) -> float | None:
    """KV tokens of the smallest survivor, of one engine or of the whole replica; None unless known for all."""
    capacities = [(one.capacity or 0.0) * (one.engines if whole else 1) for one in case.alive]
    return min(capacities, default=None) if all(capacities) else None


def rise_share(case: Case) -> float:
    """KV usage (fraction per survivor) that is added until a replacement would be ready, at most what was seen."""
    found = case.fleet.rise
    if found is None:
        return 0.0
    added = min(found.slope * cold_start(case), found.rise)
    capacity = smallest_capacity(case) if case.fleet.in_tokens else None
    return added / (case.s * (capacity or 1.0))


def cold_start(case: Case) -> float:
    """Seconds for a replacement to become ready: measured, else the default."""
    measured = case.snapshot.cold_start
    return case.limits["coldStart"] if measured is None else measured


def concurrency(case: Case) -> float | None:
    """Share of the batch limit that the fullest replica would reach; None where a limit or batch is unknown.

    Where limits differ, what a large replica hands over may land on a small one: counted in sequences, as KV usage is
    in tokens.
    """
    known = [Load(share, float(one.limit or 0)) for one in case.alive if (share := batch_share(one)) is not None]
    gone = [Load(share, float(one.limit or 0)) for one in case.gone if (share := batch_share(one)) is not None]
    if case.s < 1 or not (known or gone):
        return None
    spread = max(load.usage for load in (*known, *gone)) * case.n / case.s
    differ = len({load.capacity for load in (*known, *gone)}) > 1
    if differ and len(known) > case.k:
        spread = max(spread, worst_survivor(known, gone, case.k))
    return windows.rounded(spread)


def batch_share(one: Carried) -> float | None:
    """Batch and waiting requests of one engine over its limit; None where either is not known."""
    if one.batch is None or not one.limit:
        return None
    return (one.batch + (one.waiting or 0.0) / one.engines) / one.limit


def throughput(case: Case) -> float | None:
    """Share of the sustainable tokens/s that each survivor would carry; None where either is unknown.

    Where replicas have unlike shares of GPUs, the sustainable rate is the largest one's, and the others sustain as
    much less as they have less to compute with.
    """
    sustainable = case.snapshot.sustainable_tps
    tokens = [carried.tokens for carried in case.everyone if carried.tokens is not None]
    if not sustainable or not tokens or case.s < 1:
        return None
    mean = fmean(tokens)
    skew = max(tokens) / mean if mean else 1.0
    spread = fsum(tokens) / case.s * skew / sustainable
    return windows.rounded(max(spread, _on_the_smallest(case, sustainable)))


def _on_the_smallest(case: Case, sustainable: float) -> float:
    """Share of its own sustainable tokens/s that the worst survivor would carry; 0.0 where all compute alike."""
    parts = [carried.compute for carried in case.everyone]
    largest, smallest = max((one or 0.0 for one in parts), default=0.0), min((one or 0.0 for one in parts), default=0.0)
    if smallest <= 0 or smallest == largest:
        return 0.0

    def loads(some: tuple[Carried, ...]) -> list[Load]:
        rates = [sustainable * (one.compute or largest) / largest for one in some]
        return [Load((one.tokens or 0.0) / rate, rate) for one, rate in zip(some, rates, strict=True)]

    return worst_survivor(loads(case.alive), loads(case.gone), case.k)
