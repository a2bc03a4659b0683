"""A diagnosis over injected time: pressure is told at once, what passes is not forgotten at once, and nothing flaps."""

from dataclasses import replace
from itertools import pairwise

import pytest

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.judgement.settle import settled
from scalewarden.model.diagnosis import Confidence, Regime
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import Diagnosed, History, Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Replica
from tests.builders import AT, fleet, snapshot

WELL, FULL, QUEUE, BLIND = Regime.HEALTHY, Regime.KV_CACHE_BOUND, Regime.QUEUE_BOUND, Regime.INDETERMINATE


def told(*given: tuple[float, Regime]) -> list[Diagnosed]:
    """What is said as the table gives each regime at its second."""
    history, said = History(since=AT), []
    for at, regime in given:
        one = settled(regime, replace(snapshot(), at=AT + at, history=history))
        history = replace(history, diagnosed=one)
        said.append(one)
    return said


def regimes(*given: tuple[float, Regime]) -> list[Regime]:
    return [one.regime for one in told(*given)]


def test_the_first_time_is_taken_as_it_is() -> None:
    assert told((0, FULL)) == [Diagnosed(FULL, AT)]
    assert settled(FULL, snapshot()) == Diagnosed(FULL, AT)  # offline there is nothing before


def test_pressure_is_told_at_once() -> None:
    assert told((0, WELL), (15, FULL))[-1] == Diagnosed(FULL, AT + 15)


@pytest.mark.parametrize("calm", [Regime.IDLE, Regime.UNDERLOADED, WELL])
def test_only_that_something_binds_is_told_at_once(calm: Regime) -> None:
    assert regimes((0, calm), (15, QUEUE)) == [calm, QUEUE]
    others = [one for one in (Regime.IDLE, Regime.UNDERLOADED, WELL) if one is not calm]
    assert regimes((0, calm), *((15.0 * n, one) for n, one in enumerate(others, 1))) == [calm] * 3
    assert regimes((0, calm), (15, others[0]), (135, others[0]))[-1] is others[0]


def test_what_passes_stands_until_it_has_settled() -> None:
    assert regimes((0, FULL), (15, WELL), (134, WELL)) == [FULL, FULL, FULL]
    assert told((0, FULL), (15, WELL), (135, WELL))[-1] == Diagnosed(WELL, AT + 15)


def test_coming_back_begins_the_wait_anew_and_keeps_since() -> None:
    said = told((0, FULL), (15, WELL), (120, FULL), (135, WELL), (254, WELL), (255, WELL))
    assert [one.regime for one in said] == [FULL, FULL, FULL, FULL, FULL, WELL]
    assert said[2] == Diagnosed(FULL, AT)


def test_one_kind_of_pressure_gives_way_to_the_next_once_it_is_gone() -> None:
    assert told((0, FULL), (15, QUEUE), (60, WELL), (75, QUEUE), (135, QUEUE))[-1] == Diagnosed(QUEUE, AT + 75)


def test_a_short_blindness_is_no_break() -> None:
    assert told((0, FULL), (15, BLIND), (134, BLIND), (135, FULL))[-1] == Diagnosed(FULL, AT)


def test_signals_that_stay_away_are_told_and_their_return_at_once() -> None:
    blind = told((0, FULL), (15, BLIND), (135, BLIND), (150, WELL))
    assert blind[-2:] == [Diagnosed(BLIND, AT + 15), Diagnosed(WELL, AT + 150)]
    assert told((0, FULL), (15, BLIND), (135, BLIND), (150, FULL))[-1] == Diagnosed(FULL, AT + 150)


def test_what_is_missing_is_said_of_the_regime_that_stands() -> None:
    pressed = judged(fleet(3, kv=0.9), History(since=AT - 3600))
    blind = judged(fleet(3, kv=None, waiting=None, running=None), pressed.history).diagnosis
    assert (blind.regime, blind.confidence, blind.since) == (FULL, Confidence.LOW, AT)
    assert blind.summary.endswith("Too little is seen now to say it again.") and not blind.evidence_for
    assert {"coverage"} <= {one.signal for one in blind.evidence_against}


@pytest.mark.parametrize("other", [WELL, QUEUE, BLIND])
def test_a_thousand_swings_are_no_change(other: Regime) -> None:
    said = regimes(*((15.0 * n, FULL if n % 2 else other) for n in range(1001)))
    assert sum(a is not b for a, b in pairwise(said)) <= 1


@pytest.mark.parametrize("every", [2, 8, 9, 20])
@pytest.mark.parametrize("other", [WELL, BLIND])
def test_slower_swings_change_at_most_twice_in_the_time_it_takes_to_settle(other: Regime, every: int) -> None:
    said = regimes(*((15.0 * n, FULL if n // every % 2 else other) for n in range(1001)))
    assert sum(a is not b for a, b in pairwise(said)) <= 1 + 2 * 15 * 1000 / max(120, 2 * 15 * every)


def test_a_threshold_says_how_long() -> None:
    known = History(since=AT, diagnosed=Diagnosed(FULL, AT, WELL, AT + 1, AT + 1))
    later = replace(snapshot(thresholds={"diagnosisSettles": 5}), at=AT + 6, history=known)
    assert settled(WELL, later).regime is WELL
    assert settled(WELL, replace(later, thresholds=Thresholds())).regime is FULL


def judged(pods: tuple[Replica, ...], history: History | None) -> Evaluation:
    return evaluate(snapshot(pods, history=history), Policy())


def test_what_is_passing_says_so() -> None:
    pressed = judged(fleet(3, kv=0.9), History(since=AT - 3600))
    assert pressed.diagnosis.regime is FULL and pressed.history.diagnosed == Diagnosed(FULL, AT)
    passing = judged(fleet(3, kv=0.6, running=20, max_num_seqs=64), pressed.history).diagnosis
    assert (passing.regime, passing.confidence, passing.since) == (FULL, Confidence.LOW, AT)
    assert "what is read now says Healthy" in passing.summary
    assert {one.signal for one in passing.evidence_against} == {"kv_usage"} and not passing.evidence_for


def test_a_snapshot_keeps_it_through_json() -> None:
    from scalewarden.model.snapshot import from_json, to_json

    snap: Snapshot = snapshot(history=History(since=AT, diagnosed=Diagnosed(FULL, AT, WELL, AT, AT)))
    assert from_json(to_json(snap)) == snap
