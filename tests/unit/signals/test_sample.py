"""A page as it is kept: what it holds, and what it is equal to."""

import math

import pytest

from scalewarden.signals.sample import Sample, Scrape

SAMPLES = (Sample("a", {"x": "1", "pid": "7"}, 1.5), Sample("b_bucket", {}, 2.0), Sample("a", {"x": "2"}, math.inf))


def test_a_page_gives_back_what_it_was_made_of():
    page = Scrape(5.0, iter(SAMPLES))
    assert (page.at, page.samples, len(page)) == (5.0, SAMPLES, 3)
    assert set(page.names) == {"a", "b_bucket"}
    assert page.named("a") == (SAMPLES[0], SAMPLES[2])
    assert page.named("c") == ()


def test_not_a_number_stays_so():
    [sample] = Scrape(0.0, [Sample("a", {}, math.nan)]).samples
    assert math.isnan(sample.value)


def test_pages_are_equal_when_they_say_the_same_at_the_same_instant():
    page = Scrape(5.0, SAMPLES)
    assert page == Scrape(5.0, SAMPLES)
    others = Scrape(6.0, SAMPLES), Scrape(5.0, SAMPLES[:2]), Scrape(5.0, (*SAMPLES[:2], Sample("a", {"x": "2"}, 3.0)))
    assert page not in others
    assert page != "page"
    assert repr(page) == f"Scrape(at=5.0, samples={SAMPLES!r})"
    with pytest.raises(TypeError, match="unhashable"):
        hash(page)


def test_keys_leave_out_what_tells_copies_apart():
    page = Scrape(5.0, SAMPLES)
    for _ in range(2):
        keyed = page.keyed("a", frozenset({"pid"}))
        assert keyed == [
            (SAMPLES[0].labels, frozenset({("x", "1")}), 1.5),
            (SAMPLES[2].labels, frozenset({("x", "2")}), math.inf),
        ]
    assert page.keyed("a", frozenset())[0][1] == frozenset({("x", "1"), ("pid", "7")})
    assert page.keyed("c", frozenset()) == []


def test_a_page_without_its_buckets():
    assert Scrape(5.0, SAMPLES).without("_bucket") == Scrape(5.0, (SAMPLES[0], SAMPLES[2]))
