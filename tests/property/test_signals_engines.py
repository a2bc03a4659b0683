"""What must hold of every engine's table, whatever its page says."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalewarden.model.signal import Absent, Reading, Signal, SignalName, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.engines.table import EngineTable, Fold, Kind, Row, counter_names, wire_names
from scalewarden.signals.sample import Sample, Scrape
from tests.property.engine_pages import AT, EVERY, WITH_PAGES, Pod, copied, pods

few = settings(max_examples=40)
"""A page has hundreds of series: forty pods of eleven engines are seconds, and every run draws others."""
RATES = (SignalName.GEN_TPS, SignalName.PREFILL_TPS, SignalName.FINISH_RATE, SignalName.PREEMPTIONS)
ROWS = [(table, row) for table in WITH_PAGES for row in table.rows]


def derived(
    scrapes: Sequence[Scrape], table: EngineTable, restarted_at: float | None = None
) -> Mapping[SignalName, Signal]:
    return replica_signals(scrapes, table, AT, Thresholds(), 600, restarted_at)


def value(signal: Signal) -> float:
    assert isinstance(signal, Reading), signal
    return signal.value


def same(one: Signal, other: Signal, factor: float = 1.0) -> bool:
    if isinstance(one, Absent) or isinstance(other, Absent):
        return one == other
    return math.isclose(one.value * factor, other.value, rel_tol=1e-9)


@pytest.mark.parametrize("table", WITH_PAGES, ids=lambda table: str(table.engine))
def test_a_page_with_everything_gives_every_signal(table: EngineTable):
    """The pages below are no empty promise: what a table reads is on them."""
    found = derived(Pod(table, (0.5, 0.7), 3).scrapes(), table)
    absent = {row.signal: found[row.signal] for row in table.rows if isinstance(found[row.signal], Absent)}
    assert not {name for name in absent if name is not SignalName.KV_TOKENS}
    assert all(found[name].for_good for name in found if table.row(name) is None)  # type: ignore[union-attr]


@few
@given(pods(), st.randoms(use_true_random=False))
def test_no_order_and_no_repeat_matters(pod: Pod, random: Random):
    scrapes = pod.scrapes()
    mixed = [replace_samples(scrape, random) for scrape in scrapes]
    again = [*mixed, *mixed[: len(mixed) // 2 + 1]]
    random.shuffle(again)
    before, after = derived(scrapes, pod.table), derived(again, pod.table)
    assert {name for name in before if not same(before[name], after[name])} == set()


def replace_samples(scrape: Scrape, random: Random) -> Scrape:
    samples = list(scrape.samples)
    random.shuffle(samples)
    return Scrape(scrape.at, tuple(Sample(s.name, dict(reversed(s.labels.items())), s.value) for s in samples))


@few
@given(pods(), st.data())
def test_nothing_missing_is_ever_zero(pod: Pod, data: st.DataObject):
    """Everything on the pages is above zero: a zero could only come from what is not there."""
    kept = []
    for scrape in pod.scrapes():
        names = sorted(scrape.names)
        gone = data.draw(st.sets(st.sampled_from([*names, "0", "1"]), max_size=8))
        kept.append(Scrape(scrape.at, tuple(s for s in scrape.samples if not {s.name, s.labels["dp"]} & gone)))
    zero = {
        name for name, signal in derived(kept, pod.table).items() if isinstance(signal, Reading) and not signal.value
    }
    # What was computed is prompt tokens less cached ones: with the pages of one of them lost, nothing may be left.
    assert zero <= {SignalName.PREFILL_TPS}


@pytest.mark.parametrize(
    ("table", "row"), ROWS, ids=lambda one: str(getattr(one, "engine", getattr(one, "signal", "")))
)
def test_a_signal_without_its_series_is_absent(table: EngineTable, row: Row):
    gone = {name for one in row.spellings for name in wire_names(row.kind_of(one), replace(one, over=(), minus=()))}
    scrapes = Pod(table, (0.5,), 3).scrapes()
    left = [Scrape(scrape.at, tuple(s for s in scrape.samples if s.name not in gone)) for scrape in scrapes]
    signal = derived(left, table)[row.signal]
    assert isinstance(signal, Absent)
    assert signal.for_good is row.gone


numbers = st.floats(allow_nan=True, allow_infinity=True)


@few
@given(pods(), st.lists(numbers, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_fraction_stays_one_whatever_is_written(pod: Pod, some: list[float], random: Random):
    scrapes = [
        Scrape(scrape.at, tuple(Sample(s.name, s.labels, random.choice(some)) for s in scrape.samples))
        for scrape in pod.scrapes()
    ]
    for signal in derived(scrapes, pod.table).values():
        if isinstance(signal, Reading):
            assert signal.value >= 0
            if signal.unit is Unit.FRACTION:
                assert all(0 <= one <= 1 + 1e-6 for one in (signal.value, *(point.value for point in signal.series)))


@few
@given(pods())
def test_a_percentage_is_no_fraction(pod: Pod):
    """93 where 0.93 is meant: neither 93 nor 0.93, and the cause says so."""
    for row in pod.table.rows:
        kinds = {row.kind_of(one) for one in row.spellings}
        if (
            row.kind is Kind.GAUGE
            and kinds == {Kind.GAUGE}
            and row.signal in (SignalName.KV_USAGE, SignalName.PREFIX_HIT)
        ):
            signal = derived(pod.scrapes(levels=100.0), pod.table)[row.signal]
            assert isinstance(signal, Absent)
            assert signal.cause.endswith("outside its unit")


def test_one_percentage_spoils_the_whole_series():
    """An idle pod's 0.8 % must not be read as 80 % because the 93 % of a minute ago are left out."""
    pages = [
        Scrape(AT - EVERY * ago, (Sample("vllm:kv_cache_usage_perc", {"engine": "0"}, kv),))
        for ago, kv in ((4, 0.8), (2, 93.0), (0, 0.8))
    ]
    assert isinstance(derived(pages, WITH_PAGES[0])[SignalName.KV_USAGE], Absent)


