"""The replicas that a large fleet leaves out are named by what makes them stand out."""

from typing import Any

import pytest

from scalewarden.judgement.decide import Judge
from scalewarden.judgement.evaluate import default_intent, judge_autoscaler
from scalewarden.model.finding import Status
from scalewarden.model.intent import Actor
from scalewarden.model.policy import Policy
from tests.builders import fleet, hpa, replica, resource, snapshot

ODD: dict[str, dict[str, Any]] = {
    "its cache is over the line": {"kv": 0.71},
    "requests stand in its queue": {"waiting": [1.0] * 41},
    "it preempted": {"preemptions": 2},
    "it is stale": {"age": 120},
    "it is silent": {"kv": None, "waiting": None, "running": None},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_what_stands_out_is_named(odd: dict[str, Any]) -> None:
    judge = Judge(snapshot([*fleet(19, kv=0.3), replica(**odd)]), (), Policy())
    assert judge.named == ("llama-70b-19",)


def test_what_is_on_the_line_is_not() -> None:
    assert Judge(snapshot([*fleet(19, kv=0.3), replica(kv=0.7, preemptions=0)]), (), Policy()).named == ()
    assert Judge(snapshot([*fleet(18, kv=0.3), replica(kv=0.9)]), (), Policy()).named == ()


def test_the_question_that_is_always_open() -> None:
    assert default_intent(snapshot(fleet(4))).path == "deployments/scale"
    empty = default_intent(snapshot())
    assert (empty.from_, empty.to, empty.actor) == (0, 0, Actor.AUTOSCALER)


def test_an_autoscaler_is_judged_under_its_name() -> None:
    unknown = judge_autoscaler(snapshot(fleet(2)), hpa(resource("cpu"), name="on-cpu"))
    assert (unknown.kind, unknown.name, unknown.status) == ("HorizontalPodAutoscaler", "on-cpu", Status.FIRED)
