"""Every test that a change of the replica count must pass, run on one snapshot."""

from dataclasses import replace

from scalewarden.model.intent import Actor
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision, Reason, Test, TestResult
from scalewarden.whatif import predict, trust
from scalewarden.whatif.case import Case, case
from scalewarden.whatif.fleet import Fleet
from scalewarden.whatif.latency import LATENCY_TESTS
from scalewarden.whatif.pressure import LOAD_TESTS

Results = tuple[TestResult, ...]

NOTHING_REMOVED = 2**31
"""A count above any fleet's: no replica goes."""


def assess(snapshot: Snapshot, fleet: Fleet, to: int, actor: Actor, policy: Policy) -> Results:
    """All results for a decrease to `to`, except stabilization, which judges the judgements."""
    one = case(snapshot, fleet, to, actor)
    results = [*_declared(to, policy)]
    if to == 0 or (one.removes_ready and one.s < 1 and fleet.serving):
        results += [trust.in_flight(one), *_doubts(one)]
    elif one.removes_ready and one.s < 1:
        results += [trust.stuck(one), trust.transition(one)]
    elif one.removes_ready:
        results += _removal(one)
    else:
        results += _not_ready_only(one)
    return (*results, *_remembered(snapshot, to, results))


def worst(results: Results) -> Decision:
    """A verdict is the worst of its tests."""
    return max((result.decision for result in results), key=lambda decision: decision.level, default=Decision.ALLOW)


def own_tests(snapshot: Snapshot, fleet: Fleet, actor: Actor) -> Results:
    """The load and latency tests of the service as it is, nothing removed."""
    return _load(case(snapshot, fleet, NOTHING_REMOVED, actor))


def _declared(to: int, policy: Policy) -> Results:
    minimum = policy.min_replicas
    if minimum is None:
        return ()
    decision = Decision.DENY if to < minimum else Decision.ALLOW
    what = (
        f"{to} is below the declared minimum of {minimum}" if decision.level else f"the declared minimum is {minimum}"
    )
    return (TestResult(Test.DECLARED_MINIMUM, decision, Reason.BELOW_MINIMUM, what, float(to), float(minimum)),)


def _load(one: Case) -> Results:
    if one.s < 1:
        return ()
    return tuple(test(one) for test in (*LOAD_TESTS, *LATENCY_TESTS))


def _removal(one: Case) -> Results:
    load = tuple(_with_release_band(one, result) for result in _load(one))
    blind = trust.without_kv(one, load)
    return (*load, *_doubts(one), *((blind,) if blind else ()))


def _doubts(one: Case) -> Results:
    """Whether the numbers may be trusted at all."""
    asked = (trust.stuck, trust.coverage, trust.single_samples, trust.sample_age, trust.transition)
    return tuple(doubt(one) for doubt in asked)


def _with_release_band(one: Case, result: TestResult) -> TestResult:
    """After a Deny the KV prediction must fall clearly below its line, else the verdict would flap."""
    history, limits = one.snapshot.history, one.limits
    if result.test is not Test.KV_CACHE_USAGE or result.value is None or result.decision is not Decision.ALLOW:
        return result
    denied_at = history.kv_denied.get(one.to) if history else None
    if denied_at is None or one.snapshot.at - denied_at >= limits["denyExpiry"]:
        return result
    release = round(one.allow("kvUsageAllow") - limits["kvReleaseBand"], 4)
    if result.value <= release:
        return result
    what = f"{result.message}, after a refusal only from {release:.2f}"
    return replace(result, decision=Decision.HOLD, message=what, expires_at=denied_at + limits["denyExpiry"])


def _not_ready_only(one: Case) -> Results:
    """Pods that do not serve may go, unless the service is in need and they are on their way.

    A stuck replica is left out of the load, so that its service may look calm; it needs the pod that is to come.
    """
    if not _may_still_come(one):
        return ()
    if worst(_load(one)) is not Decision.DENY:
        return (trust.stuck(one),) if one.fleet.stuck else ()
    what = "the service is under pressure and the pods that would go are still starting"
    return (TestResult(Test.TRANSITION, Decision.HOLD, Reason.IN_TRANSITION, what),)


def _may_still_come(one: Case) -> bool:
    """False where every pod that is not ready has been so for longer than a start takes, and none is yet to come."""
    if len(one.snapshot.replicas) < one.snapshot.replicas_desired:
        return True
    waiting = [replica for replica in one.snapshot.replicas if not replica.ready]
    patience = predict.cold_start(one)
    return any(r.unready_since is None or one.snapshot.at - r.unready_since <= patience for r in waiting)


def _remembered(snapshot: Snapshot, to: int, results: list[TestResult]) -> Results:
    """A Deny that rested on evidence stands until it expires while the signals are missing."""
    history = snapshot.history
    if history is None or history.last_deny is None or not _blind(results):
        return ()
    deny = history.last_deny
    if to >= deny.replicas or snapshot.at >= deny.expires_at:
        return ()
    what = "refused on the last good signals; they are missing now"
    return (TestResult(deny.test, Decision.DENY, deny.reason, what, expires_at=deny.expires_at),)


def _blind(results: list[TestResult]) -> bool:
    return any(r.decision.level and r.reason in (Reason.SIGNALS_MISSING, Reason.PARTIAL_COVERAGE) for r in results)
