"""A target's window: order, bounds, and nothing kept twice."""

import random

from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.window import Bounds, Window

RUNNING, BUCKET, COUNT = "vllm:num_requests_running", "vllm:ttft_bucket", "vllm:ttft_count"


def page(at: float, **values: float) -> Scrape:
    """A page with one series a keyword: `running`, `bucket`, `count`."""
    names = {"running": RUNNING, "bucket": BUCKET, "count": COUNT}
    return Scrape(at, tuple(Sample(names[key], {"engine": "0"}, value) for key, value in values.items()))


def names(window: Window) -> list[set[str]]:
    return [set(scrape.names) for scrape in window.scrapes]


def test_scrapes_are_in_order_of_time_whatever_order_they_came_in() -> None:
    window = Window()
    for at in random.Random(1).sample(range(100), 40):
        window.add(page(at, running=1))
    ordered = [scrape.at for scrape in window.scrapes]
    assert ordered == sorted(ordered) and len(ordered) == 40


def test_a_scrape_of_the_same_instant_gives_way_only_to_a_fuller_one() -> None:
    window = Window()
    window.add(page(1, running=1))
    window.add(page(1, running=2))
    assert [sample.value for sample in window.scrapes[0].samples] == [1]
    window.add(page(1, running=2, count=3))
    assert [sample.value for sample in window.scrapes[0].samples] == [2, 3]


def test_parts_of_one_page_are_joined() -> None:
    window = Window()
    window.merge(page(1, running=1))
    window.merge(page(1, count=5))
    window.merge(page(1, running=9))
    window.merge(page(2, running=2))
    assert [{one.name: one.value for one in scrape.samples} for scrape in window.scrapes] == [
        {RUNNING: 1, COUNT: 5},
        {RUNNING: 2},
    ]


def test_old_scrapes_go_and_old_buckets_go_before_them() -> None:
    window = Window(Bounds(span=60, bucket_span=20))
    for at in range(0, 101, 10):
        window.add(page(at, running=1, bucket=at, count=at))
    window.trim(100)
    assert [scrape.at for scrape in window.scrapes] == [50, 60, 70, 80, 90, 100]
    assert [BUCKET in found for found in names(window)] == [False, False, False, True, True, True]
    assert all({RUNNING, COUNT} <= found for found in names(window))


def test_a_scrape_that_comes_late_brings_no_old_buckets_back() -> None:
    window = Window(Bounds(bucket_span=20))
    for at in (0, 100, 50, 0):
        window.add(page(at, running=1, bucket=at))
    assert names(window) == [{RUNNING}, {RUNNING}, {RUNNING, BUCKET}]


def test_what_does_not_move_is_stored_once() -> None:
    window = Window()
    for at in range(3):
        window.add(page(at, running=1, count=at))
    first, second, third = (scrape.samples for scrape in window.scrapes)
    assert first[0] is second[0] is third[0]
    assert second[1] is not third[1] and second[1].labels is third[1].labels


def test_memory_is_bounded_and_the_newest_scrape_stays() -> None:
    window = Window(Bounds(max_bytes=100_000))
    for at in range(50):
        window.add(Scrape(at, tuple(Sample(RUNNING, {"engine": f"{at}-{number}"}, number) for number in range(20))))
    assert window.bytes <= 100_000
    assert 1 < len(window.scrapes) < 50
    assert window.scrapes[-1].at == 49
    window.add(Scrape(50, tuple(Sample(RUNNING, {"engine": f"{number}"}, number) for number in range(1000))))
    assert [scrape.at for scrape in window.scrapes] == [50]
