"""What a refusal costs: GPU seconds of the replicas that somebody still wants removed, by the rule behind it."""

from dataclasses import dataclass

from scalewarden.judgement.evaluate import Evaluation
from scalewarden.model.verdict import Reason
from scalewarden.rules.gpu_use import gpus_of_replica

RULE_OF = {
    Reason.BELOW_MINIMUM: "policy",
    Reason.REQUESTS_IN_FLIGHT: "SCL505",
    Reason.PREEMPTING: "KVC202",
    Reason.REPLICA_STUCK: "THR305",
    Reason.SIGNALS_MISSING: "SIG002",
    Reason.PARTIAL_COVERAGE: "SIG004",
    Reason.IN_TRANSITION: "SCL504",
}
"""The rule that explains a reason best; SCL501, survivors-overcommitted, for all the others."""

LONGEST = 60.0
"""Seconds between two evaluations that are counted at most: an operator that slept has held nothing."""


@dataclass(frozen=True, slots=True)
class HeldGpus:
    """So many GPU seconds since the last evaluation, held by one rule."""

    rule: str
    gpu_seconds: float


def held_gpu_seconds(evaluation: Evaluation, before: float | None) -> HeldGpus | None:
    """Since the evaluation at `before` (unix seconds); None where nobody wants fewer replicas, where that would pass
    now, or where it is not known how many GPUs a replica holds."""
    snapshot, found = evaluation.snapshot, evaluation.frontier
    refused = snapshot.history.refused if snapshot.history else None
    gpus = gpus_of_replica(snapshot)
    if before is None or found is None or refused is None or not gpus:
        return None
    wanted = snapshot.at - refused.at < snapshot.thresholds["regretAsked"]
    if not wanted or refused.to >= found.autoscaler_replicas:
        return None
    seconds = min(max(0.0, snapshot.at - before), LONGEST)
    held = min(found.autoscaler_replicas, snapshot.replicas_desired) - refused.to
    return HeldGpus(RULE_OF.get(found.autoscaler_reason, "SCL501"), seconds * held * gpus)
