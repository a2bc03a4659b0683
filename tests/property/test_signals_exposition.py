"""The fast parser reads what prometheus_client reads, and nothing else, whatever the page."""

import gzip
import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from scalewarden.errors import BadExposition
from scalewarden.signals import exposition
from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Sample

Read = Callable[[str], Iterable[Metric]]
RECORDINGS = Path(__file__).parents[2] / "examples" / "recordings"
names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)
label_names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
numbers = st.floats(allow_nan=True, allow_infinity=True)


def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


written_numbers = st.one_of(
    numbers.map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(
        ["NaN", "+Inf", "-Inf", "Inf", "inf", "nan", "+1", "-.5", "5.", "1e5", "1E+05", "-2.5e-300", "007"]
    ),
)
blanks = st.sampled_from([" ", "\t", "  "])
"""The oracle splits at one kind of blank, so a line has one."""


@st.composite
def label_lists(draw: st.DrawFn) -> list[str]:
    """Labels in any order, as they are written between the braces."""
    keys = draw(st.lists(st.one_of(label_names, quoted_names), max_size=3, unique_by=lambda key: key.strip('"')))
    return [f'{key}{draw(gaps)}={draw(gaps)}"{escaped(draw(texts))}"' for key in keys]


@st.composite
def lines(draw: st.DrawFn) -> str:
    """One sample, in all the forms of the text format."""
    name, labels, blank = draw(st.one_of(names, quoted_names)), draw(label_lists()), draw(blanks)
    if name.startswith('"'):
        name, labels = "", [name, *labels]
    comma = "," if labels and draw(st.booleans()) else ""
    inside = f"{draw(gaps)},{draw(gaps)}".join(labels) + comma
    braces = f"{draw(gaps)}{{{inside}}}" if labels or draw(st.booleans()) else ""
    stamp = draw(st.sampled_from(["", f"{blank}1766370000000", f"{blank}-5", f"{blank}1766370000.123", f"{blank}1e3"]))
    return f"{name}{braces}{blank}{draw(written_numbers)}{stamp}{draw(ends)}"


gaps = st.sampled_from(["", "", "", " "])
ends = st.sampled_from(["", "", " ", "\r"])
quoted_names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=6).map(
    lambda text: f'"x{escaped(text)}"'
)
docs = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=12)
others = st.one_of(
    st.sampled_from(["", " ", "\r", "#", "# EOF", "# a comment", '# {"', "#a 1"]),
    st.builds("# HELP {} {}".format, names, docs),
    st.builds("# TYPE {} {}".format, names, st.sampled_from(["counter", "gauge", "histogram", "summary", "untyped"])),
)
any_page = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def key(name: str, labels: dict[str, str], value: float) -> tuple[str, frozenset[tuple[str, str]], str]:
    return name.removesuffix("_total"), frozenset(labels.items()), repr(float(value))


def oracle(page: str, read: Read = text_string_to_metric_families) -> list[tuple[str, frozenset[tuple[str, str]], str]]:
    """What prometheus_client reads; the suffix that it adds to counters is taken off again."""
    return [key(s.name, s.labels, s.value) for family in read(page) for s in family.samples]


def ours(samples: list[Sample]) -> list[tuple[str, frozenset[tuple[str, str]], str]]:
    return [key(s.name, dict(s.labels), s.value) for s in samples]


@any_page
@given(st.lists(st.one_of(lines(), lines(), others), max_size=8))
def test_any_valid_page_reads_the_same(some: list[str]):
    page = "".join(f"{line}\n" for line in some)
    expected = oracle(page)
    assume(len({(name, labels) for name, labels, _ in expected}) == len(expected))
    assert ours(parse(page)) == expected


