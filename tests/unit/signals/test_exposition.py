"""The text format: what is read, and which line is blamed for what is not."""

import math

import pytest

from scalewarden.errors import BadExposition
from scalewarden.signals.exposition import parse
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
        ('a{x="1",y="2"} 1\n# c\na{y="2",x="1"} 1\n', 3, "duplicate series"),
    ],
)
def test_what_is_not_the_format_names_its_line(text: str, line: int, what: str):
    with pytest.raises(BadExposition, match=what) as error:
        parse(text, where="http://10.0.0.1:8000/metrics")
    assert error.value.where == f"http://10.0.0.1:8000/metrics:{line}"
    assert error.value.hint


def test_a_line_is_named_without_a_page():
    with pytest.raises(BadExposition) as error:
        parse("a 1\n?\n")
    assert error.value.where == "line 2"


def test_a_huge_garbage_line_is_quoted_in_short():
    with pytest.raises(BadExposition) as error:
        parse("?" * 100_000 + "\n")
    assert len(error.value.message) < 120
