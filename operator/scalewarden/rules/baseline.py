"""What a replica should generate at its present load, as far as that is known."""

from dataclasses import dataclass

from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import conditions, meters


@dataclass(frozen=True, slots=True)
class Expected:
    """Tokens/s of one replica, and in words where the number comes from."""

    tokens: float
    words: str


def expected(replica: Replica, snapshot: Snapshot) -> Expected | None:
    """None where it is not known.

    What a replica sustains is said of a full one. With less to do it generates what it is asked for, and its GPU may
    read 1.00 all the same: one request keeps a kernel resident. A figure for whole GPUs says nothing about a slice.
    """
    sustains = snapshot.sustainable_tps
    if not sustains or meters.on_mig(replica, snapshot) or not full(replica, snapshot):
        return None
    return Expected(sustains, "that it sustains when it is full")


def full(replica: Replica, snapshot: Snapshot) -> bool:
    """Requests wait for it without a break, or its batch is near its limit."""
    return any(test(replica, snapshot).holds for test in (conditions.queue_stands, conditions.batch_filled))
