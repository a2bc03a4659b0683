"""From `absentSeconds` on a sample says nothing about now: what it belongs to is absent."""

from scalewarden.model.signal import Absent
from scalewarden.model.thresholds import Thresholds


def is_stale(at: float, now: float, limits: Thresholds) -> bool:
    """True for a sample taken at `at` that is too old at `now` (unix seconds)."""
    return now - at >= limits["absentSeconds"]


def stale(limits: Thresholds) -> Absent:
    """Why such a signal is absent."""
    return Absent(f"stale: its newest sample is older than {limits['absentSeconds']:.0f} s")
