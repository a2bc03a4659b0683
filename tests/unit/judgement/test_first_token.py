"""The time to the first token after a removal: as it is now, and longer where cached prefixes go with a replica."""

from typing import Any

import pytest

from scalewarden.judgement.decide import Judge
from scalewarden.model.intent import Actor
from scalewarden.model.policy import Objectives, Policy
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision, Prediction, Range, Test, TestResult
from scalewarden.model.workload import Role, Routing
from tests.builders import fleet, gpu_workload, snapshot


def service(hit: float | None = 0.5, ttft: float = 0.4, objective: float | None = None, **more: Any) -> Snapshot:
    """Two replicas; half of every prompt is cached unless said."""
    same = {"prefix_hit": hit, **more.pop("same", {})}
    objectives = Objectives(ttft_p95=objective)
    return snapshot(
        fleet(2, **same), service={"ttft_p95": ttft}, objectives=objectives, **{"routing": Routing.STICKY, **more}
    )


def predicted(snap: Snapshot) -> Prediction:
    return Judge(snap, (), Policy()).prediction(1, Actor.AUTOSCALER)


def judged(snap: Snapshot) -> TestResult:
    results = Judge(snap, (), Policy()).results(1, Actor.AUTOSCALER)
    return next(one for one in results if one.test is Test.TIME_TO_FIRST_TOKEN)


def test_sticky_clients_lose_the_prefixes_of_their_replica() -> None:
    """A quarter of the prompt stays cached: 0.75 is computed where 0.5 was, half as much again."""
    found = predicted(service())
    assert found.time_to_first_token == pytest.approx(0.6)
    assert found.uncertainty.time_to_first_token == Range(0.4, 0.6)


@pytest.mark.parametrize("more", [{"routing": Routing.EVEN}, {"hit": 0.0}, {"hit": None}])
def test_without_prefixes_to_lose_it_is_that_of_now(more: dict[str, Any]) -> None:
    found = predicted(service(**more))
    assert (found.time_to_first_token, found.uncertainty.time_to_first_token) == (0.4, Range(0.4, 0.4))


@pytest.mark.parametrize("same", [{"waiting": 1.0}, {"kv": 0.5}])
def test_a_queue_or_an_overflowing_cache_leaves_it_unsaid(same: dict[str, float]) -> None:
    found = predicted(service(same=same))
    assert (found.time_to_first_token, found.uncertainty.time_to_first_token) == (None, None)


def test_a_decode_target_has_none() -> None:
    assert predicted(service(workload=gpu_workload(role=Role.DECODE))).time_to_first_token is None


@pytest.mark.parametrize(
    ("objective", "decision"),
    [(0.75, Decision.ALLOW), (0.7, Decision.HOLD), (0.5, Decision.HOLD), (0.3, Decision.DENY)],
)
def test_what_is_lost_holds_and_what_is_measured_refuses(objective: float, decision: Decision) -> None:
    """0.4 s now and 0.6 s foretold: 0.8 of 0.75, over 0.8 of 0.7, over 0.5; only 0.4 over 0.3 refuses."""
    assert judged(service(objective=objective)).decision is decision


def test_the_message_names_what_is_lost() -> None:
    assert "600 ms against an objective of 700 ms, cached prefixes being lost" in judged(service(objective=0.7)).message
    assert "lost" not in judged(service(objective=0.75)).message


def test_a_prompt_that_is_wholly_cached_has_a_number_all_the_same() -> None:
    assert predicted(service(hit=1.0)).time_to_first_token == pytest.approx(0.4 + 0.4 * 0.5 / 0.0001)
