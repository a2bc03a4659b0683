"""Which way a line is moved so that more removals pass; lines that only explain or cut both ways are in neither set."""

from collections.abc import Iterator

from scalewarden.model.thresholds import CATALOGUE, Thresholds

ABOVE = frozenset(
    {
        "kvUsageAllow", "kvUsageDeny", "waitingPerReplicaAllow", "waitingPerReplicaDeny", "concurrencyAllow",
        "concurrencyDeny", "throughputAllow", "throughputDeny", "latencyAllow", "latencyDeny", "preemptions",
        "waitingNeverZero", "waitingNeverZeroMean", "autoscalerBounce",
    }
)  # fmt: skip
"""A higher line lets more pass."""
BELOW = frozenset(
    {
        "kvReleaseBand", "denyExpiry", "stuckHold", "dwell", "signalsRecovered", "marginStep", "marginMost",
        "marginForget", "marginForgive",
    }
)  # fmt: skip
"""A lower line lets more pass: shorter waits, and less that is taken off."""


def looser(before: Thresholds, after: Thresholds) -> Iterator[tuple[str, float, float]]:
    """Name, line before and line now of each that lets more pass, in the order of the catalogue."""
    for name in CATALOGUE:
        was, now = before[name], after[name]
        if (name in ABOVE and now > was) or (name in BELOW and now < was):
            yield name, was, now
