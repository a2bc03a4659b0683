"""What a replica should generate at its present load, as far as that is known."""

from dataclasses import dataclass
from math import log2

from scalewarden.model.baseline import Bucket, LowerSize
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import conditions, look, meters


@dataclass(frozen=True, slots=True)
class Expected:
    """Tokens/s of one replica, and in words where the number comes from."""

    tokens: float
    words: str


def expected(replica: Replica, snapshot: Snapshot) -> Expected | None:
    """None where it is not known.

    What a replica sustains is said of a full one. With less to do it generates what it is asked for, and its GPU may
    read 1.00 all the same: one request keeps a kernel resident. There its own past at an equal batch says more.
    """
    return _when_full(replica, snapshot) or _at_this_batch(replica, snapshot)


def full(replica: Replica, snapshot: Snapshot) -> bool:
    """Requests wait for it without a break, or its batch is near its limit."""
    return any(test(replica, snapshot).holds for test in (conditions.queue_stands, conditions.batch_filled))


def _when_full(replica: Replica, snapshot: Snapshot) -> Expected | None:
    """What it sustains; a figure that is declared for whole GPUs says nothing about a slice."""
    sustains, declared = snapshot.sustainable_tps, not snapshot.sustainable_learned
    if not sustains or (declared and meters.on_mig(replica, snapshot)) or not full(replica, snapshot):
        return None
    return Expected(sustains, "that it sustains when it is full")


def _at_this_batch(replica: Replica, snapshot: Snapshot) -> Expected | None:
    """What was learned at an equal batch with requests of like size, less one standard deviation."""
    name, limits = SignalName.RUNNING, snapshot.thresholds
    batch = look.lasting(snapshot, replica.pod, name, replica.signal(name), limits["learnEvery"])
    gpus = snapshot.workload.gpus_per_replica
    if snapshot.learned is None or not gpus or batch.gap or not batch.mean:
        return None
    near = [one for one in snapshot.learned.batches if abs(log2(batch.mean / one.running)) <= 0.5]
    known = [one for one in near if one.points >= limits["learnSamples"] and _alike(one, replica, snapshot)]
    if not known:
        return None
    bucket = known[0]
    return Expected(gpus * max(0.0, bucket.tps - bucket.deviation), f"usual with about {bucket.running} running")


def at_lower_size(replica: Replica, snapshot: Snapshot) -> Expected | None:
    """Tokens/s per GPU that a full replica gave at a lower tensor-parallel size, declared or learned.

    What is declared is taken as the figure of a size that pays; what a slice gives is no figure for GPUs.
    """
    gpus, declared = snapshot.workload.gpus_per_replica, not snapshot.sustainable_learned
    if snapshot.sustainable_tps and declared and gpus and not meters.on_mig(replica, snapshot):
        return Expected(snapshot.sustainable_tps / gpus, "that are declared")
    lower, size = snapshot.learned.lower if snapshot.learned else None, snapshot.workload.tensor_parallel_size
    if lower is None or size is None or lower.parallel >= size or not _alike(lower, replica, snapshot):
        return None
    return Expected(lower.tps, f"that it gave split over {lower.parallel}")


def _alike(bucket: Bucket | LowerSize, replica: Replica, snapshot: Snapshot) -> bool:
    """Requests of then and now are of like size: speeds differ many times with their lengths."""
    most = snapshot.thresholds["requestsAlike"]
    sizes = (
        (bucket.input, replica.reading(SignalName.INPUT_TOKENS)),
        (bucket.output, replica.reading(SignalName.OUTPUT_TOKENS)),
    )
    return all(then and now and now.value and 1 / most <= now.value / then <= most for then, now in sizes)
