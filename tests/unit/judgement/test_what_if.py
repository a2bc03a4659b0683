"""Which counts a what-if shows, and that each is judged as it would be alone."""

from itertools import pairwise

import pytest

from scalewarden.judgement.decide import decide
from scalewarden.judgement.what_if import MOST_ROWS, what_if
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from tests.builders import fleet, hpa, pods_metric, snapshot


def counts(replicas: int, to: int, kv: float = 0.2) -> list[int]:
    asked = Intent(replicas, to, Actor.USER, "deployments/scale", "alice")
    return [count for count, _ in what_if(snapshot(fleet(replicas, kv=kv)), (), Policy(), asked)]


@pytest.mark.parametrize(
    ("replicas", "to", "shown"),
    [(4, 3, [3]), (4, 1, [3, 2, 1]), (13, 1, list(range(12, 0, -1))), (4, 4, [4]), (4, 6, [6]), (2, 0, [1, 0])],
)
def test_every_count_on_the_way(replicas: int, to: int, shown: list[int]) -> None:
    assert counts(replicas, to) == shown


def test_many_counts_are_thinned_out_evenly_and_keep_what_matters() -> None:
    found = counts(19, 1)  # safe at 6: 0.2 + 0.2·13/6 = 0.63
    assert found == sorted(found, reverse=True) and len(found) <= MOST_ROWS
    assert {1, 6, 5, 18} <= set(found)
    assert found == [18, 16, 14, 12, 10, 9, 7, 6, 5, 3, 1]


def test_of_a_large_fleet_the_whole_way_is_shown() -> None:
    """100→1 was once shown down to 28, and then at 1 only."""
    found = counts(100, 1)
    assert (found[0], found[-1], len(found)) == (99, 1, MOST_ROWS)
    assert max(a - b for a, b in pairwise(found)) == 11


def test_zero_is_looked_at_where_zero_is_asked_for() -> None:
    idle = snapshot(fleet(40, kv=0.0, running=0.0))
    assert [to for to, _ in what_if(idle, (), Policy(), Intent(40, 0, Actor.USER))][-1] == 0


def test_each_row_is_the_verdict_of_its_count() -> None:
    service, asked = snapshot(fleet(6, kv=0.2)), Intent(6, 2, Actor.USER, "deployments/scale", "alice", True)
    for to, verdict in what_if(service, (), Policy(), asked):
        assert verdict == decide(service, (), Intent(6, to, Actor.USER), Policy())


def test_who_asks_is_kept() -> None:
    """Of an autoscaler's own KV trigger only an autoscaler hears."""
    service = snapshot(fleet(4, kv=0.45), autoscalers=[hpa(pods_metric("vllm:kv_cache_usage_perc", 0.6))])
    answers = {
        actor: what_if(service, (), Policy(), Intent(4, 3, actor))[0][1].decision
        for actor in (Actor.USER, Actor.AUTOSCALER)
    }
    assert answers == {Actor.USER: "Allow", Actor.AUTOSCALER: "Hold"}
