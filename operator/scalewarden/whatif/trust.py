"""The tests of a removal that ask whether the numbers may be trusted: coverage, age, stuck replicas, transition."""

from scalewarden.model.signal import Reading, Signal, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision, Reason, Test, TestResult
from scalewarden.signals import windows
from scalewarden.signals.freshness import State
from scalewarden.whatif import predict
from scalewarden.whatif.case import Case
from scalewarden.whatif.fleet import recently_removed, series
from scalewarden.whatif.pressure import skipped


def coverage(case: Case) -> TestResult:
    """Required signals on every replica; a large fleet leaves its most silent out."""
    found = case.fleet.serving
    absent = [carried.pod for carried in found if carried.state is State.ABSENT]
    share = windows.rounded(1 - len(absent) / len(found)) if found else 1.0
    if len(absent) <= case.fleet.left_out:
        return TestResult(Test.COVERAGE, Decision.ALLOW, Reason.PARTIAL_COVERAGE, "every replica is seen", share, 1.0)
    if len(absent) == len(found):
        what = f"required signals are absent on all {len(found)} replicas: {_cause(case, absent[0])}"
        return TestResult(Test.COVERAGE, Decision.HOLD, Reason.SIGNALS_MISSING, what, share, 1.0)
    what = f"{len(absent)} of {len(found)} replicas are not seen, first {absent[0]}: {_cause(case, absent[0])}"
    return TestResult(Test.COVERAGE, Decision.HOLD, Reason.PARTIAL_COVERAGE, what, share, 1.0)


def _cause(case: Case, pod: str) -> str:
    carried = next(c for c in case.fleet.serving if c.pod == pod)
    causes = [
        f"{name} {signal.cause}"
        for name in (SignalName.KV_USAGE, SignalName.WAITING, SignalName.RUNNING)
        if not hasattr(signal := carried.replica.signal(name), "value")
    ]
    return causes[0] if causes else "unknown cause"


def sample_age(case: Case) -> TestResult:
    """Stale samples count with their window's worst and hold until they are fresh or absent."""
    found = case.fleet.serving
    stale = [carried.pod for carried in found if carried.state is State.STALE]
    if len(stale) <= case.fleet.left_out:
        return TestResult(Test.SAMPLE_AGE, Decision.ALLOW, Reason.PARTIAL_COVERAGE, "every sample is fresh")
    reason = Reason.SIGNALS_MISSING if len(stale) == len(found) else Reason.PARTIAL_COVERAGE
    what = f"the samples of {len(stale)} of {len(found)} replicas are stale, first {stale[0]}"
    return TestResult(Test.SAMPLE_AGE, Decision.HOLD, reason, what)


def single_samples(case: Case) -> TestResult:
    """A peak over one sample is not a peak: nothing is known of the minutes before it."""
    found = case.fleet.serving
    single = [c.pod for c in found if c.state is not State.ABSENT and len(series(c, SignalName.RUNNING)) < 2]
    if len(single) <= case.fleet.left_out:
        return TestResult(Test.COVERAGE, Decision.ALLOW, Reason.PARTIAL_COVERAGE, "every replica was seen repeatedly")
    reason = Reason.SIGNALS_MISSING if len(single) == len(found) else Reason.PARTIAL_COVERAGE
    what = f"{len(single)} of {len(found)} replicas were seen only once, first {single[0]}"
    return TestResult(Test.COVERAGE, Decision.HOLD, reason, what)


def stuck(case: Case) -> TestResult:
    """A stuck replica is sick, not spare: hold until it is repaired, or the hold lapses."""
    if not case.fleet.stuck:
        return TestResult(Test.STUCK_REPLICA, Decision.ALLOW, Reason.REPLICA_STUCK, "no replica is stuck")
    history = case.snapshot.history
    began = history.stuck_since if history else None
    if began is not None and case.snapshot.at - began >= case.limits["stuckHold"]:
        return skipped(Test.STUCK_REPLICA, Reason.REPLICA_STUCK, "the hold for a stuck replica has lapsed")
    names = ", ".join(replica.pod for replica in case.fleet.stuck[:3])
    what = f"requests wait on {names} and none makes progress: restart it before removing any"
    return TestResult(Test.STUCK_REPLICA, Decision.HOLD, Reason.REPLICA_STUCK, what)


