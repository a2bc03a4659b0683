"""What was learned of a service, on one line for people."""

from collections.abc import Iterator

from scalewarden.model.baseline import Learned
from scalewarden.model.duration import rfc3339
from scalewarden.model.thresholds import Thresholds
from scalewarden.whatif.learned import itl_line, recent, sustainable_tps


def learned_text(learned: Learned | None, at: float, limits: Thresholds) -> str:
    """The line as of `at` (unix seconds); empty where nothing was learned yet."""
    parts = list(_parts(learned, at, limits)) if learned else []
    return f"Learned since {rfc3339(learned.since)}: {'; '.join(parts)}" if learned and parts else ""


def _parts(learned: Learned, at: float, limits: Thresholds) -> Iterator[str]:
    samples, sustained = len(recent(learned.saturated, at, limits)), sustainable_tps(learned, at, limits)
    if sustained is not None:
        yield f"a replica sustains {sustained:.0f} tokens/s ({samples} samples)"
    elif samples:
        yield f"what a replica sustains is not known ({samples} of {limits['learnSamples']:.0f} samples)"
    line = itl_line(learned, at, limits)
    if line is not None:
        each, base = line.slope * 1000, line.intercept * 1000
        yield f"ITL is {base:.1f} ms {'+' if each >= 0 else '−'} {abs(each):.2f} ms a running request"
    if learned.slowest_start is not None:
        yield f"a replica starts within {learned.slowest_start:.0f} s"
