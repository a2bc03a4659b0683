"""Field types that InferenceDeployment shares: durations, decimals, counts and ports, each with its advice."""

import re
from typing import Annotated, Any

from pydantic import Field

from scalewarden.model.duration import PATTERN, seconds
from scalewarden.model.schema_constraint import Constraint

DECIMAL = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"
_PORT = "^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$"
_MIG = r"^(Auto|None|([0-9]c\.)?[0-9]g\.[0-9]{1,3}gb([+-][a-z.]{1,8})?)$"


def matches(pattern: str, message: str) -> Constraint:
    """A string that matches the RE2 pattern."""
    escaped = pattern.replace("\\", "\\\\")
    return Constraint(f"self.matches('{escaped}')", message, lambda text: re.fullmatch(pattern, text) is not None)


def at_least(least: int, message: str) -> Constraint:
    """An integer not below `least`."""
    return Constraint(f"self >= {least}", message, lambda number: number >= least)


def _between(least: str, most: str) -> Constraint:
    return Constraint(
        f"!self.matches('{_CEL_DURATION}') || (duration(self) >= duration('{least}') "
        f"&& duration(self) <= duration('{most}'))",
        f"write a duration from {least} to {most}",
        lambda text: seconds(least) <= seconds(text) <= seconds(most),
    )


def _is_port(port: int | str) -> bool:
    return 0 < port < 65536 if isinstance(port, int) else re.fullmatch(_PORT, port) is not None


def _positive_decimal(value: Any) -> bool:
    return re.fullmatch(DECIMAL, str(value)) is not None and float(value) > 0


_CEL_DURATION = PATTERN.replace("\\", "\\\\")
_CEL_DECIMAL = DECIMAL.replace("\\", "\\\\")

Duration = Annotated[
    str,
    Field(max_length=20),
    matches(PATTERN, 'write a duration like "80ms", "2s", "10m" or "6h"'),
]
ObjectiveDuration = Annotated[
    Duration,
    Constraint(
        r"!self.matches('^(0+(\\.0+)?(ms|s|m|h))+$')",
        "an objective of 0 can never be met: write the latency you promise, or leave the objective out",
        lambda text: seconds(text) > 0,
    ),
]
Window = Annotated[Duration, _between("1m", "1h")]
Count = Annotated[int, Field(strict=True), at_least(1, "write 1 or more, or leave it out to have it detected")]
PositiveDecimal = Annotated[
    int | str,
    Constraint(
        f"string(self).matches('{_CEL_DECIMAL}') && double(string(self)) > 0.0",
        'write a number above 0 like 2500 or "812.5" (quoted where it has a point), or leave it out to have it learned',
        _positive_decimal,
    ),
]
Port = Annotated[
    int | str,
    Constraint(
        f"type(self) == int ? (self > 0 && self < 65536) : string(self).matches('{_PORT}')",
        "write a port number from 1 to 65535 or the name of a container port, like http",
        _is_port,
    ),
]
HttpPath = Annotated[
    str,
    Field(max_length=256),
    Constraint("self.startsWith('/')", "write a path that starts with /, like /metrics", lambda p: p.startswith("/")),
]
MigProfile = Annotated[
    str, Field(max_length=32), matches(_MIG, "write Auto, None or a profile as NVIDIA names it, like 1g.10gb")
]
