"""Utilization and latency are remembered over an hour, though each window of metrics holds ten minutes."""

from dataclasses import replace
from math import sin

from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.finding import Status
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import History, Pair
from scalewarden.rules.against_latency import remembered
from tests.builders import AT, fleet, later, replica, snapshot


def test_an_hour_of_evaluations_is_an_hour_of_pairs() -> None:
    history, status = History(since=AT), {}
    for minute in range(0, 75):
        busy, slow = 0.5 + 0.4 * sin(minute), 0.03 + 0.015 * sin(minute * 1.7 + 1)
        pods = fleet(2, gpu_busy=busy, engine_active=busy, itl_mean=slow, over=60)
        found = evaluate(replace(later(snapshot(pods), 60.0 * minute), history=history), Policy())
        history = found.history
        status[minute] = next(one.status for one in found.findings if one.rule == "UTL105")
    assert (status[30], status[74]) == (Status.UNKNOWN, Status.FIRED)
    assert len(history.pairs) == 61 and history.pairs[-1].at - history.pairs[0].at == 3600


def test_one_pair_a_minute_of_what_is_new() -> None:
    busy = [replica(engine_active=0.4, itl_mean=0.02), replica(engine_active=0.8, itl_mean=0.04)]
    known = remembered(snapshot(busy))
    assert [(one.at, round(one.utilization, 6), round(one.latency, 6)) for one in known] == [(AT, 0.6, 0.03)]
    at = later(snapshot(busy, history=History(since=AT, pairs=known)), 59)
    assert remembered(at) == known
    assert len(remembered(replace(at, at=AT + 60))) == 2


def test_what_is_old_or_not_measured_adds_nothing() -> None:
    assert remembered(snapshot([replica(engine_active=0.4)])) == ()
    assert remembered(snapshot([replica(engine_active=0.4, itl_mean=0.02, age=61)])) == ()
    old = (Pair(AT - 3601, 0.5, 0.02), Pair(AT - 3600, 0.5, 0.02))
    assert remembered(snapshot([replica()], history=History(since=AT, pairs=old))) == old[1:]
