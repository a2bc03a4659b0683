"""The largest removal that is safe, found by the same tests that judge a request."""

from collections.abc import Callable, Iterator

from scalewarden.judgement.assess import own_tests, worst
from scalewarden.model.intent import Actor
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Point
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision, Reason, Test, TestResult
from scalewarden.whatif.fleet import Fleet

Passes = Callable[[int], bool]
"""Does a decrease to this count pass every test at this instant?"""


def safe_now(snapshot: Snapshot, passes: Passes, lowest: int = 1) -> int:
    """Smallest count, scanning down from the desired one, that passes.

    Where even the desired count is short of replicas it is the desired count: never advise fewer. `lowest` is
    1 unless zero was asked for.
    """
    safe = snapshot.replicas_desired
    while safe > lowest and passes(safe - 1):
        safe -= 1
    return safe


def safe_count(snapshot: Snapshot, passes: Passes, policy: Policy, lowest: int = 1) -> int:
    """`safe_now`, but never below what was safe at any instant of the stabilization window."""
    if unproven(snapshot, policy):
        return snapshot.replicas_desired
    now = safe_now(snapshot, passes, lowest)
    return min(max([now, *_recent(snapshot, policy)]), snapshot.replicas_desired)


def unproven(snapshot: Snapshot, policy: Policy) -> bool:
    """True while the record is shorter than the stabilization window."""
    history = snapshot.history
    return history is not None and snapshot.at - history.since < policy.stabilization


def _recent(snapshot: Snapshot, policy: Policy) -> Iterator[int]:
    yield from (int(point.value) for point in _record(snapshot, policy))


def _record(snapshot: Snapshot, policy: Policy) -> Iterator[Point]:
    if snapshot.history is None:
        return
    horizon = snapshot.at - policy.stabilization
    yield from (point for point in snapshot.history.safe_counts if point.at > horizon)


def stabilization(snapshot: Snapshot, to: int, policy: Policy) -> TestResult:
    """Allow must have held for the stabilization window; any instant without it starts the wait again."""
    seconds = f"{policy.stabilization:.0f} s"
    doubts = [point.at for point in _record(snapshot, policy) if point.value > to]
    if snapshot.history is not None and unproven(snapshot, policy):
        doubts.append(snapshot.history.since)
    if not doubts:
        return TestResult(Test.STABILIZATION, Decision.ALLOW, Reason.STABILIZING, f"safe for {seconds}")
    what, ends = f"it has not been safe for {seconds} without a break", max(doubts) + policy.stabilization
    return TestResult(Test.STABILIZATION, Decision.HOLD, Reason.STABILIZING, what, expires_at=ends)


def is_short(snapshot: Snapshot, fleet: Fleet) -> bool:
    """True where the service does not pass its own tests even with nothing removed."""
    return bool(fleet.serving) and worst(own_tests(snapshot, fleet, Actor.AUTOSCALER)) is not Decision.ALLOW
