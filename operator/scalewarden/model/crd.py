"""The InferenceDeployment as it stands in the API server or in a file."""

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator

from scalewarden.errors import BadObject
from scalewarden.model.crd_break_glass import BreakGlass
from scalewarden.model.crd_errors import bad_object
from scalewarden.model.crd_spec import InferenceDeploymentSpec
from scalewarden.model.policy import Policy
from scalewarden.model.schema_constraint import ApiModel
from scalewarden.model.status import InferenceDeploymentStatus

GROUP = "scalewarden.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "InferenceDeployment"
PLURAL = "inferencedeployments"


class Metadata(ApiModel):
    """The part of an object's metadata that is read; a file may leave all of it out."""

    model_config = ConfigDict(extra="ignore")

    name: str = ""
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    deletion_timestamp: str | None = None

    @field_validator("labels", "annotations", mode="before")
    @classmethod
    def _null_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value


class InferenceDeployment(ApiModel):
    """An LLM inference service and how its replica count is guarded."""

    api_version: Literal["scalewarden.dev/v1alpha1"] = "scalewarden.dev/v1alpha1"
    kind: Literal["InferenceDeployment"] = "InferenceDeployment"
    metadata: Metadata = Metadata()
    spec: InferenceDeploymentSpec
    status: InferenceDeploymentStatus = InferenceDeploymentStatus()

    @classmethod
    def parse(cls, obj: object, where: str = "") -> Self:
        """Read an object as the API server returns it, or as a file holds it.

        Nulls count as left out, as they do in the API server. `where` says which file the object came from.
        Raises BadObject with the field and what to write instead.
        """
        who = where or _describe(obj)
        try:
            return cls.model_validate(_without_nulls(obj))
        except ValidationError as error:
            raise bad_object(error, cls, who) from None

    @property
    def name(self) -> str:
        """Its name; that of the target where a file gives none."""
        return self.metadata.name or self.spec.target_ref.name

    @property
    def namespace(self) -> str:
        """Its namespace, `default` where a file gives none."""
        return self.metadata.namespace

    @property
    def key(self) -> str:
        """`<namespace>/<name>`."""
        return f"{self.namespace}/{self.name}"

    @property
    def policy(self) -> Policy:
        """The policy with the glass that its annotations break."""
        return self.spec.to_policy(self.metadata.annotations)

    @property
    def break_glass_problem(self) -> BadObject | None:
        """Why its break-glass annotations do not count, None where they do or there are none."""
        return BreakGlass.read(self.metadata.annotations).problem


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(inner) for inner in value]
    return value


def _describe(obj: object) -> str:
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict) or not metadata.get("name"):
        return KIND
    return f"{KIND} {metadata.get('namespace') or 'default'}/{metadata['name']}"
