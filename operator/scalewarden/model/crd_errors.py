"""What pydantic found wrong with an object, in the words of the person who wrote it."""

import re
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scalewarden.errors import BadObject


def bad_object(error: ValidationError, model: type[BaseModel], who: str) -> BadObject:
    """The first problem, with its field and what to write instead; how many more there are is said.

    An unknown field goes first: it is often the reason why another one is missing.
    """
    problems = sorted(error.errors(include_url=False), key=lambda problem: problem["type"] != "extra_forbidden")
    first, more = problems[0], len(problems) - 1
    message, hint = _explain(first, model)
    suffix = f" (and {more} more)" if more else ""
    return BadObject(message + suffix, where=f"{who}: {_path(first['loc'])}" if first["loc"] else who, hint=hint)


def _explain(problem: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    kind, value = problem["type"], problem["input"]
    if kind == "missing":
        return "this field is required", f"add {_path(problem['loc'])}"
    if kind == "extra_forbidden":
        return "this field does not exist", _nearest(str(problem["loc"][-1]), _fields(model, problem["loc"][:-1]))
    if kind in {"enum", "literal_error"}:
        allowed = re.findall("'([^']+)'", problem["ctx"]["expected"])
        return f"{value!r} is not one of its values", f"write one of {', '.join(allowed)}"
    if kind == "value_error":
        return f"{problem['ctx']['error']}{_got(value)}", ""
    hint = f'put it in quotes: "{value}"' if kind == "string_type" and isinstance(value, int | float) else ""
    return f"{problem['msg']}{_got(value)}", hint


def _got(value: Any) -> str:
    short = isinstance(value, str | int | float | bool) and len(str(value)) <= 60
    return f" (got {value!r})" if short else ""


def _path(loc: tuple[int | str, ...]) -> str:
    """`('spec', 'signals', 'custom', 0, 'promql')` as `spec.signals.custom[0].promql`."""
    text = ""
    for step in loc:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step not in {"int", "str"}:  # the member of a union, not a field
            text += f".{step}" if text else step
    return text


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known fields: {', '.join(known)}"


def _fields(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the model at `loc`, as they are written in the object."""
    here: type[BaseModel] | None = model
    for step in loc:
        if isinstance(step, str) and here is not None:
            by_alias = {field.alias or name: field.annotation for name, field in here.model_fields.items()}
            here = _model_in(by_alias.get(step))
    return [field.alias or name for name, field in here.model_fields.items()] if here else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model inside an annotation like `P95 | None` or `tuple[CustomSignal, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
