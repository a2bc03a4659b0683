"""A target's window: order, bounds, and nothing kept twice."""

import gzip
import random
import tracemalloc
from pathlib import Path

from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Sample, Scrape
from scalewarden.sources.window import Bounds, Window

RECORDINGS = Path(__file__).parents[3] / "examples" / "recordings"
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


def test_pages_of_the_same_series_share_what_they_have_in_common() -> None:
    windows = Window(), Window()
    labels = {"engine": "0"}
    for at in range(3):
        for window in windows:
            window.add(Scrape(at, (Sample(RUNNING, labels, 1), Sample(COUNT, labels, at))))
    layouts = {id(scrape.layout) for window in windows for scrape in window.scrapes}
    assert len(layouts) == 1


def test_series_in_another_order_are_the_same_page() -> None:
    window = Window()
    for at, order in enumerate(([0, 1, 2], [2, 0, 1])):
        series = [Sample(BUCKET, {"le": str(place)}, 10 * at + place) for place in range(3)]
        window.add(Scrape(at, tuple(series[place] for place in order)))
    first, second = window.scrapes
    assert first.layout is second.layout
    assert {one.labels["le"]: one.value for one in second.samples} == {"0": 10, "1": 11, "2": 12}


def test_a_series_that_comes_later_leaves_the_labels_of_the_others_where_they_are() -> None:
    window = Window()
    for at in range(3):
        more = (Sample(COUNT, {"engine": "1"}, 7),) if at else ()
        window.add(Scrape(at, (*more, Sample(RUNNING, {"engine": "0"}, at))))
    first, second, third = (scrape.named(RUNNING)[0] for scrape in window.scrapes)
    assert first.labels is second.labels is third.labels
    assert [first.value, second.value, third.value] == [0, 1, 2]


def test_a_series_that_is_there_twice_stays_so() -> None:
    window = Window()
    for at in range(2):
        window.add(Scrape(at, (Sample(RUNNING, {}, 1), Sample(RUNNING, {}, at), Sample(COUNT, {}, at))))
    assert [[one.value for one in scrape.named(RUNNING)] for scrape in window.scrapes] == [[1, 0], [1, 1]]


def test_a_real_page_costs_little_memory() -> None:
    """Every wanted series moves at every scrape, which is the most that a page can cost."""
    page = gzip.decompress(sorted(RECORDINGS.glob("kv-pressured/scrapes/*/*.prom.gz"))[-1].read_bytes()).decode()
    windows = [Window() for _ in range(4)]
    parse(page, WANTED)  # what all pods share is not counted
    tracemalloc.start()
    try:
        for step in range(44):
            for number, window in enumerate(windows):
                moved = (one._replace(value=one.value + step + number / 7) for one in parse(page, WANTED))
                window.add(Scrape(15.0 * step, tuple(moved)))
        used = tracemalloc.get_traced_memory()[0] / len(windows)
    finally:
        tracemalloc.stop()
    assert len(windows[0].scrapes) == 44
    assert used < 150_000
    assert 0.5 < windows[0].bytes / used < 4, "the estimate that bounds a window must not be far off"


def test_memory_is_bounded_and_the_newest_scrape_stays() -> None:
    window = Window(Bounds(max_bytes=100_000))
    for at in range(50):
        window.add(Scrape(at, tuple(Sample(RUNNING, {"engine": f"{at}-{number}"}, number) for number in range(20))))
    assert window.bytes <= 100_000
    assert 1 < len(window.scrapes) < 50
    assert window.scrapes[-1].at == 49
    window.add(Scrape(50, tuple(Sample(RUNNING, {"engine": f"{number}"}, number) for number in range(1000))))
    assert [scrape.at for scrape in window.scrapes] == [50]
