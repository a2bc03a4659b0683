"""`spec.targetRef`: the workload that is guarded, and the kinds that cannot be one."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from scalewarden.model.crd_fields import matches
from scalewarden.model.schema_constraint import ApiModel, Constraint

_WITHOUT_SCALE = ("Pod", "Service", "DaemonSet", "Job", "CronJob")
_BUILT_IN = ("v1", "apps/v1", "batch/v1")
_AUTOSCALERS = ("HorizontalPodAutoscaler", "ScaledObject", "PodAutoscaler")
_NAME = "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"


def _cel_in(field: str, values: tuple[str, ...]) -> str:
    return f"self.{field} in [" + ", ".join(f"'{value}'" for value in values) + "]"


def _kind_not_in(kinds: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda target: target.kind not in kinds


class TargetRef(ApiModel):
    """The workload whose replicas are guarded: anything with a scale subresource."""

    api_version: Annotated[
        str,
        Field(max_length=253),
        matches("^([a-z0-9.-]+/)?v[a-z0-9]+$", "write the group and version of the target, like apps/v1"),
    ] = Field(description="Group and version, like apps/v1.")
    kind: Annotated[
        str, Field(max_length=63), matches("^[A-Z][A-Za-z0-9]*$", "write the kind of the target, like Deployment")
    ] = Field(description="Kind, like Deployment, StatefulSet or LeaderWorkerSet.")
    name: Annotated[
        str,
        Field(max_length=253),
        matches(_NAME, "write the name of the target: lower-case letters, digits, - and ."),
    ] = Field(description="Name, in the namespace of this object.")

    constraints = (
        Constraint(
            f"!({_cel_in('kind', _AUTOSCALERS)})",
            "an autoscaler is not the target: name the workload that it scales (its scaleTargetRef), like a Deployment",
            _kind_not_in(_AUTOSCALERS),
        ),
        Constraint(
            f"!({_cel_in('kind', _WITHOUT_SCALE)} && {_cel_in('apiVersion', _BUILT_IN)})",
            "this kind has no replica count to guard: name a Deployment, a StatefulSet or another kind with a scale "
            "subresource",
            lambda target: target.api_version not in _BUILT_IN or target.kind not in _WITHOUT_SCALE,
        ),
        Constraint(
            "self.kind != 'ReplicaSet'",
            "a ReplicaSet is scaled by its Deployment during rollouts: name the Deployment",
            _kind_not_in(("ReplicaSet",)),
        ),
        Constraint(
            "!(self.kind in ['Deployment', 'StatefulSet']) || self.apiVersion == 'apps/v1'",
            "Deployment and StatefulSet are apps/v1: write apiVersion: apps/v1",
            lambda target: target.kind not in {"Deployment", "StatefulSet"} or target.api_version == "apps/v1",
        ),
    )
