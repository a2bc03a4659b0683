"""The text format: what is read, and which line is blamed for what is not."""

import math

import pytest

from scalewarden.errors import BadExposition
from scalewarden.signals import exposition
from scalewarden.signals.exposition import LONGEST, REMEMBERED, parse
from scalewarden.signals.sample import Sample


def test_a_line_with_everything_on_it():
    text = '# HELP a text\n# TYPE a gauge\na{x="1",le="+Inf"} 2.5 1700000000000 # {trace="t"} 0.5 1700000000.1\n'
    assert parse(text) == [Sample("a", {"x": "1", "le": "+Inf"}, 2.5)]


@pytest.mark.parametrize(
    ("written", "read"),
    [(r"a\"b", 'a"b'), (r"a\\b", "a\\b"), (r"a\nb", "a\nb"), ("a}b", "a}b"), ("a,b=c", "a,b=c"), (r"a\x", r"a\x")],
)
def test_label_values_may_hold_anything(written: str, read: str):
    assert parse(f'a{{x="{written}",}} 1\n') == [Sample("a", {"x": read}, 1.0)]


def test_not_a_number_and_infinity_are_kept_for_those_who_know_the_exporter():
    nan, positive, negative = (sample.value for sample in parse("a NaN\nb +Inf\nc -Inf\n"))
    assert math.isnan(nan)
    assert (positive, negative) == (math.inf, -math.inf)


def test_only_wanted_names_are_read():
    text = 'a_total 1\na_created 2\nb{x="1"} 3\na 4\n'
    assert [sample.name for sample in parse(text, {"a_total", "b"})] == ["a_total", "b"]


def test_a_quoted_name_inside_the_braces():
    assert parse('{"a.b",x="1"} 2\n') == [Sample("a.b", {"x": "1"}, 2.0)]
    assert parse('{"a.b",x="1"} 2\n', {"c"}) == []


def test_an_empty_page_has_no_samples():
    assert parse("") == parse("\n# nothing\n") == []


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("<!DOCTYPE html>\n<html></html>\n", 1, "HTML"),
        ('{"detail":"Not Found"}\n', 1, "not a sample"),
        ("404 page not found\n", 1, "not a sample"),
        ("a 1\nb 2", 2, "cut off"),
        ('a 1\nb{x="1', 2, "cut off"),
        ('a 1\nb{x="1} 2\n', 2, "not a sample"),
        ('a 1\nb{x="1",x="2"} 2\n', 2, "not a sample"),
        ("a 1\nb{x=1} 2\n", 2, "not a sample"),
        ("a 1\nb\n", 2, "not a sample"),
        ("a 1\nb one\n", 2, "not a sample"),
        ("a 1\nb 1_0\n", 2, "not a sample"),
        ('a{__name__="b"} 1\n', 1, "not a sample"),
        ("a 1\nab\n", 2, "not a sample"),
        ("a-1\n", 1, "not a sample"),
        ("a \u0663\n", 1, "not a sample"),
        ("a 1 2 3\n", 1, "not a sample"),
        ("a 1#\n", 1, "not a sample"),
        ('{x="1"} 2\n', 1, "not a sample"),
        ('a{x="1",y="2"} 1\n# c\na{y="2",x="1"} 1\n', 3, "duplicate series"),
    ],
)
def test_what_is_not_the_format_names_its_line(text: str, line: int, what: str):
    with pytest.raises(BadExposition, match=what) as error:
        parse(text, where="http://10.0.0.1:8000/metrics")
    assert error.value.where == f"http://10.0.0.1:8000/metrics:{line}"
    assert error.value.hint


@pytest.mark.parametrize("line", ["wanted", 'wanted{x="1"', "wantedx", "?", 'other"', "other", "other=1", '{"other" 1'])
def test_lines_that_are_not_wanted_must_still_be_lines(line: str):
    page = f"other 1\nwanted 1\n{line}\n"
    with pytest.raises(BadExposition) as error:
        parse(page, {"wanted"})
    assert error.value.where == "line 3"


def test_a_live_page_that_says_a_series_twice_says_no_number():
    page = 'a{x="1"} 1\nb 5\na{y="2",x="1"} 3\na{x="1"} 2\nb 5.0\na{x="1",y="2"} 3\n'
    first, b, second = parse(page, unique=False)
    assert (first.name, first.labels) == ("a", {"x": "1"})
    assert math.isnan(first.value), "1 or 2, nobody knows"
    assert b == Sample("b", {}, 5.0)
    assert second == Sample("a", {"x": "1", "y": "2"}, 3.0)
    with pytest.raises(BadExposition, match="duplicate series a") as error:
        parse(page)
    assert error.value.where == "line 4"
    assert parse(page, {"c"}) == [], "only what is read is looked at"


def test_series_are_read_once_and_remembered_within_bounds():
    first, second = (parse('a{x="1"} 1\n')[0] for _ in range(2))
    assert first.labels is second.labels and first.name is second.name
    parse("".join(f'a{{x="{number}"}} 1\n' for number in range(REMEMBERED + 10)))
    assert exposition._remembered.cache_info().currsize == REMEMBERED
    huge = f'a{{x="{"y" * LONGEST}"}} 1\n'
    assert parse(huge)[0].labels is not parse(huge)[0].labels, "a long text is not kept"
    exposition._remembered.cache_clear()


def test_a_line_is_named_without_a_page():
    with pytest.raises(BadExposition) as error:
        parse("a 1\n?\n")
    assert error.value.where == "line 2"


def test_a_huge_garbage_line_is_quoted_in_short():
    with pytest.raises(BadExposition) as error:
        parse("?" * 100_000 + "\n")
    assert len(error.value.message) < 120
