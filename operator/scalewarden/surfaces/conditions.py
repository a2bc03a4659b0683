"""The conditions of an InferenceDeployment: Ready, SignalsFresh, ScaleDownSafe, AutoscalerSound, and their reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from scalewarden.judgement.evaluate import AutoscalerJudgement, Evaluation
from scalewarden.model.duration import rfc3339
from scalewarden.model.finding import Status
from scalewarden.model.signal import Absent
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.status import Condition, InferenceDeploymentStatus
from scalewarden.model.verdict import Decision
from scalewarden.signals.freshness import REQUIRED, State, replica_state

READY, SIGNALS_FRESH = "Ready", "SignalsFresh"
SCALE_DOWN_SAFE, AUTOSCALER_SOUND = "ScaleDownSafe", "AutoscalerSound"
TYPES = (READY, SIGNALS_FRESH, SCALE_DOWN_SAFE, AUTOSCALER_SOUND)


class Cause(StrEnum):
    """Reasons of conditions, besides the reasons of verdicts, which ScaleDownSafe carries."""

    EVALUATED = "Evaluated"
    NOT_EVALUATED = "NotEvaluated"
    INVALID_SPEC = "InvalidSpec"
    TARGET_NOT_FOUND = "TargetNotFound"
    TARGET_NOT_SCALABLE = "TargetNotScalable"
    TARGET_UNREADABLE = "TargetUnreadable"
    TARGET_TAKEN = "TargetTaken"
    NO_REPLICAS = "NoReplicas"
    SIGNALS_FRESH = "SignalsFresh"
    SIGNALS_MISSING = "SignalsMissing"
    SIGNALS_STALE = "SignalsStale"
    PARTIAL_COVERAGE = "PartialCoverage"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    AUTOSCALERS_SOUND = "AutoscalersSound"
    AUTOSCALER_UNSOUND = "AutoscalerUnsound"
    AUTOSCALER_UNKNOWN = "AutoscalerUnknown"
    NO_AUTOSCALER = "NoAutoscaler"
    INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a service could not be evaluated; message says what to do."""

    cause: Cause
    message: str


@dataclass(frozen=True, slots=True)
class Says:
    """What one condition says; status is True, False or Unknown."""

    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """What dates conditions: the generation that was judged, now (unix seconds), and what was written before."""

    generation: int
    now: float
    before: InferenceDeploymentStatus

    def condition(self, kind: str, says: Says) -> Condition:
        """With the old transition time where the status has not changed."""
        old = self.before.condition(kind)
        kept = old is not None and old.status == says.status
        return Condition(
            type=kind,
            status=says.status,
            observed_generation=self.generation,
            last_transition_time=old.last_transition_time if old and kept else rfc3339(self.now),
            reason=says.reason,
            message=says.message,
        )

    def all(self, *says: Says) -> tuple[Condition, ...]:
        """All four, in their order."""
        return tuple(self.condition(kind, one) for kind, one in zip(TYPES, says, strict=True))


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the reading of metrics: of the source as a whole (empty: nothing), and by pod."""

    source: str = ""
    pods: Mapping[str, str] = field(default_factory=dict)


def of_evaluation(evaluation: Evaluation, note: str, trouble: Trouble) -> tuple[Says, Says, Says, Says]:
    """What the four say of a service that was judged.

    note adds to Ready what the reader must know (that nothing is enforced here).
    """
    fresh = _signals(evaluation.snapshot, trouble)
    return _ready(evaluation.snapshot, fresh, note), fresh, _verdict(evaluation), _autoscalers(evaluation.autoscalers)


def of_problem(problem: Problem, before: InferenceDeploymentStatus, note: str = "") -> tuple[Says, Says, Says, Says]:
    """What they say where nothing could be judged; what is known of autoscalers stays. note adds to Ready."""
    unknown = Says("Unknown", problem.cause, problem.message)
    old = before.condition(AUTOSCALER_SOUND)
    kept = Says(old.status, old.reason, old.message) if old else unknown
    return Says("False", problem.cause, problem.message + note), unknown, unknown, kept


def _ready(snapshot: Snapshot, fresh: Says, note: str) -> Says:
    if not snapshot.ready:
        return Says("False", Cause.NO_REPLICAS, f"no replica of {snapshot.target.key} is ready{note}")
    states = {replica_state(replica, snapshot) for replica in snapshot.ready}
    if states == {State.ABSENT}:
        return Says("False", fresh.reason, fresh.message + note)
    engine = snapshot.engine.value
    return Says("True", Cause.EVALUATED, f"{engine}, {len(snapshot.ready)} ready replicas are judged{note}")


def _signals(snapshot: Snapshot, trouble: Trouble) -> Says:
    ready = snapshot.ready
    if not ready:
        return Says("Unknown", Cause.NO_REPLICAS, "no replica is ready, so none is read")
    states = [replica_state(replica, snapshot) for replica in ready]
    fresh = states.count(State.FRESH)
    if fresh == len(ready):
        return Says("True", Cause.SIGNALS_FRESH, f"required signals are fresh on all {fresh} ready replicas")
    counted = f"{fresh} of {len(ready)} ready replicas have fresh signals"
    if trouble.source:
        return Says("False", Cause.SOURCE_UNAVAILABLE, f"{trouble.source}; {counted}")
    return Says("False", _missing(states), f"{counted}; {_first_cause(snapshot, states, trouble)}")


def _missing(states: Sequence[State]) -> Cause:
    if State.FRESH in states:
        return Cause.PARTIAL_COVERAGE
    return Cause.SIGNALS_MISSING if set(states) == {State.ABSENT} else Cause.SIGNALS_STALE


def _first_cause(snapshot: Snapshot, states: Sequence[State], trouble: Trouble) -> str:
    """The first replica that lacks something, and why: what the source met, else what its signals say."""
    replica = next(one for one, state in zip(snapshot.ready, states, strict=True) if state is not State.FRESH)
    causes = [
        f"{name} {signal.cause}"
        for name in REQUIRED
        if isinstance(signal := replica.signal(name), Absent) and not signal.for_good
    ]
    met = trouble.pods.get(replica.pod)
    return f"{replica.pod}: {met or (causes[0] if causes else 'its newest sample is stale')}"


def _verdict(evaluation: Evaluation) -> Says:
    verdict = evaluation.verdict
    status = "True" if verdict.decision is Decision.ALLOW else "False"
    return Says(status, verdict.reason, verdict.message)


def _autoscalers(judged: Sequence[AutoscalerJudgement]) -> Says:
    if not judged:
        return Says("True", Cause.NO_AUTOSCALER, "no autoscaler acts on the target")
    unsound = [one for one in judged if one.status is Status.FIRED]
    if unsound:
        return Says("False", Cause.AUTOSCALER_UNSOUND, "; ".join(_unsound(one) for one in unsound))
    unknown = [f"{one.kind}/{one.name}" for one in judged if one.status is Status.UNKNOWN]
    if unknown:
        return Says("Unknown", Cause.AUTOSCALER_UNKNOWN, f"it cannot be said yet whether {', '.join(unknown)} is sound")
    names = ", ".join(f"{one.kind}/{one.name}" for one in judged)
    return Says("True", Cause.AUTOSCALERS_SOUND, f"sound: {names}")


def _unsound(judged: AutoscalerJudgement) -> str:
    fired = [f"{finding.rule} {finding.name}" for finding in judged.findings if finding.accuses]
    return f"{judged.kind}/{judged.name}: {', '.join(fired)}"
