"""One constraint, two places: CEL in the API server and a predicate for objects read from files; one message.

A `Constraint` sits in `Annotated[...]` on a field, or in a model's `constraints` where it spans several fields.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

CEL_KEY = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition on a value: `cel` over `self`, the same as `holds` in Python, and what to write instead."""

    cel: str
    message: str
    holds: Callable[[Any], bool]

    def check(self, value: Any) -> Any:
        """The value unchanged. Raises ValueError with the message where the condition does not hold."""
        if not self.holds(value):
            raise ValueError(self.message)
        return value

    def add_to(self, schema: JsonSchemaValue) -> JsonSchemaValue:
        """The JSON schema with this rule appended."""
        return {**schema, CEL_KEY: [*schema.get(CEL_KEY, []), {"rule": self.cel, "message": self.message}]}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return self.add_to(handler(core))


class ApiModel(BaseModel):
    """Part of an API object: camelCase outside, snake_case inside, frozen, and no unknown field passes."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)
    constraints: ClassVar[tuple[Constraint, ...]] = ()

    @model_validator(mode="after")
    def _across_fields(self) -> Self:
        for constraint in self.constraints:
            constraint.check(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        for constraint in cls.constraints:
            schema.update(constraint.add_to(schema))
        return schema


class StatusModel(ApiModel):
    """Part of a status: written by a controller that may be newer than its reader, so unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore")
