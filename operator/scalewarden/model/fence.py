"""ScaleFence: what the admission policies read, one object named `scalewarden` in each guarded namespace.

Written by the operator and the janitor only. The policies find the entry of a request by one look-up in a map,
so that their cost does not grow with the number of services; strings and maps are bounded for the same reason.
"""

from typing import Annotated, Literal

from pydantic import Field

from scalewarden.model.policy import Mode
from scalewarden.model.schema_constraint import StatusModel
from scalewarden.model.status import Instant

FENCE_KIND = "ScaleFence"
FENCE_PLURAL = "scalefences"
FENCE_NAME = "scalewarden"
MOST_FENCES = 1000
"""Keeps the object under the API server's size limit of about 1.5 MB with messages of full length."""

Text = Annotated[str, Field(max_length=1024)]
Word = Annotated[str, Field(max_length=253)]
Owner = Annotated[str, Field(max_length=317)]
Key = Annotated[str, Field(max_length=317)]


class FenceEntry(StatusModel):
    """The floor under one target."""

    replicas: Annotated[int, Field(ge=0)] = Field(description="Nobody goes below this count.")
    autoscaler_replicas: Annotated[int, Field(ge=0)] = Field(description="Autoscalers do not go below this count.")
    reason: Word = Field(description="Why, like KVCachePressure.")
    message: Text = Field(description="The text of a refusal: one line, without live numbers.")
    autoscaler_reason: Word | None = Field(
        None, description="Why autoscalers stop at autoscalerReplicas, where that differs from reason."
    )
    autoscaler_message: Text | None = Field(
        None, description="The text of a refusal for an autoscaler, where that differs from message."
    )
    owner: Owner = Field(description="Namespace and name of the InferenceDeployment, like serving/llama-70b.")
    expires_at: Instant | None = Field(None, description="When the janitor removes the entry.")


class AutoscalingEntry(StatusModel):
    """How unsound autoscalers of one target are answered, and where its floor is found."""

    mode: Mode = Field(description="Observe, Warn or Enforce; Observe for a target without GPUs.")
    message: Text = Field(description="The text of a warning or refusal.")
    owner: Owner = Field(description="Namespace and name of the InferenceDeployment, like serving/llama-70b.")
    target: Key | None = Field(None, description="Its key in fences, like deployments/llama-70b.")


class ScaleFence(StatusModel):
    """Replica counts that admission enforces in this namespace. Written by Scalewarden; nothing to edit by hand."""

    api_version: Literal["scalewarden.dev/v1alpha1"] = "scalewarden.dev/v1alpha1"
    kind: Literal["ScaleFence"] = "ScaleFence"
    fences: Annotated[dict[str, FenceEntry], Field(max_length=MOST_FENCES)] = Field(
        {}, description="Floors by resource and name of the target, like deployments/llama-70b."
    )
    autoscaling: Annotated[dict[str, AutoscalingEntry], Field(max_length=MOST_FENCES)] = Field(
        {}, description="Answers to unsound autoscalers by kind and name of the target, like Deployment/llama-70b."
    )
