"""Fresh, stale, absent: by age on the snapshot's clock."""

import pytest

from scalewarden.model.signal import Absent, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals import freshness
from scalewarden.signals.freshness import State
from tests import builders as build


@pytest.mark.parametrize(("interval", "line"), [(5, 60), (24, 60), (30, 75), (60, 150), (90, 150)])
def test_fresh_for(interval: float, line: float) -> None:
    assert freshness.fresh_for(interval, Thresholds()) == line


@pytest.mark.parametrize(
    ("age", "state"),
    [(0, State.FRESH), (60, State.FRESH), (60.1, State.STALE), (299, State.STALE), (300, State.ABSENT)],
)
def test_state_by_age(age: float, state: State) -> None:
    snapshot = build.snapshot([build.replica(age=age)])
    signal = snapshot.replicas[0].signal(SignalName.WAITING)
    assert freshness.state(signal, snapshot) is state
    assert (freshness.usable(signal, snapshot) is None) is (state is State.ABSENT)
    assert freshness.gone_stale(signal, snapshot) is (state is State.ABSENT)


def test_gone_stale_is_told_from_never_there() -> None:
    snapshot = build.snapshot()
    assert freshness.gone_stale(Absent(f"{freshness.STALE_CAUSE}older than 300 s"), snapshot)
    assert not freshness.gone_stale(Absent("connection refused"), snapshot)


def test_coverage_counts_ready_replicas_with_every_needed_signal_fresh() -> None:
    seen, stale, silent = build.replica(), build.replica(age=61), build.replica(running=None)
    assert freshness.coverage(build.snapshot([seen, stale, silent, build.replica(ready=False)])) == pytest.approx(1 / 3)
    assert freshness.coverage(build.snapshot()) is None


def test_the_worst_signal_is_the_state_of_a_replica() -> None:
    snapshot = build.snapshot([build.replica(age=61), build.replica(age=61, kv=None)])
    assert [freshness.replica_state(one, snapshot) for one in snapshot.ready] == [State.STALE, State.ABSENT]


def test_kv_usage_is_needed_while_one_replica_may_export_it() -> None:
    never = build.replica(kv=Absent("TGI does not export it", for_good=True))
    assert SignalName.KV_USAGE not in freshness.required(build.snapshot([never, never]))
    assert SignalName.KV_USAGE in freshness.required(build.snapshot([never, build.replica()]))
    assert SignalName.KV_USAGE in freshness.required(build.snapshot())
