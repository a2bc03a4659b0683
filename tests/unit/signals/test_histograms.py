"""What a histogram observed within a span, and its quantiles as PromQL computes them."""

import math

import pytest

from scalewarden.signals.engines.table import Series
from scalewarden.signals.histograms import Observed, merged, observed, quantile
from scalewarden.signals.pages import Pages
from scalewarden.signals.sample import Sample, Scrape


def page(at: float, buckets: dict[str, float], total: float, **labels: str) -> Scrape:
    """A page with one histogram `h`; the count is the last bucket."""
    samples = [Sample("h_bucket", {"le": bound, **labels}, value) for bound, value in buckets.items()]
    count = list(buckets.values())[-1]
    return Scrape(at, (*samples, Sample("h_sum", labels, total), Sample("h_count", labels, count)))


def seen(buckets: dict[float, float]) -> Observed:
    """Observations by cumulative bucket."""
    return Observed("h", list(buckets.values())[-1], 0.0, buckets, 0.0, 0.0)


def test_only_what_came_within_the_pages_counts():
    before = page(0, {"0.1": 900, "1.0": 1000, "+Inf": 1000}, 60.0)
    after = page(60, {"0.1": 900, "1.0": 1020, "+Inf": 1040}, 100.0)
    found = observed(Pages((before, after)), Series("h"))
    assert found is not None
    assert found.buckets == {0.1: 0, 1.0: 20, math.inf: 40}
    assert (found.count, found.sum, found.mean, found.seconds) == (40, 40.0, 1.0, 60)


def test_a_reset_between_pages_keeps_both_sides():
    pages = Pages(
        (
            page(0, {"1": 10, "+Inf": 10}, 5.0),
            page(10, {"1": 14, "+Inf": 15}, 9.0),
            page(20, {"1": 2, "+Inf": 3}, 1.0),
            page(30, {"1": 6, "+Inf": 7}, 2.0),
        )
    )
    found = observed(pages, Series("h"))
    assert found is not None
    assert found.buckets == {1.0: 4 + 6, math.inf: 5 + 7}
    assert found.count == 12


def test_a_restart_that_overtook_is_no_plain_difference():
    pages = Pages((page(0, {"1": 10, "+Inf": 10}, 5.0), page(20, {"1": 12, "+Inf": 12}, 6.0)), restarted_at=15)
    found = observed(pages, Series("h"))
    assert found is not None
    assert found.buckets[1.0] == 12


def test_engines_of_one_pod_are_summed():
    def both(at: float, n: float) -> Scrape:
        one, two = (page(at, {"1": n, "+Inf": n}, n, engine=engine) for engine in "01")
        return Scrape(at, one.samples + two.samples)

    found = observed(Pages((both(0, 1), both(10, 4))), Series("h"))
    assert found is not None
    assert found.count == 6


@pytest.mark.parametrize(
    ("buckets", "q", "value"),
    [
        ({1.0: 10, 2.0: 10, math.inf: 10}, 0.5, 0.5),
        ({1.0: 0, 2.0: 10, math.inf: 10}, 0.5, 1.5),
        ({1.0: 5, 2.0: 10, math.inf: 10}, 0.95, 1.9),
        ({1.0: 5, 2.0: 5, math.inf: 10}, 0.95, 2.0),  # beyond the last finite bound
        ({1.0: 0, 2.0: 0, math.inf: 0}, 0.5, None),
        ({math.inf: 10}, 0.5, None),
        ({1.0: 6, 2.0: 5, math.inf: 10}, 0.55, 5.5 / 6),  # read while written: cumulative counts may dip
    ],
)
def test_quantiles(buckets: dict[float, float], q: float, value: float | None):
    found = quantile(seen(buckets), q)
    assert found == (None if value is None else pytest.approx(value))


def test_pods_with_other_buckets_meet_at_the_bounds_they_share():
    together = merged([seen({1.0: 5, 2.0: 8, math.inf: 10}), seen({2.0: 1, 4.0: 2, math.inf: 2})])
    assert together is not None
    assert together.buckets == {2.0: 9, math.inf: 12}
    assert merged([]) is None


def test_a_bucket_without_a_bound_counts_nowhere():
    pages = tuple(
        Scrape(at, (*page(at, {"1": at, "+Inf": at}, 1.0).samples, Sample("h_bucket", {}, at))) for at in (0.0, 5.0)
    )
    found = observed(Pages(pages), Series("h"))
    assert found is not None
    assert found.buckets == {1.0: 5, math.inf: 5}
