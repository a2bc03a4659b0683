"""The verdicts for every count down to the one asked for: what a person looks at before a fleet is cut."""

from dataclasses import replace

from scalewarden.judgement.decide import Judge
from scalewarden.model.finding import Finding
from scalewarden.model.intent import Intent
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Verdict

MOST_ROWS = 12
"""More counts than this are thinned out; the asked one, the safe one and the one below it always stay."""


def what_if(
    snapshot: Snapshot, findings: tuple[Finding, ...], policy: Policy, asked: Intent
) -> tuple[tuple[int, Verdict], ...]:
    """(count, verdict) from one replica fewer down to the asked count; only the asked one where it is no decrease."""
    judge = Judge(snapshot, findings, policy)
    counts = _counts(asked, judge.safe_replicas(asked.to))
    return tuple((to, judge.decide(replace(asked, to=to))) for to in counts)


def _counts(asked: Intent, safe: int) -> list[int]:
    """Descending; evenly thinned out where there are too many."""
    every = range(asked.from_ - 1, asked.to - 1, -1)
    if not every:
        return [asked.to]
    if len(every) <= MOST_ROWS:
        return list(every)
    wanted = {count for count in (asked.to, safe, safe - 1) if count in every}
    rows = MOST_ROWS - len(wanted)
    evenly = {every[round(n * (len(every) - 1) / rows)] for n in range(rows)}
    return sorted(wanted | evenly, reverse=True)
