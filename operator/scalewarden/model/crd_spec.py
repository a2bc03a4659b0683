"""`spec` of an InferenceDeployment: what the owner declares, and how it becomes the words of the core."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from scalewarden.model.crd_break_glass import BreakGlass
from scalewarden.model.crd_fields import Duration, at_least
from scalewarden.model.crd_service import (
    AUTO,
    Baseline,
    EngineChoice,
    LatencyObjectives,
    Metrics,
    RoutingChoice,
    Signals,
    Topology,
)
from scalewarden.model.crd_target import TargetRef
from scalewarden.model.crd_thresholds import ThresholdOverrides
from scalewarden.model.duration import seconds
from scalewarden.model.policy import AutoscalerScaleDown, Mode, Objectives, OnHold, Policy, Way
from scalewarden.model.schema_constraint import ApiModel, Constraint
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine


class HoldPolicy(ApiModel):
    """What a Hold does to a decrease, by who asks for it; in mode Enforce only."""

    autoscaler: OnHold = Field(OnHold.REFUSE, description="For autoscalers.")
    user: OnHold = Field(OnHold.WARN, description="For people, pipelines and everybody else.")


class CooperatePolicy(ApiModel):
    """What is arranged with others so that less must be refused. Opt-in; in Enforce, where the chart allows it."""

    pause_scale_in: bool = Field(
        False,
        strict=True,
        description="Set KEDA's annotation paused-scale-in on ScaledObjects while an autoscaler may remove no replica.",
    )
    pod_deletion_cost: bool = Field(
        False, strict=True, description="While replicas may go, mark the idlest pods of a Deployment to go first."
    )
    disruption_budget: bool = Field(
        False, strict=True, description="Keep a PodDisruptionBudget at the fence, so that evictions stop there too."
    )

    def to_ways(self) -> frozenset[Way]:
        """Those that are asked for."""
        asked = (self.pause_scale_in, self.pod_deletion_cost, self.disruption_budget)
        return frozenset(way for way, wanted in zip(Way, asked, strict=True) if wanted)


class PolicySpec(ApiModel):
    """What happens to decisions that would hurt."""

    mode: Mode = Field(Mode.ENFORCE, description="For scale-downs: record only, warn, or refuse.")
    autoscaling: Mode = Field(Mode.WARN, description="The same for unsound HPAs and ScaledObjects.")
    min_replicas: (
        Annotated[
            int, Field(strict=True), at_least(0, "write 0 or more, or leave minReplicas out to declare no minimum")
        ]
        | None
    ) = Field(None, description="Nobody goes below this count.")
    max_hold: Duration = Field("6h", description="How long missing signals may hold an autoscaler.")
    on_hold: HoldPolicy = HoldPolicy()
    autoscaler_scale_down: AutoscalerScaleDown = Field(
        AutoscalerScaleDown.REFUSE, description="Refuse an autoscaler's unsafe count, or trim it to the safe one."
    )
    stabilization: Duration = Field("5m", description="How long a removal must have been safe before it passes.")
    annotate: bool = Field(
        True, strict=True, description="Write verdict and findings on judged autoscalers and targets."
    )
    cooperate: CooperatePolicy = CooperatePolicy()
    thresholds: ThresholdOverrides = Field(
        {}, description="Lines that differ from the defaults, by name, as decimal strings: see `scalewarden rules`."
    )


_HAS_CUSTOM = "has(self.signals) && has(self.signals.custom) && size(self.signals.custom) > 0"


class InferenceDeploymentSpec(ApiModel):
    """The target, and what is declared about it. Only targetRef is required; the rest is detected or defaulted."""

    target_ref: TargetRef = Field(description="The workload to guard: anything with a scale subresource.")
    engine: EngineChoice = Field(Engine.AUTO, description="The serving engine; Auto detects it from image and metrics.")
    metrics: Metrics = Metrics()
    signals: Signals = Signals()
    topology: Topology = Topology()
    routing: RoutingChoice = Field(
        AUTO, description="How requests reach replicas: Auto is Even unless the Service has sessionAffinity ClientIP."
    )
    objectives: LatencyObjectives = LatencyObjectives()
    baseline: Baseline = Baseline()
    policy: PolicySpec = PolicySpec()

    constraints = (
        Constraint(
            f"self.engine != 'Custom' || ({_HAS_CUSTOM})",
            "engine Custom needs signals.custom: list kv_usage, waiting and running, each with promql or series",
            lambda spec: spec.engine != Engine.CUSTOM or bool(spec.signals.custom),
        ),
        Constraint(
            f"self.engine == 'Custom' || !({_HAS_CUSTOM})",
            "signals.custom is read for engine Custom only: set engine: Custom, or remove signals.custom",
            lambda spec: spec.engine == Engine.CUSTOM or not spec.signals.custom,
        ),
    )

    def to_policy(self, annotations: Mapping[str, str] | None = None) -> Policy:
        """The policy with durations in seconds, and the broken glass of the annotations, if it can be read."""
        declared, glass = self.policy, BreakGlass.read(annotations or {})
        return Policy(
            mode=declared.mode,
            autoscaling=declared.autoscaling,
            min_replicas=declared.min_replicas,
            max_hold=seconds(declared.max_hold),
            on_hold_autoscaler=declared.on_hold.autoscaler,
            on_hold_user=declared.on_hold.user,
            autoscaler_scale_down=declared.autoscaler_scale_down,
            stabilization=seconds(declared.stabilization),
            annotate=declared.annotate,
            cooperate=declared.cooperate.to_ways(),
            break_glass_until=glass.until,
            break_glass_reason=glass.reason,
        )

    def to_objectives(self) -> Objectives:
        """Declared objectives in seconds."""
        return self.objectives.to_objectives()

    def to_thresholds(self) -> Thresholds:
        """The lines in force."""
        return Thresholds.parse(self.policy.thresholds)

    @property
    def window(self) -> float:
        """Span over which peaks are judged, in seconds."""
        return seconds(self.signals.window)