@any_page
@given(st.lists(lines(), min_size=1, max_size=6), st.data())
def test_the_order_of_lines_and_labels_does_not_matter(some: list[str], data: st.DataObject):
    page = "".join(f"{line}\n" for line in some)
    try:
        samples = parse(page)
    except BadExposition:  # a duplicate
        reject()
    shuffled = data.draw(st.permutations(samples))
    written = "".join(data.draw(relabelled(sample)) for sample in shuffled)
    assert set(ours(parse(written))) == set(ours(samples))


@st.composite
def relabelled(draw: st.DrawFn, sample: Sample) -> str:
    labels = draw(st.permutations(list(sample.labels.items())))
    inside = [f'"{escaped(sample.name)}"', *(f'"{escaped(name)}"="{escaped(value)}"' for name, value in labels)]
    return f"{{{','.join(inside)}}} {sample.value!r}\n"


@any_page
@given(st.lists(st.one_of(lines(), lines(), others), max_size=5), st.sets(names, max_size=3))
def test_what_is_wanted_is_what_is_left_when_the_rest_is_dropped(some: list[str], wanted: set[str]):
    page = "".join(f"{line}\n" for line in some)
    try:
        everything = parse(page)
    except BadExposition:
        reject()
    wanted |= {sample.name for sample in everything[:1]}
    assert ours(parse(page, wanted)) == ours([sample for sample in everything if sample.name in wanted])


exemplars = st.dictionaries(st.sampled_from(["trace_id", "span"]), st.text("abc1 #{},=", max_size=8), max_size=2)


@any_page
@given(st.lists(st.tuples(texts, st.floats(0, 1e9), exemplars), max_size=4))
def test_openmetrics_reads_the_same(seen: list[tuple[str, float, dict[str, str]]]):
    registry = CollectorRegistry()
    counter = Counter("c", "", ["x"], registry=registry)
    histogram = Histogram("h", "", ["x"], registry=registry)
    for label, value, exemplar in seen:
        counter.labels(label).inc(value, exemplar or None)
        histogram.labels(label).observe(value, exemplar or None)
    page = openmetrics.generate_latest(registry).decode()
    assert page.endswith("# EOF\n")
    assert ours(parse(page)) == oracle(page, openmetrics_families)


@given(
    st.dictionaries(texts, st.tuples(st.floats(0, 1e12), st.floats(-1e9, 1e9), st.floats(0, 100)), max_size=4),
)
def test_what_the_usual_client_library_writes(by_label: dict[str, tuple[float, float, float]]):
    registry = CollectorRegistry()
    counter, gauge = (kind(name, "", ["x"], registry=registry) for kind, name in ((Counter, "c"), (Gauge, "g")))
    histogram = Histogram("h", "", ["x"], registry=registry)
    for label, (count, level, seen) in by_label.items():
        counter.labels(label).inc(count)
        gauge.labels(label).set(level)
        histogram.labels(label).observe(seen)
    page = generate_latest(registry).decode()
    assert ours(parse(page)) == oracle(page)


def test_recorded_pages_read_the_same():
    for folder in sorted(RECORDINGS.iterdir()):
        files = sorted(folder.glob("scrapes/*/*.prom.gz"))
        for file in files[:1] + files[-1:]:
            page = gzip.decompress(file.read_bytes()).decode()
            assert ours(parse(page)) == oracle(page)
            wanted = [one for one in oracle(page) if one[0] in {name.removesuffix("_total") for name in WANTED}]
            assert ours(parse(page, WANTED)) == wanted


tokens = st.lists(
    st.one_of(
        st.sampled_from(
            ["a", "{", "}", '"', "\\", "=", ",", " ", "\t", "#", "1", "NaN", "\n", "\r", "_", "-", ".", "e"]
        ),
        st.sampled_from(['a{x="1"} 1', '{"a"}', '"x"', 'x="1"', "__name__", " 1\n", "\x1f", "\u2028", "\u0663", "é"]),
    ),
    max_size=30,
).map("".join)


