"""Waiting for something to become true: with a deadline, and able to say what it waited for and saw last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .errors import LocalClusterError, WaitTimeoutError

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.25
_SHOWN = 2_000


def wait_for(predicate: Callable[[], T], what: str, timeout: float) -> T:
    """Poll until `predicate` returns something true and return that.

    A LocalClusterError from it (an object not there yet, a server not up yet) counts as "not yet"; any other
    exception passes through. After `timeout` seconds WaitTimeoutError names `what` and the last state seen.
    """
    deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE
    while True:
        try:
            value = predicate()
            if value:
                return value
            state = repr(value)
        except WaitTimeoutError:
            raise
        except LocalClusterError as error:
            state = str(error)
        if time.monotonic() + pause > deadline:
            raise WaitTimeoutError(f"Waited {timeout:g} s for {what}. Last seen: {state[:_SHOWN]}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
