"""Buckets that widen: bounded, and nothing that matters is lost."""

from hypothesis import given
from hypothesis import strategies as st

from scalewarden.judgement.replaying.timeline import MOST, Timeline


def test_a_bucket_folds_each_value_in_its_own_way() -> None:
    timeline = Timeline(since=0.0, seconds=60.0)
    timeline.add(0.0, {"desired": 4.0, "safe": 3.0, "fence": 3.0, "kv_high": 0.9, "kv_mean": 0.2, "waiting": None})
    timeline.add(45.0, {"desired": 2.0, "safe": 4.0, "fence": 1.0, "kv_high": 0.4, "kv_mean": 0.6, "waiting": None})
    timeline.add(60.0, {"desired": 2.0, "waiting": 7.0})
    first, second = timeline.buckets()
    assert (first.at, first.desired, first.safe, first.fence, first.kv_high, first.kv_mean) == (0, 2, 3, 3, 0.9, 0.4)
    assert first.waiting is None and second.waiting == 7.0 and second.kv_high is None and second.at == 60.0


def test_nothing_in_nothing_out() -> None:
    assert Timeline(0.0, 15.0).buckets() == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 400))
def test_however_long_it_is_there_are_few_buckets_and_the_peak_stays(peaks: list[float], repeated: int) -> None:
    timeline = Timeline(since=1000.0, seconds=15.0)
    values = peaks * repeated
    for index, value in enumerate(values):
        timeline.add(1000.0 + 15.0 * index, {"kv_high": value, "kv_mean": value, "safe": value, "desired": value})
    found = timeline.buckets()
    assert 0 < len(found) <= MOST
    assert max(one.kv_high or 0.0 for one in found) == max(values)
    assert min(one.safe or 0.0 for one in found) == min(values)
    assert found[-1].desired == values[-1]
    assert [one.at for one in found] == sorted({one.at for one in found})
    assert found[-1].at + found[-1].seconds > 1000.0 + 15.0 * (len(values) - 1)
