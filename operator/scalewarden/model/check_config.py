"""`.scalewarden.yaml`: what a repository wants of its checks."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from scalewarden.model.checked import Level

Loudness = Annotated[Level | Literal["off"], BeforeValidator(lambda given: "off" if given is False else given)]
"""YAML reads a bare `off` as false."""


class CheckConfig(BaseModel):
    """exclude: patterns of paths that are passed over. rules: the level of a rule by its code, or `off`. thresholds:
    by name, as in `spec.policy.thresholds`. mode: `warn` makes warnings of all errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exclude: list[str] = Field(default_factory=list)
    rules: dict[str, Loudness] = Field(default_factory=dict)
    thresholds: dict[str, str] = Field(default_factory=dict)
    mode: Literal["warn", "enforce"] = "enforce"
