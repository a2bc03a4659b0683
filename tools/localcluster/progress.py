"""How the local cluster tells what it is doing: one line a step, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable

Progress = Callable[[str], None]
"""Takes one line without its end."""


def to_stderr(line: str) -> None:
    """The default: stdout stays free for data."""
    print(f"localcluster: {line}", file=sys.stderr, flush=True)
