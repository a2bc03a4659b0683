"""Scalewarden's own metrics, in the Prometheus format.

`scalewarden_safe_replicas` is made to be an autoscaler's metric too (AverageValue 1): an autoscaler takes the
largest of its metrics, so the fleet holds without any refusal. Only the leader exposes what it says of services,
else two replicas of the operator would add up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from scalewarden.judgement.evaluate import Evaluation
from scalewarden.model.diagnosis import Regime
from scalewarden.model.signal import Reading
from scalewarden.signals.freshness import age, required
from scalewarden.surfaces.coverage import Why
from scalewarden.surfaces.held import held_gpu_seconds

SERVICE = ("namespace", "inferencedeployment", "target")

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: name, what it says, its labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


SAFE = Metric("scalewarden_safe_replicas", "Smallest replica count that passes every test.", SERVICE)
FENCE = Metric(
    "scalewarden_fence_replicas", "Replica count that admission enforces, for everyone and for autoscalers.",
    (*SERVICE, "actor"),
)  # fmt: skip
FINDINGS = Metric("scalewarden_findings", "Findings of a rule by status, 1 each.", (*SERVICE, "rule", "status"))
DIAGNOSIS = Metric(
    "scalewarden_diagnosis", "1 for the regime that bounds the service, 0 for others.", (*SERVICE, "regime")
)
AGE = Metric(
    "scalewarden_signal_age_seconds", "Age of the oldest required signal of a ready replica.", (*SERVICE, "signal")
)
OUTCOMES = Metric(
    "scalewarden_outcomes",
    "What became of removals and refusals since the service is described.",
    (*SERVICE, "outcome"),
)
MARGIN = Metric(
    "scalewarden_margin", "What is taken off the Allow lines of load after regretted removals, as a fraction.", SERVICE
)
UNGUARDED = Metric(
    "scalewarden_unguarded_services",
    "Services in mode Enforce that nothing in the API server guards, by why: the mode is capped, the namespace is not "
    "opted in, the glass is broken, the target's kind is not covered, or the policy is missing.",
    ("why",),
)
HELD = Metric(
    "scalewarden_held_gpu_seconds_total",
    "GPU seconds that replicas were kept while a refused decrease was still asked for, by the rule behind it.",
    ("rule",),
)
EVALUATION = Metric("scalewarden_evaluation_seconds", "Time to gather and judge all services once.")
WATCH_AGE = Metric(
    "scalewarden_watch_age_seconds", "Time since the API server was last heard of a resource.", ("resource",)
)
ERRORS = Metric(
    "scalewarden_evaluation_errors_total", "Services that could not be judged because of a defect in Scalewarden."
)
SUPPRESSED = Metric("scalewarden_events_suppressed_total", "Events that the rate limit kept back.")
LEADER = Metric("scalewarden_leader", "1 while this operator writes, 0 while it stands by.")
METRICS = (
    SAFE,
    FENCE,
    FINDINGS,
    DIAGNOSIS,
    AGE,
    OUTCOMES,
    MARGIN,
    UNGUARDED,
    HELD,
    EVALUATION,
    WATCH_AGE,
    ERRORS,
    SUPPRESSED,
    LEADER,
)
"""Everything the operator exposes, for the reference page."""


class OperatorMetrics:
    """The metrics of one operator process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._safe, self._fence, self._findings = self._gauge(SAFE), self._gauge(FENCE), self._gauge(FINDINGS)
        self._diagnosis, self._age = self._gauge(DIAGNOSIS), self._gauge(AGE)
        self._watch_age, self._leader = self._gauge(WATCH_AGE), self._gauge(LEADER)
        self.evaluation = Histogram(EVALUATION.name, EVALUATION.help, buckets=_SECONDS, registry=self.registry)
        self.errors = Counter(ERRORS.name, ERRORS.help, registry=self.registry)
        self._suppressed = Counter(SUPPRESSED.name, SUPPRESSED.help, registry=self.registry)
        self._outcomes, self._margin = self._gauge(OUTCOMES), self._gauge(MARGIN)
        self._unguarded = self._gauge(UNGUARDED)
        self._held = Counter(HELD.name, HELD.help, HELD.labels, registry=self.registry)
        self._judged_at: dict[str, float] = {}
        self._counted = 0

    def _gauge(self, metric: Metric) -> Gauge:
        return Gauge(metric.name, metric.help, metric.labels, registry=self.registry)

    def show(self, evaluations: Iterable[tuple[Evaluation, Mapping[str, int]]]) -> None:
        """Replace what is said of services; the floors of each by actor (`anyone`, `autoscaler`), empty for none."""
        for gauge in (
            self._safe, self._fence, self._findings, self._diagnosis, self._age, self._outcomes, self._margin,
        ):  # fmt: skip
            gauge.clear()
        judged_at, self._judged_at = self._judged_at, {}
        for evaluation, floors in evaluations:
            self._show(evaluation, floors)
            held = held_gpu_seconds(evaluation, judged_at.get(evaluation.snapshot.key))
            if held is not None:
                self._held.labels(held.rule).inc(held.gpu_seconds)
            self._judged_at[evaluation.snapshot.key] = evaluation.snapshot.at

    def show_unguarded(self, counts: Mapping[Why, int]) -> None:
        """Services that nothing guards, by why; 0 where there are none."""
        for why in Why:
            self._unguarded.labels(why.value).set(counts.get(why, 0))

    def _show(self, evaluation: Evaluation, floors: Mapping[str, int]) -> None:
        snapshot = evaluation.snapshot
        service = (snapshot.namespace, snapshot.name, snapshot.target.key)
        self._safe.labels(*service).set(evaluation.verdict.safe_replicas)
        for actor, floor in floors.items():
            self._fence.labels(*service, actor).set(floor)
        for finding in evaluation.findings:
            self._findings.labels(*service, finding.rule, finding.status.value).set(1)
        for regime in Regime:
            self._diagnosis.labels(*service, regime.value).set(regime is evaluation.diagnosis.regime)
        for name, seconds in _ages(evaluation).items():
            self._age.labels(*service, name).set(seconds)
        known = evaluation.history.regret
        for outcome, count in known.counts.items() if known else ():
            self._outcomes.labels(*service, outcome.value).set(count)
        self._margin.labels(*service).set(known.margin if known else 0.0)

    def page(self, ages: Mapping[str, float], *, leader: bool, suppressed: int) -> bytes:
        """The page that Prometheus reads: ages of watches (s) by resource, and how many events were kept back."""
        for resource, seconds in ages.items():
            self._watch_age.labels(resource).set(seconds)
        self._leader.set(leader)
        self._suppressed.inc(suppressed - self._counted)
        self._counted = suppressed
        return generate_latest(self.registry)


def _ages(evaluation: Evaluation) -> dict[str, float]:
    """The oldest of each required signal over the ready replicas that have it."""
    snapshot = evaluation.snapshot
    found: dict[str, float] = {}
    for replica in snapshot.ready:
        for name in required(snapshot):
            signal = replica.signal(name)
            if isinstance(signal, Reading):
                found[name] = max(found.get(name, 0.0), age(signal, snapshot.at))
    return found
