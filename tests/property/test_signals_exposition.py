"""The fast parser reads what prometheus_client reads, and nothing else, whatever the page."""

import gzip
import math
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from scalewarden.errors import BadExposition
from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Sample

RECORDINGS = Path(__file__).parents[2] / "examples" / "recordings"
names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)
label_names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
numbers = st.floats(allow_nan=True, allow_infinity=True)


def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


@st.composite
def lines(draw: st.DrawFn) -> str:
    labels = draw(st.dictionaries(label_names, texts, max_size=3))
    inside = ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
    stamp = draw(st.sampled_from(["", " 1766370000000"]))
    return f"{draw(names)}{{{inside}}} {draw(numbers)!r}{stamp}" if labels else f"{draw(names)} {draw(numbers)!r}"


def key(name: str, labels: dict[str, str], value: float) -> tuple[str, frozenset[tuple[str, str]], str]:
    return name.removesuffix("_total"), frozenset(labels.items()), repr(value)


def oracle(page: str) -> list[tuple[str, frozenset[tuple[str, str]], str]]:
    """What prometheus_client reads; the suffix that it adds to counters is taken off again."""
    families = text_string_to_metric_families(page)
    return sorted((key(s.name, s.labels, s.value) for family in families for s in family.samples), key=repr)


def ours(samples: list[Sample]) -> list[tuple[str, frozenset[tuple[str, str]], str]]:
    return sorted((key(s.name, dict(s.labels), s.value) for s in samples), key=repr)


@given(st.lists(st.one_of(lines(), st.sampled_from(["", "# a comment", "# HELP a b"])), max_size=8))
def test_any_valid_page_reads_the_same(some: list[str]):
    page = "".join(f"{line}\n" for line in some)
    expected = oracle(page)
    assume(len({(name, labels) for name, labels, _ in expected}) == len(expected))
    assert ours(parse(page)) == expected


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


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str):
    try:
        parse(text)
    except BadExposition as error:
        assert error.where.startswith("line ")


PAGE = 'vllm:num_requests_running{engine="0",model_name="a b"} 10.0\nvllm:kv_cache_usage_perc{engine="0"} 0.98\n'


@given(st.integers(0, len(PAGE)), st.integers(0, len(PAGE)), st.text(max_size=4))
def test_a_damaged_page_never_yields_other_numbers(start: int, end: int, put: str):
    damaged = PAGE[:start] + put.translate(str.maketrans("", "", "0123456789")) + PAGE[max(start, end) :]
    try:
        found = parse(damaged, WANTED)
    except BadExposition:
        return
    digits = {"10.0", "0.98"}
    for sample in found:
        assert (
            math.isnan(sample.value) or any(_part_of(sample.value, one) for one in digits) or math.isinf(sample.value)
        )


def _part_of(value: float, written: str) -> bool:
    """True for a number that can be written with digits of `written` in their order."""
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
