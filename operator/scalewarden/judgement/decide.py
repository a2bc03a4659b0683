"""The only place that answers: may this replica count become that one?"""

from collections.abc import Sequence
from dataclasses import replace

from scalewarden.judgement.assess import Results, assess, worst
from scalewarden.judgement.between import between
from scalewarden.judgement.safe_count import is_short, safe_count, stabilization
from scalewarden.model.finding import Finding
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision, Prediction, Reason, Test, TestResult, Uncertainty, Verdict
from scalewarden.signals.freshness import State
from scalewarden.whatif import latency, predict, uncertainty
from scalewarden.whatif.case import Case, case
from scalewarden.whatif.fleet import Carried, Fleet, fleet

REASONS = list(Reason)
TESTS = list(Test)


def decide(snapshot: Snapshot, findings: Sequence[Finding], intent: Intent, policy: Policy) -> Verdict:
    """Judge one intent. Only decreases are ever held or denied; the worst test decides and is named.

    findings: the rules' answers; they explain, and only the positive licence of an idle service (UTL104) is read.
    """
    return Judge(snapshot, findings, policy).decide(intent)


class Judge:
    """One snapshot prepared for several intents: the fence asks for every count below the desired one."""

    def __init__(self, snapshot: Snapshot, findings: Sequence[Finding], policy: Policy) -> None:
        self.snapshot, self.policy = snapshot, policy
        self.fleet: Fleet = fleet(snapshot)
        self.short = is_short(snapshot, self.fleet)
        self._idle = any(finding.rule == "UTL104" and finding.fired for finding in findings)
        self._safe: dict[int, int] = {}
        self._assessed: dict[tuple[int, Actor], Results] = {}

    def decide(self, intent: Intent) -> Verdict:
        """The verdict for one intent."""
        found = self.answer(intent)
        if found.reason in (Reason.NOT_A_DECREASE, Reason.BREAK_GLASS):
            return found
        predicted = self.prediction(intent.to, intent.actor)
        binding = found.tests[0] if found.tests and found.binding_test else None
        message = self._message(intent, found.decision, binding, predicted)
        return replace(found, predicted=predicted, message=message)

    def answer(self, intent: Intent) -> Verdict:
        """The verdict without its predicted numbers, which take a look at every sample."""
        if not intent.is_decrease:
            return self._passes(intent, Reason.NOT_A_DECREASE, "not a decrease: never refused")
        if self.glass_broken:
            return self._passes(intent, Reason.BREAK_GLASS, f"glass broken: {self.policy.break_glass_reason}")
        results = self.results(intent.to, intent.actor)
        decision = worst(results)
        binding = _binding(results, decision)
        return Verdict(
            decision=decision,
            reason=self._reason(intent, decision, binding),
            binding_test=binding.test if binding else None,
            message=self._message(intent, decision, binding),
            safe_replicas=self.safe_replicas(intent.to),
            tests=_binding_first(results, binding),
            expires_at=self._expires_at(decision, binding),
            named=self.named,
        )

    def results(self, to: int, actor: Actor) -> Results:
        """Every test of a decrease to `to`, stabilization included."""
        now = self._now(to, actor)
        if self.snapshot.history is None:
            return now
        return (*now, stabilization(self.snapshot, to, self.policy))

    def _now(self, to: int, actor: Actor) -> Results:
        if (to, actor) not in self._assessed:
            self._assessed[to, actor] = assess(self.snapshot, self.fleet, to, actor, self.policy)
        return self._assessed[to, actor]

    def passes(self, to: int) -> bool:
        """Does a decrease to `to` pass every test at this instant? Judged as for an autoscaler, the stricter actor."""
        return worst(self._now(to, Actor.AUTOSCALER)) is Decision.ALLOW

    @property
    def glass_broken(self) -> bool:
        """True while a recorded break-glass is in force."""
        return self.policy.glass_broken(self.snapshot.at)

    @property
    def evidence_at(self) -> float:
        """Unix seconds of the newest sample behind the verdict: only fresh evidence renews a refusal."""
        readings = (carried.replica.reading(SignalName.WAITING) for carried in self.fleet.serving)
        return max((reading.at for reading in readings if reading), default=self.snapshot.at)

    @property
    def named(self) -> tuple[str, ...]:
        """The replicas that a large fleet leaves out because they alone would decide: hot, queueing, silent."""
        if not self.fleet.left_out:
            return ()
        line = self.snapshot.thresholds["kvUsageAllow"]
        return tuple(carried.pod for carried in self.fleet.serving if _stands_out(carried, line))

    def safe_replicas(self, asked: int) -> int:
        """The safe count; zero is only ever offered to who asks for it."""
        lowest = 0 if asked == 0 else 1
        if lowest not in self._safe:
            self._safe[lowest] = safe_count(self.snapshot, self.passes, self.policy, lowest)
        return self._safe[lowest]

    def prediction(self, to: int, actor: Actor) -> Prediction:
        """The numbers of the what-if for `to` replicas."""
        one = self._case(to, actor)
        if one.s < 1:
            return Prediction()
        waits = predict.waiting_total(one) != 0
        itl, itl_range = latency.itl_predicted(one)
        ttft, ttft_range = latency.ttft_predicted(one)
        return Prediction(
            predict.kv_cache_usage(one),
            predict.waiting_per_replica(one),
            predict.concurrency(one),
            None if waits else predict.throughput(one),
            itl,
            ttft,
            Uncertainty(
                uncertainty.kv_cache_usage(one),
                uncertainty.waiting_per_replica(one),
                uncertainty.concurrency(one),
                uncertainty.throughput(one),
                itl_range,
                ttft_range,
            ),
        )

    def _case(self, to: int, actor: Actor) -> Case:
        return case(self.snapshot, self.fleet, to, actor)

    def _passes(self, intent: Intent, reason: Reason, message: str) -> Verdict:
        return Verdict(Decision.ALLOW, reason, None, message, self.safe_replicas(intent.to))

    def _reason(self, intent: Intent, decision: Decision, binding: TestResult | None) -> Reason:
        if decision is not Decision.ALLOW and binding is not None:
            return binding.reason
        if not self._case(intent.to, intent.actor).removes_ready:
            return Reason.NOT_READY_PODS_ONLY
        return Reason.GENUINELY_IDLE if self._idle else Reason.SAFE_TO_REMOVE

    def _message(
        self, intent: Intent, decision: Decision, binding: TestResult | None, predicted: Prediction | None = None
    ) -> str:
        word = {Decision.ALLOW: "is safe", Decision.HOLD: "is held", Decision.DENY: "is refused"}[decision]
        text = f"{intent.from_}→{intent.to} {word}"
        if binding is not None:
            text += f": {binding.message}{between(binding.test, predicted) if predicted else ''}"
        if decision is not Decision.ALLOW:
            text += f"; {self._way_out(intent)}"
        if self.named and decision is not Decision.DENY:
            more = f" and {len(self.named) - 3} more" if len(self.named) > 3 else ""
            text += f"; left out of the worst case, look at {', '.join(self.named[:3])}{more}"
        if self.snapshot.history is None:
            text += "; stabilization not applied, there is no history before this data"
        return text

    def _way_out(self, intent: Intent) -> str:
        safe = self.safe_replicas(intent.to)
        if safe < intent.from_:
            return f"{intent.from_}→{safe} is safe"
        return "the service is short of replicas as it is" if self.short else "no removal is safe now"

    def _expires_at(self, decision: Decision, binding: TestResult | None) -> float | None:
        """When the answer lapses unless fresh evidence renews it; an Allow needs no expiry."""
        if decision is Decision.ALLOW or binding is None:
            return None
        limits, history = self.snapshot.thresholds, self.snapshot.history
        blind = history.missing_since + self.policy.max_hold if history and history.missing_since is not None else None
        if binding.reason is Reason.STABILIZING and blind is not None and blind <= self.snapshot.at:
            return blind  # what was not seen to be safe for lack of signals; that hold has lapsed until they are good
        if binding.expires_at is not None:
            return binding.expires_at
        began = {
            Reason.SIGNALS_MISSING: (history.missing_since if history else None, self.policy.max_hold),
            Reason.PARTIAL_COVERAGE: (history.missing_since if history else None, self.policy.max_hold),
            Reason.REPLICA_STUCK: (history.stuck_since if history else None, limits["stuckHold"]),
        }
        since, lasts = began.get(binding.reason, (None, limits["denyExpiry"]))
        return (self.evidence_at if since is None else since) + lasts


def _stands_out(carried: Carried, line: float) -> bool:
    queues = carried.standing is not None and carried.standing is not Decision.ALLOW
    return (carried.kv_max or 0.0) > line or queues or bool(carried.preemptions) or carried.state is not State.FRESH


def _binding(results: Results, decision: Decision) -> TestResult | None:
    """The test that decides: by reason, then by order; for an Allow the one nearest to its line."""
    if decision is Decision.ALLOW:
        spoke = [result for result in results if result.value is not None and result.skipped is None]
        graded = [result for result in spoke if result.allow and result.deny]
        nearest = max(graded, key=lambda result: (result.value or 0.0) / (result.allow or 1.0), default=None)
        return nearest or min(spoke, key=lambda result: TESTS.index(result.test), default=None)
    same = [result for result in results if result.decision is decision]
    return min(same, key=lambda result: (REASONS.index(result.reason), TESTS.index(result.test)))


def _binding_first(results: Results, binding: TestResult | None) -> Results:
    rest = tuple(result for result in results if result is not binding)
    return (binding, *rest) if binding else rest