def transition(case: Case) -> TestResult:
    """Dwell: no removal while a replica that just became ready has not yet taken its share."""
    became = max((r.ready_since for r in case.snapshot.ready if r.ready_since is not None), default=None)
    dwell = max(predict.cold_start(case), case.limits["dwell"]) if case.limits["dwell"] > 0 else 0.0
    if became is None or case.snapshot.at - became >= dwell:
        return TestResult(Test.TRANSITION, Decision.ALLOW, Reason.IN_TRANSITION, "no replica became ready lately")
    what = f"a replica became ready less than {dwell:.0f} s ago: load has not settled"
    return TestResult(Test.TRANSITION, Decision.HOLD, Reason.IN_TRANSITION, what, expires_at=became + dwell)


def without_kv(case: Case, others: tuple[TestResult, ...]) -> TestResult | None:
    """For engines that export no KV usage: Allow only where concurrency, queue and a latency objective all spoke."""
    if case.fleet.exports_kv:
        return None
    spoke = {result.test for result in others if result.skipped is None}
    latency = {Test.INTER_TOKEN_LATENCY, Test.TIME_TO_FIRST_TOKEN, Test.END_TO_END_LATENCY}
    if {Test.CONCURRENCY, Test.WAITING_PER_REPLICA} <= spoke and spoke & latency:
        return None
    what = "the engine exports no KV-cache usage, and concurrency, queue and a declared latency are not all known"
    return TestResult(Test.COVERAGE, Decision.HOLD, Reason.SIGNALS_MISSING, what)


def in_flight(case: Case) -> TestResult:
    """Removing every replica that serves: only with no request running or waiting at any sample of the window.

    A request on a starting or just removed pod, or in the gateway, is still somebody's request; only pods that serve
    must have enough data to say that there is none. One on a stuck pod counts where zero is asked: where the pod is to
    stay it loses nothing by the removal, and a dead queue must not refuse for ever (the hold for it lapses).
    """
    spans = {pod: [_window(case, signal) for signal in signals] for pod, signals in _requests(case.snapshot).items()}
    dead = {replica.pod for replica in case.fleet.stuck} if case.to > 0 else set()
    counted = [span for pod, some in spans.items() if pod not in dead for span in some]
    most = max((value for span in counted for value in span.values), default=0.0)
    if most > 0:
        what = f"up to {most:.0f} requests ran or waited on one replica within the window"
        return TestResult(Test.REQUESTS_IN_FLIGHT, Decision.DENY, Reason.REQUESTS_IN_FLIGHT, what, most, 0.0, 0.0)
    if not all(span.enough for replica in case.snapshot.ready for span in spans[replica.pod]):
        what = "too little data to say that no request runs or waits"
        return TestResult(Test.REQUESTS_IN_FLIGHT, Decision.HOLD, Reason.SIGNALS_MISSING, what)
    return TestResult(
        Test.REQUESTS_IN_FLIGHT, Decision.ALLOW, Reason.REQUESTS_IN_FLIGHT, "no request in flight", 0.0, 0.0
    )


def _requests(snapshot: Snapshot) -> dict[str, list[Signal]]:
    """Pod → its running and waiting; the gateway under an empty name."""
    gone = [removed.replica for removed in recently_removed(snapshot)]
    names = (SignalName.RUNNING, SignalName.WAITING)
    found = {replica.pod: [replica.signal(name) for name in names] for replica in (*snapshot.replicas, *gone)}
    return {**found, "": [snapshot.signal(SignalName.GATEWAY_WAITING)]}


def _window(case: Case, signal: Signal) -> windows.Span:
    points = windows.samples(signal) if isinstance(signal, Reading) else ()
    return windows.span(points, case.limits["pressureWindow"], case.limits)
