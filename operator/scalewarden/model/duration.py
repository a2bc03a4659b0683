"""Durations as Kubernetes users write them ("80ms", "2s", "10m", "1h30m") and instants as RFC 3339, to seconds."""

import re
from datetime import UTC, datetime

PATTERN = r"^([0-9]{1,6}(\.[0-9]{1,6})?(ms|s|m|h))+$"
"""RE2 and `re` alike. Six digits a part and twenty characters in all stay within Go's 64-bit nanoseconds."""

_PART = re.compile(r"([0-9.]+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """The duration in seconds. Raises ValueError saying what to write instead."""
    if not re.fullmatch(PATTERN, text):
        raise ValueError(f'{text!r} is not a duration: write one like "80ms", "2s", "10m" or "6h"')
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


LATEST = 253402300799.0
"""The last second that RFC 3339 can write."""


def unix_seconds(text: str) -> float:
    """An RFC 3339 instant as unix seconds. Raises ValueError where it is none or lacks its offset from UTC."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not 0 <= instant.timestamp() <= LATEST:
        raise ValueError(f'{text!r} is not an instant: write RFC 3339 with its zone, like "2026-11-21T23:00:00Z"')
    return instant.timestamp()


def rfc3339(at: float) -> str:
    """Unix seconds as RFC 3339 in UTC, whole seconds: `2026-11-21T23:00:00Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
