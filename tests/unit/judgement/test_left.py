"""What replicas carried that left since the last evaluation counts in the first one that misses them."""

from scalewarden.judgement.evaluate import evaluate
from scalewarden.judgement.left import with_those_that_left
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import History, Removed
from tests.builders import AT, fleet, later, replica, snapshot

AT_ONCE = Policy(stabilization=0.0)


def test_the_safe_count_does_not_dip_while_the_rest_do_not_show_the_load_yet() -> None:
    four = [replica(name, kv=0.36) for name in "abcd"]
    history, safe = History(since=AT - 9000), []
    for moment, pods in enumerate([four, four[:3], four[:3], four[:3]]):
        found = evaluate(later(snapshot(pods, history=history), 15.0 * moment), AT_ONCE)
        history = found.history
        safe.append(found.verdict.safe_replicas)
    assert safe == [3, 3, 3, 3]  # 1.44 on two: 0.72, held; of the three that stay alone: 0.54


def test_who_left_is_known_in_what_is_shown_and_in_what_is_remembered() -> None:
    a, b, c = (replica(name, kv=0.3) for name in "abc")
    found = evaluate(snapshot([a, b], history=History(since=AT - 9000, last_ready=(a, b, c))), AT_ONCE)
    assert found.snapshot.history is not None
    assert found.snapshot.history.removed == found.history.removed == (Removed(c, AT),)


def test_without_a_history_nobody_left() -> None:
    assert with_those_that_left(snapshot(fleet(2, kv=0.3))).history is None
