"""The invariants of a verdict, on services in any state."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from scalewarden.judgement.decide import Judge, decide
from scalewarden.judgement.frontier import frontier
from scalewarden.judgement.remember import remember
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Absent, Point, Reading, Signal, SignalName
from scalewarden.model.snapshot import Snapshot, from_json, to_json
from scalewarden.model.verdict import Decision, Reason, Verdict
from scalewarden.model.workload import Replica, Routing
from tests.strategies import snapshots

POLICY = Policy()
NEEDED = (SignalName.KV_USAGE, SignalName.WAITING, SignalName.RUNNING)


def one_less(snapshot: Snapshot) -> Intent:
    return Intent(snapshot.replicas_desired, snapshot.replicas_desired - 1)


def judged(snapshot: Snapshot) -> Verdict:
    return decide(snapshot, (), one_less(snapshot), POLICY)


def with_signal(replica: Replica, name: SignalName, signal: Signal) -> Replica:
    return replace(replica, signals={**replica.signals, name: signal})


def raised(replica: Replica, name: SignalName, by: float) -> Replica:
    reading = replica.reading(name)
    if reading is None:
        return replica
    series = tuple(Point(point.at, point.value + by) for point in reading.series)
    return with_signal(replica, name, replace(reading, value=reading.value + by, series=series))


def changed(snapshot: Snapshot, index: int, replica: Replica) -> Snapshot:
    replicas = list(snapshot.replicas)
    replicas[index] = replica
    return replace(snapshot, replicas=tuple(replicas))


@given(snapshot=snapshots(), more=st.integers(0, 9), actor=st.sampled_from(Actor))
def test_an_increase_is_never_refused(snapshot: Snapshot, more: int, actor: Actor) -> None:
    now = snapshot.replicas_desired
    verdict = decide(snapshot, (), Intent(now, now + more, actor), POLICY)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.NOT_A_DECREASE)


@given(
    snapshot=snapshots(least=2),
    index=st.integers(0, 5),
    name=st.sampled_from([SignalName.KV_USAGE, SignalName.WAITING, SignalName.PREEMPTIONS]),
    by=st.sampled_from([0.05, 0.2, 1.0, 10.0]),
)
def test_more_pressure_never_permits(snapshot: Snapshot, index: int, name: SignalName, by: float) -> None:
    index %= len(snapshot.replicas)
    before = judged(snapshot)
    after = judged(changed(snapshot, index, raised(snapshot.replicas[index], name, by)))
    assert not (before.decision is not Decision.ALLOW and after.decision is Decision.ALLOW)


@given(snapshot=snapshots(least=2), index=st.integers(0, 5), name=st.sampled_from(NEEDED))
def test_losing_a_needed_signal_never_permits(snapshot: Snapshot, index: int, name: SignalName) -> None:
    index %= len(snapshot.replicas)
    replica = snapshot.replicas[index]
    if not replica.ready:
        return
    after = judged(changed(snapshot, index, with_signal(replica, name, Absent("the scrape failed"))))
    assert after.decision is not Decision.ALLOW or not after_removes_ready(snapshot)


def after_removes_ready(snapshot: Snapshot) -> bool:
    return len(snapshot.ready) > snapshot.replicas_desired - 1


@given(snapshot=snapshots(least=1), order=st.randoms())
def test_order_and_names_of_replicas_do_not_matter(snapshot: Snapshot, order) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(snapshot.replicas)
    order.shuffle(shuffled)
    renamed = tuple(replace(replica, pod=f"other-{index}") for index, replica in enumerate(shuffled))
    before, after = judged(snapshot), judged(replace(snapshot, replicas=renamed))
    assert (before.decision, before.reason, before.safe_replicas) == (after.decision, after.reason, after.safe_replicas)


@given(snapshot=snapshots())
def test_equal_snapshots_give_equal_verdicts_and_survive_json(snapshot: Snapshot) -> None:
    again = from_json(to_json(snapshot))
    assert again == snapshot
    assert judged(again) == judged(snapshot)


@given(snapshot=snapshots(least=1))
def test_the_safe_count_is_allowed_and_the_next_one_is_not(snapshot: Snapshot) -> None:
    now = snapshot.replicas_desired
    safe = judged(snapshot).safe_replicas
    assert 0 <= safe <= now
    if safe < now:
        assert decide(snapshot, (), Intent(now, safe), POLICY).decision is Decision.ALLOW
    if safe > 1:
        assert decide(snapshot, (), Intent(now, safe - 1), POLICY).decision is not Decision.ALLOW


@given(snapshot=snapshots(least=1))
def test_the_frontier_says_what_the_verdicts_say(snapshot: Snapshot) -> None:
    judge = Judge(snapshot, (), POLICY)
    found = frontier(judge)
    for to in range(snapshot.replicas_desired):
        verdict = judge.decide(Intent(snapshot.replicas_desired, to))
        if verdict.decision is Decision.DENY:
            assert found is not None
            assert to < found.replicas
        if verdict.decision is Decision.HOLD:
            assert found is not None
            assert to < found.autoscaler_replicas
    if found is not None:
        assert 0 <= found.replicas <= found.autoscaler_replicas <= snapshot.replicas_desired
        assert "\n" not in found.message


SCALED = (
    SignalName.KV_TOKENS,
    SignalName.INPUT_TOKENS,
    SignalName.OUTPUT_TOKENS,
    SignalName.GEN_TPS,
    SignalName.PREFILL_TPS,
)


def in_other_units(snapshot: Snapshot, factor: float) -> Snapshot:
    """Every number in tokens times `factor`: the same service, counted in pieces of tokens."""

    def scaled(signal: Signal) -> Signal:
        if not isinstance(signal, Reading):
            return signal
        series = tuple(Point(point.at, point.value * factor) for point in signal.series)
        return replace(signal, value=signal.value * factor, series=series)

    def of(replica: Replica) -> Replica:
        return replace(replica, signals={n: scaled(one) if n in SCALED else one for n, one in replica.signals.items()})

    tps = snapshot.sustainable_tps
    return replace(
        snapshot,
        replicas=tuple(map(of, snapshot.replicas)),
        sustainable_tps=None if tps is None else tps * factor,
    )


@given(snapshot=snapshots(least=1), factor=st.sampled_from([0.25, 4.0, 1024.0]))
def test_the_unit_of_a_token_does_not_matter(snapshot: Snapshot, factor: float) -> None:
    before, after = judged(snapshot), judged(in_other_units(snapshot, factor))
    assert (before.decision, before.reason, before.safe_replicas) == (after.decision, after.reason, after.safe_replicas)
    assert before.predicted == after.predicted


@given(snapshot=snapshots(least=2))
def test_clients_that_stick_never_make_a_removal_safer(snapshot: Snapshot) -> None:
    even, sticky = (replace(snapshot, routing=routing) for routing in (Routing.EVEN, Routing.STICKY))
    assert judged(sticky).decision is not Decision.ALLOW or judged(even).decision is Decision.ALLOW
    before, after = judged(even).predicted, judged(sticky).predicted
    assert (after.kv_cache_usage or 0.0) >= (before.kv_cache_usage or 0.0)
    assert after.time_to_first_token is None or after.time_to_first_token >= (before.time_to_first_token or 0.0)


@given(snapshot=snapshots(least=2))
def test_a_size_that_is_not_known_never_makes_a_removal_safer(snapshot: Snapshot) -> None:
    """Beside caches of known size, one of unknown size is never judged better than by fractions alone."""
    known = [replica.reading(SignalName.KV_TOKENS) is not None for replica in snapshot.ready]
    unknown = replace(
        snapshot,
        replicas=tuple(
            with_signal(replace(replica, gpus=()), SignalName.KV_TOKENS, Absent("not exported"))
            for replica in snapshot.replicas
        ),
    )
    before, after = judged(unknown).predicted.kv_cache_usage, judged(snapshot).predicted.kv_cache_usage
    assert all(known) or (after or 0.0) >= (before or 0.0)


@given(snapshot=snapshots(least=1))
def test_a_refusal_names_the_test_that_binds(snapshot: Snapshot) -> None:
    verdict = judged(snapshot)
    assert verdict.decision is Decision.ALLOW or verdict.binding_test is verdict.tests[0].test


@given(snapshot=snapshots(least=1))
def test_messages_are_one_short_line(snapshot: Snapshot) -> None:
    verdict = judged(snapshot)
    assert "\n" not in verdict.message
    assert len(verdict.message.encode()) <= 1024


@settings(max_examples=50)
@given(snapshot=snapshots(least=1))
def test_remembering_an_unchanged_service_settles_after_the_stabilization(snapshot: Snapshot) -> None:
    history = None
    for step in range(4):
        now = moved(replace(snapshot, history=history), 100.0 * step)
        judge = Judge(now, (), POLICY)
        history = remember(judge, frontier(judge))
    settled = moved(replace(snapshot, history=history), 400.0)
    assert judged(settled).reason is not Reason.STABILIZING


def moved(snapshot: Snapshot, by: float) -> Snapshot:
    """The same service later: every time in it moves with the clock."""
    return replace(
        snapshot,
        at=snapshot.at + by,
        replicas=tuple(_moved(replica, by) for replica in snapshot.replicas),
        signals={name: _later(signal, by) for name, signal in snapshot.signals.items()},
    )


def _moved(replica: Replica, by: float) -> Replica:
    since = None if replica.unready_since is None else replica.unready_since + by
    return replace(
        replica, unready_since=since, signals={name: _later(signal, by) for name, signal in replica.signals.items()}
    )


def _later(signal: Signal, by: float) -> Signal:
    if not isinstance(signal, Reading):
        return signal
    series = tuple(Point(point.at + by, point.value) for point in signal.series)
    return replace(signal, at=signal.at + by, series=series)