@few
@given(pods(least=2))
def test_engines_of_one_pod_become_one_number(pod: Pod):
    found = derived(pod.scrapes(), pod.table)
    shares = sum(1 + n for n in range(len(pod.kvs)))
    alone = derived(replace(pod, kvs=pod.kvs[:1]).scrapes(), pod.table)
    if pod.table.row(SignalName.KV_USAGE):
        assert value(found[SignalName.KV_USAGE]) == pytest.approx(max(pod.kvs))
    for name in (SignalName.RUNNING, SignalName.WAITING, SignalName.GEN_TPS, SignalName.PREFILL_TPS):
        assert value(found[name]) == pytest.approx(value(alone[name]) * shares)
    assert value(found[SignalName.EFF_BATCH]) == pytest.approx(value(alone[SignalName.EFF_BATCH]) * len(pod.kvs))


@few
@given(pods(), st.data())
def test_several_reports_of_one_number_are_one(pod: Pod, data: st.DataObject):
    label = data.draw(st.sampled_from(sorted(pod.table.copies)))
    scrapes = pod.scrapes()
    before = derived(scrapes, pod.table)
    after = derived([copied(scrape, {label: "7"}) for scrape in scrapes], pod.table)
    assert {name for name in before if not same(before[name], after[name])} == set()


@few
@given(pods(least=3), st.booleans(), st.data())
def test_a_restart_makes_no_rate_negative_or_huge(pod: Pod, told: bool, data: st.DataObject):
    """Counters begin again at zero between two pages, whether or not somebody tells when."""
    scrapes = pod.scrapes()
    at = data.draw(st.integers(1, pod.pages - 1))
    zero = {(s.name, tuple(s.labels.items())): s.value for s in scrapes[at - 1].samples}
    counting = {key for key, old in zero.items() if old != dict_of(scrapes[0]).get(key) or at == 1} & moving(pod)
    after = [
        Scrape(scrape.at, tuple(
            Sample(s.name, s.labels, s.value - zero[key] if (key := (s.name, tuple(s.labels.items()))) in counting
                   else s.value)
            for s in scrape.samples
        ))
        for scrape in scrapes[at:]
    ]  # fmt: skip
    found = derived([*scrapes[:at], *after], pod.table, scrapes[at].at - 1 if told else None)
    usual = derived(scrapes, pod.table)
    for name in RATES:
        signal, wanted = found[name], usual[name]
        if isinstance(signal, Reading) and isinstance(wanted, Reading):
            assert 0 <= signal.value <= wanted.value * (1 + 1e-9)


def dict_of(scrape: Scrape) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {(s.name, tuple(s.labels.items())): s.value for s in scrape.samples}


def moving(pod: Pod) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    first, second = (dict_of(scrape) for scrape in replace(pod, pages=2).scrapes())
    return {key for key, old in first.items() if second[key] != old}


@few
@given(pods(least=2), st.floats(0.1, 50))
def test_rates_scale_with_their_counters(pod: Pod, factor: float):
    before, after = derived(pod.scrapes(), pod.table), derived(pod.scrapes(factor), pod.table)
    for name in RATES:
        row = pod.table.row(name)
        if row is not None and row.kind_of(row.spellings[0]) is Kind.COUNTER:
            assert same(before[name], after[name], factor)
    for name in (SignalName.ITL_MEAN, SignalName.BAD_RATIO, SignalName.PREFIX_HIT, SignalName.QUEUE_MEAN):
        assert same(before[name], after[name])


def test_folds_are_those_of_the_catalogue():
    """KV usage and batch are the worst engine's, never a sum; requests and tokens are summed (catalogue 1.4)."""
    for table, row in ROWS:
        if row.signal in (SignalName.KV_USAGE, SignalName.EFF_BATCH):
            assert row.fold is Fold.MAX, table.engine
        if row.signal in (SignalName.RUNNING, SignalName.WAITING, SignalName.WAITING_CAPACITY, *RATES):
            assert row.fold is Fold.SUM, table.engine
        if row.signal in MEANS and Kind.GAUGE in {row.kind_of(one) for one in row.spellings}:
            assert row.fold is Fold.MAX, (table.engine, row.signal)


MEANS = (SignalName.PREFIX_HIT, SignalName.QUEUE_MEAN, SignalName.BAD_RATIO)
"""A mean or a share is no load: two of them are not added up."""


def test_every_counter_is_read_with_and_without_total():
    for table, row in ROWS:
        for one in row.spellings:
            if row.kind_of(one) is Kind.COUNTER:
                assert set(counter_names(one.name)) <= table.names


def test_numbers_beyond_measure_are_none():
    """Two finite numbers may have no finite sum: a page that says so is no traceback."""
    huge = [Sample("vllm:num_requests_running", {"engine": str(n)}, 1.7e308) for n in range(2)]
    found = derived([Scrape(AT, tuple(huge))], WITH_PAGES[0])
    assert isinstance(found[SignalName.RUNNING], Absent)
