"""Several InferenceDeployments as a table, in the columns of `kubectl get infd`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.duration import unix_seconds
from scalewarden.surfaces.explain_text import number

HEADINGS = ("NAME", "TARGET", "READY", "SAFE", "REGIME", "MODE", "SCALE-DOWN-SAFE", "AGE")
WIDE = ("KV", "WAITING", "TOKENS/S", "MESSAGE")
GAPS = ("   ", "  ")
"""Between two columns, as kubectl has it; and where a terminal has no room for that."""
NONE = "<none>"
"""As kubectl writes what is not there."""
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_TURNS = 2 * _MINUTE
"""Ages below this (s) are written in seconds; those below twice the next unit in the smaller one, as kubectl does."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One object and how old it is, in seconds; None where that is not known."""

    found: InferenceDeployment
    age: float | None = None


def age_of(obj: Mapping[str, Any], now: float) -> float | None:
    """Seconds since an object was created, as the API server returns it; `now` is unix seconds."""
    try:
        return now - unix_seconds(str((obj.get("metadata") or {}).get("creationTimestamp", "")))
    except ValueError:
        return None


def lines(
    listed: Sequence[Listed], *, wide: bool = False, namespaces: bool = False, room: int | None = None
) -> list[str]:
    """The heading and one line an object, the columns as wide as what is in them; never cut. room: columns of the
    terminal, None where there is none."""
    head = (("NAMESPACE",) if namespaces else ()) + HEADINGS + (WIDE if wide else ())
    rows = [head, *(row(one, wide=wide, namespaces=namespaces) for one in listed)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    gap = GAPS[room is not None and sum(widths) + len(GAPS[0]) * (len(widths) - 1) > room]
    return [gap.join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)).rstrip() for one in rows]


def row(one: Listed, *, wide: bool = False, namespaces: bool = False) -> tuple[str, ...]:
    """The cells of one object."""
    found, status = one.found, one.found.status
    safe = status.condition("ScaleDownSafe")
    ready = status.condition("Ready")
    cells = (
        found.name,
        found.spec.target_ref.name,
        ready.status if ready else NONE,
        NONE if status.safe_replicas is None else str(status.safe_replicas),
        status.diagnosis.regime if status.diagnosis else NONE,
        str(found.policy.mode),
        safe.status if safe else NONE,
        age(one.age),
    )
    return (
        ((found.namespace,) if namespaces else ())
        + cells
        + ((*_numbers(found), safe.message if safe else NONE) if wide else ())
    )


def _numbers(found: InferenceDeployment) -> tuple[str, ...]:
    summary = found.status.summary
    if summary is None:
        return NONE, NONE, NONE
    values = (summary.kv_usage, summary.waiting, summary.tokens_per_second)
    return tuple(NONE if value is None else number(value) for value in values)


def age(seconds: float | None) -> str:
    """`45s`, `12m`, `3h`, `5d`."""
    if seconds is None:
        return "<unknown>"
    seconds = max(0.0, seconds)
    if seconds < _TURNS:
        return f"{seconds:.0f}s"
    for unit, length, larger in (("m", _MINUTE, 2 * _HOUR), ("h", _HOUR, 2 * _DAY)):
        if seconds < larger:
            return f"{seconds // length:.0f}{unit}"
    return f"{seconds // _DAY:.0f}d"


def as_json(found: InferenceDeployment) -> Mapping[str, object]:
    """One object for programs: which one, its mode, its status as the operator wrote it."""
    status = found.status.model_dump(by_alias=True, mode="json", exclude_none=True)
    return {"inferenceDeployment": found.key, "mode": str(found.spec.policy.mode), "status": status}
