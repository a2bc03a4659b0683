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


def missed(course: list[tuple[float, str, int]]) -> list[str]:
    """Who counts as removed at each of (seconds, the pods that serve, the wanted count)."""
    history, found = History(since=AT - 9000), []
    for moment, names, desired in course:
        pods = [replica(name, kv=0.2) for name in names]
        one = evaluate(later(snapshot(pods, desired=desired, history=history), moment), AT_ONCE)
        history = one.history
        found.append("".join(removed.replica.pod for removed in history.removed))
    return found


def test_a_rollout_soon_after_a_removal_replaces_pods_and_removes_none() -> None:
    course = [
        (0.0, "abcd", 4),
        (15.0, "abcd", 3),
        (30.0, "abc", 3),
        (90.0, "abcx", 3),
        (105.0, "bcx", 3),
        (330.0, "bcx", 3),
    ]
    assert missed(course)[:3] == ["", "", "d"]
    assert [len(names) for names in missed(course)] == [0, 0, 1, 0, 1, 1]


def test_who_left_late_counts_for_its_whole_time() -> None:
    """The count fell two minutes before the pod went: that it was higher is forgotten first."""
    course = [
        (0.0, "abcd", 4),
        (15.0, "abcd", 3),
        (135.0, "abc", 3),
        (320.0, "abc", 3),
        (420.0, "abc", 3),
        (436.0, "abc", 3),
    ]
    assert missed(course) == ["", "", "d", "d", "d", ""]


def test_removals_one_after_the_other_add_up() -> None:
    course = [(0.0, "abcdef", 6), (15.0, "abcd", 4), (30.0, "abc", 3), (45.0, "abc", 3)]
    assert [len(names) for names in missed(course)] == [0, 2, 3, 3]
