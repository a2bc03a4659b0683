"""`status` of an InferenceDeployment: what was found, what would be safe, and what admission enforces.

Enumerations are plain strings here: a reader may be older than the operator that wrote them.
"""

from typing import Annotated, Any

from pydantic import Field

from scalewarden.model.schema_constraint import StatusModel
from scalewarden.model.status_baseline import BaselineStatus

_INSTANT: dict[str, Any] = {"format": "date-time"}
Instant = Annotated[str, Field(json_schema_extra=_INSTANT)]


class ReplicaCounts(StatusModel):
    """Replicas of the target."""

    desired: int | None = Field(None, description="The target's spec.replicas.")
    ready: int | None = Field(None, description="Replicas that serve.")
    fresh: int | None = Field(None, description="Ready replicas with fresh signals.")


class Summary(StatusModel):
    """The numbers of the wide table, rounded."""

    kv_usage: float | None = Field(None, description="Highest KV-cache usage of a replica, as a fraction.")
    waiting: float | None = Field(None, description="Waiting requests over all replicas.")
    tokens_per_second: float | None = Field(None, description="Generated tokens/s over all replicas.")


class DiagnosisStatus(StatusModel):
    """What bounds the service."""

    regime: str = Field(description="What bounds the service, like KVCacheBound.")
    confidence: str | None = Field(None, description="High, Medium or Low.")
    summary: str | None = Field(None, description="One sentence for people.")
    advice: str | None = Field(None, description="What to do about it.")
    since: Instant | None = Field(None, description="When this regime was first seen without a break.")


class FenceStatus(StatusModel):
    """What admission enforces; absent where nothing is refused."""

    replicas: int = Field(description="Nobody goes below this count.")
    autoscaler_replicas: int | None = Field(None, description="Autoscalers do not go below this count.")
    reason: str | None = Field(None, description="Why, like KVCachePressure.")
    message: str | None = Field(None, description="The text of a refusal.")
    autoscaler_reason: str | None = Field(
        None, description="Why autoscalers stop at autoscalerReplicas, where that differs from reason."
    )
    autoscaler_message: str | None = Field(
        None, description="The text of a refusal for an autoscaler, where that differs from message."
    )
    expires_at: Instant | None = Field(None, description="When it lapses unless fresh evidence renews it.")
    way_out: str | None = Field(None, description="The command that lifts refusals for a while, on the record.")


class EvidenceStatus(StatusModel):
    """One number and the line it is held against."""

    signal: str = Field(description="Canonical signal or fact, like kv_usage.")
    replica: str | None = Field(None, description="The pod, GPU or autoscaler that the number belongs to.")
    value: float | None = Field(None, description="What was measured, in `unit`.")
    unit: str | None = Field(None, description="Unit of value and threshold; fraction is 0 to 1.")
    threshold: float | None = Field(None, description="The line that the value is held against.")
    source: str | None = Field(None, description="Series or field that the number was read from.")


class FindingStatus(StatusModel):
    """One rule's answer: Fired, or Unknown where signals do not suffice."""

    rule: str = Field(description="Code of the rule, like KVC201: `scalewarden rules KVC201` explains it.")
    name: str | None = Field(None, description="Name of the rule, like kv-cache-pressure.")
    status: str = Field(description="Fired or Unknown.")
    severity: str | None = Field(None, description="Info, Warning or Error.")
    message: str | None = Field(None, description="One sentence for people.")
    evidence: tuple[EvidenceStatus, ...] = Field((), description="The numbers behind it.")


class AutoscalerStatus(StatusModel):
    """How an autoscaler of the target was judged."""

    kind: str = Field(description="HorizontalPodAutoscaler or ScaledObject.")
    name: str = Field(description="Its name.")
    status: str = Field(description="The worst status of its findings.")
    findings: tuple[FindingStatus, ...] = Field((), description="Rules that fired or could not speak.")