@any_page
@given(st.one_of(st.text(max_size=300), tokens), st.booleans(), st.booleans())
def test_any_text_is_read_or_refused(text: str, ended: bool, unique: bool):
    try:
        parse(text, ended=ended, unique=unique)
        parse(text, WANTED, ended=ended, unique=unique)
    except BadExposition as error:
        assert error.where.startswith("line ")


@any_page
@given(st.one_of(tokens, st.lists(lines(), max_size=3).map("\n".join)), st.sampled_from([None, {"a"}, {"b"}]))
def test_the_quick_way_reads_what_the_slow_way_reads(text: str, names: set[str] | None):
    def outcome() -> object:
        try:
            return ours(parse(text, names, ended=False))
        except BadExposition as error:
            return str(error)

    quick = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exposition, "_usual", lambda *_: None)
        assert outcome() == quick


@any_page
@given(tokens)
def test_what_the_oracle_reads_too_is_never_another_number(text: str):
    try:
        found = ours(parse(text, ended=False))
        expected = oracle(text)
    except (BadExposition, ValueError, IndexError):
        return
    assert found == expected


COSTLY = (
    'a{x="' + "\\" * 8, '"', "a{" + '"' * 8, "{", "a{x=", 'a{x="1",' * 2, 'a{x="1"} ', "a{x" + " " * 8, "a " + "1" * 8,
    "a 1" + " " * 8, "a 1 #", "a 1 1", "a" * 8, "#", "\\" * 8, "{}", '{"a"', "a{},", 'x="y",', "a\n", "\t", "é",
)  # fmt: skip


@pytest.mark.parametrize("piece", COSTLY)
@pytest.mark.parametrize("start", ["", "a", "a{", 'a{x="', "a ", "a 1 "])
def test_time_is_in_proportion_to_the_page(start: str, piece: str):
    def page(size: int) -> str:
        return start + piece * (size // len(piece)) + "\n"

    assert _is_linear(page)


def test_time_is_in_proportion_to_the_labels_of_a_line():
    def page(size: int) -> str:
        labels = (f'x{number}="1"' for number in range(size // 8))
        return f"a{{{','.join(labels)}}} 1\n"

    assert _is_linear(page)


def _is_linear(page: Callable[[int], str]) -> bool:
    """Sixteen times the page in far less than 256 times the time."""

    def seconds(size: int) -> float:
        text, best = page(size), math.inf
        for _ in range(3):
            began = time.process_time()
            with suppress(BadExposition):
                parse(text)
            best = min(best, time.process_time() - began)
        return best

    return seconds(2**19) < 3 * 16 * max(seconds(2**15), 1e-4)


PAGE = 'vllm:num_requests_running{engine="0",model_name="a b"} 10.0\nvllm:kv_cache_usage_perc{engine="0"} 0.98\n'


@given(st.integers(0, len(PAGE)), st.integers(0, len(PAGE)), st.text(max_size=4))
def test_a_damaged_page_never_yields_other_numbers(start: int, end: int, put: str):
    damaged = PAGE[:start] + put.translate(str.maketrans("", "", "0123456789")) + PAGE[max(start, end) :]
    try:
        found = parse(damaged, WANTED)
    except BadExposition:
        return
    for sample in found:
        assert math.isnan(sample.value) or math.isinf(sample.value) or _made_of(sample.value, "10.00.98")


def _made_of(value: float, written: str) -> bool:
    """True for a number that can be written with digits of `written` in their order: what is cut out of a page may
    join the head of one number to the tail of the next, and no reader of text can see that."""
    rest = iter(written)
    return all(char in rest for char in f"{abs(value):g}")


@given(st.integers(1, len(PAGE) - 1))
def test_a_transfer_that_was_cut_off_is_refused_unless_it_ends_with_a_line(length: int):
    cut = PAGE[:length]
    try:
        parse(cut)
    except BadExposition:
        assert not cut.endswith("\n")
    else:
        assert cut.endswith("\n")
