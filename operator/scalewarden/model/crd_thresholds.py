"""What `spec.policy.thresholds` may hold: names of the catalogue, quoted decimals, lines in their order."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from scalewarden.model.crd_fields import DECIMAL
from scalewarden.model.schema_constraint import Constraint
from scalewarden.model.signal import Unit
from scalewarden.model.thresholds import CATALOGUE

LARGEST_FRACTION = 2.0
"""Fractions are 0-1; some lines may lie above 1 (latencyDeny), none near a percentage."""

PAIRS = ("kvUsage", "waitingPerReplica", "concurrency", "throughput", "latency")
"""Tests with an Allow and a Deny line."""

_FRACTIONS = tuple(name for name, line in CATALOGUE.items() if line.unit is Unit.FRACTION)
_CEL_DECIMAL = DECIMAL.replace("\\", "\\\\")


def _cel_list(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"


def _is_decimal(text: str) -> bool:
    return re.fullmatch(DECIMAL, text) is not None


def _line(name: str, lines: Mapping[str, str]) -> float:
    text = lines.get(name, "")
    return float(text) if _is_decimal(text) else CATALOGUE[name].default


def _fractions_hold(lines: Mapping[str, str]) -> bool:
    return all(_line(name, lines) <= LARGEST_FRACTION for name in lines if name in _FRACTIONS)


def _cel_line(name: str) -> str:
    return (
        f"double('{name}' in self && self['{name}'].matches('{_CEL_DECIMAL}') "
        f"? self['{name}'] : '{CATALOGUE[name].default}')"
    )


def _in_order(pair: str) -> Constraint:
    allow, deny = f"{pair}Allow", f"{pair}Deny"
    return Constraint(
        f"{_cel_line(allow)} <= {_cel_line(deny)}",
        f"{allow} must not lie above {deny}: move both lines (defaults {CATALOGUE[allow].default:g} and "
        f"{CATALOGUE[deny].default:g})",
        lambda lines: _line(allow, lines) <= _line(deny, lines),
    )


ThresholdOverrides = Annotated[
    dict[str, Annotated[str, Field(max_length=16)]],
    Field(max_length=len(CATALOGUE)),
    Constraint(
        f"self.all(name, name in {_cel_list(tuple(CATALOGUE))})",
        "a threshold with this name does not exist: `scalewarden rules` lists the names",
        lambda lines: all(name in CATALOGUE for name in lines),
    ),
    Constraint(
        f"self.all(name, self[name].matches('{_CEL_DECIMAL}'))",
        'a threshold is a number in quotes: write a decimal string like "0.75"',
        lambda lines: all(_is_decimal(text) for text in lines.values()),
    ),
    Constraint(
        f"self.all(name, !(name in {_cel_list(_FRACTIONS)}) || !self[name].matches('{_CEL_DECIMAL}') "
        f"|| double(self[name]) <= {LARGEST_FRACTION})",
        'this threshold is a fraction, not a percentage: write "0.8" for 80 %',
        _fractions_hold,
    ),
    *(_in_order(pair) for pair in PAIRS),
]
"""Overrides by name, as written in the object."""