class OutcomesStatus(StatusModel):
    """How often each outcome came since the service is described."""

    fine: int | None = Field(None, description="Removals after which nothing was under pressure.")
    regretted: int | None = Field(None, description="Removals after which the replicas that stayed were saturated.")
    needed: int | None = Field(None, description="Refusals whose count would not have carried the load of the time.")
    needless: int | None = Field(None, description="Refusals whose count would have carried it at every instant.")
    unknown: int | None = Field(None, description="Those of which nobody can tell.")


class OutcomeStatus(StatusModel):
    """What became of one removal or refusal."""

    time: Instant = Field(description="When it was made, or first refused.")
    to: int = Field(description="Replica count that it went to, or that was refused.")
    outcome: str = Field(description="Fine, Regretted, Needed, Needless or Unknown.")
    why: str | None = Field(None, description="One clause for people.")
    predicted: float | None = Field(None, description="KV usage that was predicted, as a fraction.")
    measured: float | None = Field(None, description="Highest KV usage that came, as a fraction.")


class RegretStatus(StatusModel):
    """What became of removals and refusals, and what follows from it."""

    outcomes: OutcomesStatus | None = None
    margin: float | None = Field(None, description="What is taken off the Allow lines of load, as a fraction.")
    good: int | None = Field(None, description="Good outcomes since the margin last moved.")
    changed_at: Instant | None = Field(None, description="When the margin last moved.")
    last: OutcomeStatus | None = None


class DecisionStatus(StatusModel):
    """One request to change the replica count, as admission answered it."""

    time: Instant = Field(description="When it was answered.")
    actor: str | None = Field(None, description="Who asked.")
    path: str | None = Field(None, description="What was written, like deployments/scale.")
    from_: int | None = Field(None, alias="from", description="Replica count before.")
    to: int | None = Field(None, description="Replica count asked for.")
    verdict: str | None = Field(None, description="Allow, Hold or Deny.")
    reason: str | None = Field(None, description="Why, like KVCachePressure.")


class Condition(StatusModel):
    """A condition as in meta/v1."""

    type: Annotated[str, Field(max_length=316)] = Field(
        description="Ready, SignalsFresh, ScaleDownSafe or AutoscalerSound."
    )
    status: Annotated[str, Field(json_schema_extra={"enum": ["True", "False", "Unknown"]})] = Field(
        description="True, False or Unknown."
    )
    observed_generation: int | None = Field(None, description="Generation of the spec that was judged.")
    last_transition_time: Instant = Field(description="When the status last changed.")
    reason: Annotated[str, Field(min_length=1, max_length=1024)] = Field(description="One word, like SafeToRemove.")
    message: Annotated[str, Field(max_length=32768)] = Field(description="One sentence for people.")


class InferenceDeploymentStatus(StatusModel):
    """Written by the operator with server-side apply; decisions by the guard."""

    observed_generation: int | None = Field(None, description="Generation of the spec that was evaluated.")
    last_evaluation_time: Instant | None = Field(None, description="When the status was last written or refreshed.")
    target: str | None = Field(None, description="The target as resource and name, like deployments/llama-70b.")
    replicas: ReplicaCounts | None = None
    summary: Summary | None = None
    diagnosis: DiagnosisStatus | None = None
    safe_replicas: int | None = Field(None, description="Smallest count that passes every test.")
    binding_test: str | None = Field(None, description="The test that keeps the safe count from being smaller.")
    fence: FenceStatus | None = None
    findings: tuple[FindingStatus, ...] = Field((), description="Rules that fired or could not speak.")
    autoscalers: tuple[AutoscalerStatus, ...] = Field((), description="HPAs and ScaledObjects of the target.")
    baseline: BaselineStatus | None = Field(None, description="What was learned of the service from its own past.")
    regret: RegretStatus | None = Field(None, description="What became of removals and refusals.")
    decisions: tuple[DecisionStatus, ...] = Field((), description="The last ten requests, newest last.")
    conditions: tuple[Condition, ...] = Field(
        (),
        description="Ready, SignalsFresh, ScaleDownSafe and AutoscalerSound.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )

    def condition(self, kind: str) -> Condition | None:
        """The condition of this type, None where it was never written."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
