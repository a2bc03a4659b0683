"""The verdicts for every lower count, folded into the two numbers that admission enforces."""

from dataclasses import dataclass

from scalewarden.judgement.decide import Judge
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.verdict import Decision, Reason, Test, Verdict

EXPLANATION: dict[Reason, str] = {
    Reason.BELOW_MINIMUM: "fewer replicas than the declared minimum",
    Reason.REQUESTS_IN_FLIGHT: "requests are in flight and no replica would be left to serve them",
    Reason.KV_CACHE_PRESSURE: "the KV cache of the replicas that stay would overflow",
    Reason.PREEMPTING: "the engines already preempt requests for lack of KV cache",
    Reason.QUEUE_PRESSURE: "requests already queue on the replicas that would have to take more",
    Reason.CONCURRENCY_BOUND: "the replicas that stay would run into their batch limit",
    Reason.THROUGHPUT_BOUND: "the replicas that stay could not sustain the tokens per second",
    Reason.LATENCY_AT_RISK: "latency is at its objective already",
    Reason.REPLICA_STUCK: "a replica is stuck, its load is not spare capacity",
    Reason.SIGNALS_MISSING: "the signals that would show it to be safe are missing",
    Reason.PARTIAL_COVERAGE: "some replicas cannot be seen",
    Reason.IN_TRANSITION: "replicas are still warming up",
    Reason.STABILIZING: "it has not been safe for long enough",
}
"""One stable sentence a reason, without live numbers: refusals are aggregated by their text."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """What admission enforces: nobody goes below `replicas`, autoscalers not below `autoscaler_replicas`.

    reason, binding_test and message say why nobody goes below `replicas` (why autoscalers do not, where that is 0);
    autoscaler_reason and autoscaler_message why autoscalers stop at their own, higher number. Messages are stable.
    expires_at is unix seconds.
    """

    replicas: int
    autoscaler_replicas: int
    reason: Reason
    binding_test: Test | None
    message: str
    expires_at: float
    autoscaler_reason: Reason
    autoscaler_message: str


def frontier(judge: Judge) -> Frontier | None:
    """Fold the verdicts of all lower counts; None where no decrease is refused, or every hold has lapsed."""
    if judge.glass_broken:
        return None
    desired = judge.snapshot.replicas_desired
    denied = _first_refused(judge, desired, Decision.DENY)
    held = _first_refused(judge, desired, Decision.HOLD)
    if held is None:
        return None
    nobody, autoscalers = (denied or held)[1], held[1]
    return Frontier(
        replicas=denied[0] + 1 if denied else 0,
        autoscaler_replicas=held[0] + 1,
        reason=nobody.reason,
        binding_test=nobody.binding_test,
        message=EXPLANATION[nobody.reason],
        expires_at=max(verdict.expires_at or judge.snapshot.at for verdict in (nobody, autoscalers)),
        autoscaler_reason=autoscalers.reason,
        autoscaler_message=EXPLANATION[autoscalers.reason],
    )


def _first_refused(judge: Judge, desired: int, level: Decision) -> tuple[int, Verdict] | None:
    """The largest lower count whose verdict is `level` or worse and has not lapsed, with that verdict."""
    for to in range(desired - 1, -1, -1):
        verdict = judge.answer(Intent(desired, to, Actor.AUTOSCALER))
        lapsed = verdict.expires_at is not None and verdict.expires_at <= judge.snapshot.at
        if verdict.decision.level >= level.level and not lapsed:
            return to, verdict
    return None
