"""A replay as the JSON document of `scalewarden replay -o json`; the report and the screen are made from it too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum

from scalewarden import __version__
from scalewarden.model.duration import rfc3339
from scalewarden.model.finding import Misinterpretation
from scalewarden.model.policy import Mode
from scalewarden.model.regret import Outcome
from scalewarden.model.replayed import Bucket, Decided, Replayed
from scalewarden.model.verdict import Decision
from scalewarden.surfaces.replay_json_models import (
    DecisionDocument,
    GapDocument,
    MisreadingDocument,
    RegimeDocument,
    ReplayDocument,
    ServiceDocument,
    StepDocument,
    TimelineDocument,
    TotalsDocument,
)

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class About:
    """What a replay was of: the server or folder, from when to when (unix seconds), seconds between evaluations, and
    what a reader must know."""

    source: str
    start: float
    end: float
    step: float
    notes: tuple[str, ...] = ()


def document(about: About, services: Sequence[Replayed]) -> ReplayDocument:
    """The document of a replay; services in the order given."""
    found = [_service(one) for one in services]
    return ReplayDocument(
        version=__version__,
        source=about.source,
        from_=rfc3339(about.start),
        to=rfc3339(about.end),
        step_seconds=about.step,
        summary=_summed([one.totals for one in found]),
        services=found,
        notes=list(about.notes),
    )


def to_json(found: ReplayDocument) -> str:
    """The document as JSON text, a line a service: columns are long."""
    return found.model_dump_json(by_alias=True, indent=2)


def _service(one: Replayed) -> ServiceDocument:
    return ServiceDocument(
        inference_deployment=one.key,
        target=one.target,
        engine=one.engine,
        mode=Mode(one.mode),
        gpus_per_replica=one.gpus_per_replica,
        kv_allow=one.kv_allow,
        kv_deny=one.kv_deny,
        totals=_totals(one),
        timeline=_timeline(one.timeline),
        steps=[StepDocument(at=rfc3339(step.at), from_=step.from_, to=step.to) for step in one.steps],
        decisions=[_decision(decided, one.gpus_per_replica) for decided in one.decided],
        beyond=one.beyond,
        misreadings=[
            MisreadingDocument(
                misinterpretation=list(told.misinterpretations), rule=told.rule, name=told.name,
                autoscaler=told.autoscaler, from_=rfc3339(told.from_), to=rfc3339(told.to), message=told.message,
            )
            for told in one.misreadings
        ],
        gaps=[GapDocument(from_=rfc3339(gap.from_), to=rfc3339(gap.to), why=gap.what) for gap in one.gaps],
        regimes=[RegimeDocument(regime=r.what, from_=rfc3339(r.from_), to=rfc3339(r.to)) for r in one.regimes],
    )  # fmt: skip


def _decision(one: Decided, gpus: int | None) -> DecisionDocument:
    hours = one.replica_seconds_held / HOUR
    return DecisionDocument(
        at=rfc3339(one.at),
        from_=one.from_,
        to=one.to,
        actor=one.actor,
        decision=one.decision,
        reason=one.reason,
        binding_test=one.binding_test,
        message=one.message,
        regime=one.regime,
        safe_replicas=one.safe_replicas,
        predicted_kv=_rounded(one.predicted),
        measured_kv=_rounded(one.measured),
        outcome=one.outcome,
        outcome_why=one.why,
        held_until=None if one.held_until is None else rfc3339(one.held_until),
        replica_hours_held=round(hours, 4),
        gpu_hours_held=None if gpus is None else round(hours * gpus, 4),
        misinterpretation=list(one.against),
    )


def _timeline(buckets: Sequence[Bucket]) -> TimelineDocument:
    def column(name: str) -> list[float | None]:
        return [_rounded(getattr(bucket, name)) for bucket in buckets]

    return TimelineDocument(
        bucket_seconds=buckets[0].seconds if buckets else 0.0,
        at=[rfc3339(bucket.at) for bucket in buckets],
        desired=column("desired"),
        ready=column("ready"),
        safe=column("safe"),
        fence=column("fence"),
        autoscaler_fence=column("autoscaler_fence"),
        kv_high=column("kv_high"),
        kv_mean=column("kv_mean"),
        waiting=column("waiting"),
        running=column("running"),
        tokens_per_second=column("tokens_per_second"),
    )


def _totals(one: Replayed) -> TotalsDocument:
    refused = [decided for decided in one.decided if decided.refused]
    hours = fsum(decided.replica_seconds_held for decided in refused) / HOUR
    needless = [decided for decided in refused if decided.outcome is Outcome.NEEDLESS]
    gpus = one.gpus_per_replica
    return TotalsDocument(
        services=1,
        evaluations=one.evaluations,
        decreases=len(one.decided) + one.beyond,
        allowed=len(one.decided) - len(refused),
        refused=sum(decided.decision is Decision.DENY for decided in refused),
        held=sum(decided.decision is Decision.HOLD for decided in refused),
        avoided=sum(decided.outcome is Outcome.NEEDED for decided in refused),
        needless=len(needless),
        regretted=sum(decided.outcome is Outcome.REGRETTED for decided in one.decided),
        unknown=sum(decided.outcome is Outcome.UNKNOWN for decided in one.decided),
        replica_hours_held=round(hours, 4),
        gpu_hours_held=None if gpus is None else round(hours * gpus, 4),
        gpu_hours_held_needlessly=None if gpus is None else _gpu_hours(needless, gpus),
        misinterpretations={kind: one.misread.get(kind, 0) for kind in Misinterpretation},
    )


def _gpu_hours(some: Iterable[Decided], gpus: int) -> float:
    return round(fsum(decided.replica_seconds_held for decided in some) / HOUR * gpus, 4)


def _summed(several: Sequence[TotalsDocument]) -> TotalsDocument:
    """Of all services; GPU hours of those whose GPUs are known, null where none's are."""

    def total(name: str) -> float | None:
        known = [value for one in several if (value := getattr(one, name)) is not None]
        return round(fsum(known), 4) if known else None

    counts = (
        "services", "evaluations", "decreases", "allowed", "refused", "held", "avoided", "needless", "regretted",
        "unknown",
    )  # fmt: skip
    return TotalsDocument(
        **{name: int(total(name) or 0) for name in counts},
        replica_hours_held=total("replica_hours_held") or 0.0,
        gpu_hours_held=total("gpu_hours_held"),
        gpu_hours_held_needlessly=total("gpu_hours_held_needlessly"),
        misinterpretations={kind: sum(one.misinterpretations[kind] for one in several) for kind in Misinterpretation},
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
