"""Increases: through resets, restarts, gaps and series that come and go."""

import pytest

from scalewarden.model.signal import Point
from scalewarden.signals.counters import increase
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Sample, Scrape

NAN = float("nan")


def pages(*values: float | dict[str, float] | None, restarted_at: float | None = None) -> Pages:
    """One page every 10 s from 0 on: a value, values by the label `engine`, or a page without the counter."""
    scrapes = []
    for index, value in enumerate(values):
        found = value if isinstance(value, dict) else {} if value is None else {"0": value}
        samples = tuple(Sample("c_total", {"engine": engine}, number) for engine, number in found.items())
        scrapes.append(Scrape(index * 10.0, samples))
    return Pages(tuple(scrapes), restarted_at)


@pytest.mark.parametrize(
    ("counter", "gained"),
    [
        (pages(5, 7, 7, 10), 5),
        (pages(100, 110, 3, 8), 18),  # fell: began again at zero
        (pages(100, 0, 0), 0),
        (pages(5, 7, 20, restarted_at=15), 22),  # restarted between 7 and 20, and overtook
        (pages(5, 7, 20, restarted_at=10), 20),  # at the very instant of a page: that page is the new process's
        (pages(5, 7, 20, restarted_at=-5), 15),  # before the data: no matter
        (pages(5, None, 9), 4),  # a page without it is a gap
        (pages(5, NAN, 9), 4),
        (pages({"0": 5, "1": 50}, {"0": 6, "1": 60}), 11),
        (pages({"0": 5}, {"0": 6, "1": 60}), 1),  # new to the page: what it had before is not known
        (pages({"0": 5, "1": 50}, {"0": 6}), 1),
        (pages({"0": 5, "1": 50}, {"0": 6, "1": NAN}, {"0": 7, "1": 51}), 3),  # half a sum is no sum
    ],
)
def test_gain(counter: Pages, gained: float):
    found = increase(counter, ("c_total",))
    assert found is not None
    assert found.total == pytest.approx(gained)


@pytest.mark.parametrize(
    "counter",
    [pages(), pages(5), pages(None, 5, None), pages(None, None), pages({"0": 5}, {"1": 9})],
)
def test_one_sample_is_no_increase(counter: Pages):
    assert increase(counter, ("c_total",)) is None


def test_rates_and_cumulative_run_over_the_same_steps():
    found = increase(pages(0, 20, 50), ("c_total",))
    assert found is not None
    assert found.rates == (Point(10, 2.0), Point(20, 3.0))
    assert found.cumulative == (Point(0, 0.0), Point(10, 20.0), Point(20, 50.0))
    assert (found.rate, found.seconds, found.at) == (2.5, 20.0, 20.0)


def test_a_gap_that_nothing_is_known_of_does_not_thin_the_rate():
    found = increase(pages({"0": 0}, {"0": 20}, {"1": 500}, {"1": 520}), ("c_total",))
    assert found is not None
    assert (found.total, found.seconds, found.rate) == (40, 20, 2.0)


def test_the_last_seconds_hold_at_least_the_newest_step():
    found = increase(pages(0, 20, 50, 90), ("c_total",))
    assert found is not None
    assert found.last(20).total == 70
    assert found.last(1).total == 40


def test_processes_of_one_engine_are_one_series():
    def page(at: float, *values: float) -> Scrape:
        return Scrape(at, tuple(Sample("c_total", {"pid": str(index)}, one) for index, one in enumerate(values)))

    found = increase(Pages((page(0, 10, 7), page(10, 12, 7))), ("c_total",))
    assert found is not None
    assert found.total == 2


def test_the_first_spelling_that_is_there_is_read():
    both = (
        Scrape(0, (Sample("new", {}, 1), Sample("old", {}, 5))),
        Scrape(10, (Sample("new", {}, 2), Sample("old", {}, 9))),
    )
    old = Scrape(0, (Sample("old", {}, 5),)), Scrape(10, (Sample("old", {}, 9),))
    for scrapes, name, gained in ((both, "new", 1), (old, "old", 4)):
        found = increase(Pages(scrapes), ("new", "old"))
        assert found is not None
        assert (found.name, found.total) == (name, gained)


def test_less_is_never_below_zero():
    taken, gained = increase(pages(0, 30, 35), ("c_total",)), increase(pages(0, 20, 50), ("c_total",))
    assert taken is not None
    assert gained is not None
    assert [step.gain for step in gained.less(taken).steps] == [0, 25]


def test_a_counter_that_comes_back_was_not_born_again():
    """One page without it, as when a rank answered late: what it had counted before is no gain."""
    pages = [{"c": 100.0}, {}, {"c": 130.0}]
    scrapes = tuple(
        Scrape(float(at), (Sample("e:up", {}, 1.0), *(Sample(name, {}, n) for name, n in page.items())))
        for at, page in enumerate(pages)
    )
    found = increase(Pages(scrapes, born_late="e:"), ("c",))
    assert found is not None
    assert found.total == 30


def test_of_several_reports_the_one_that_gained_the_most_counts():
    """Not the one with the longest life: a model that served all day may stand still now."""
    scrapes = tuple(
        Scrape(float(at), (Sample("c", {"rank": "0"}, 9000.0), Sample("c", {"rank": "1"}, 10.0 * at)))
        for at in range(3)
    )
    found = increase(Pages(scrapes, copies=frozenset({"rank"})), ("c",))
    assert found is not None
    assert found.total == 20
