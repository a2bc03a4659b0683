"""Engine Custom: what an owner declares is read like any other engine's page."""

import pytest

from scalewarden.model.crd_service import CustomSignal
from scalewarden.model.signal import ENGINE_SIGNALS, Reading, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.canonical import UNITS
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.engines import custom
from scalewarden.signals.engines.table import EngineTable
from scalewarden.signals.exposition import parse
from scalewarden.signals.sample import Scrape
from tests.unit.signals.pages import NOW, cause, value


def declared(**fields: str) -> EngineTable:
    return custom.table([CustomSignal.model_validate(fields)])


def read(table: EngineTable, *pages: str) -> dict[SignalName, Signal]:
    """The signals of pages a minute apart, the last one now; every series on them was asked for."""
    scrapes = [
        Scrape(NOW - 60.0 * (len(pages) - 1 - index), tuple(parse(page + "\n", table.names)))
        for index, page in enumerate(pages)
    ]
    return replica_signals(scrapes, table, NOW, Thresholds(), 600)


def test_the_signals_that_may_be_declared_are_those_of_engines():
    assert set(ENGINE_SIGNALS) == set(UNITS)


def test_a_level_by_its_labels():
    table = declared(signal="waiting", series='queue{stage="prefill",}')
    page = 'queue{stage="prefill"} 3\nqueue{stage="decode"} 40\nqueue{stage="prefill",lane="2"} 1'
    assert value(read(table, page)[SignalName.WAITING]) == 4


def test_percent_becomes_a_fraction_only_where_the_owner_says_so():
    page = "cache 93"
    assert value(read(declared(signal="kv_usage", series="cache", scale="0.01"), page)[SignalName.KV_USAGE]) == 0.93
    assert "outside its unit" in cause(read(declared(signal="kv_usage", series="cache"), page)[SignalName.KV_USAGE])


@pytest.mark.parametrize(("series", "pages", "rate"), [
    ("tokens_total", ("tokens_total 0", "tokens_total 600"), 10),
    ("tokens_sum", ("tokens_sum 0", "tokens_sum 600"), 10),
    ("tokens_per_second", ("tokens_per_second 700", "tokens_per_second 12"), 12),
])  # fmt: skip
def test_a_throughput_is_a_counter_or_a_level_by_its_name(series: str, pages: tuple[str, ...], rate: float):
    assert value(read(declared(signal="gen_tps", series=series), *pages)[SignalName.GEN_TPS]) == rate


def test_preemptions_always_count_up():
    assert (
        value(read(declared(signal="preemptions", series="evicted"), "evicted 7", "evicted 9")[SignalName.PREEMPTIONS])
        == 2
    )


def test_a_latency_is_a_histogram_by_its_base_name_or_else_a_level():
    table = declared(signal="ttft_p95", series="first")
    pages = [
        f'first_bucket{{le="0.5"}} {n}\nfirst_bucket{{le="+Inf"}} {n}\nfirst_sum 1\nfirst_count {n}' for n in (0, 100)
    ]
    assert value(read(table, *pages)[SignalName.TTFT_P95]) == pytest.approx(0.475)
    assert value(read(table, "first 0.3")[SignalName.TTFT_P95]) == 0.3


def test_the_answer_of_a_query_is_the_signal():
    table = declared(signal="kv_usage", promql="max by (pod) (my_cache)")
    found = read(table, "scalewarden_custom:kv_usage 0.5")[SignalName.KV_USAGE]
    assert isinstance(found, Reading)
    assert found.value == 0.5


def test_what_is_not_declared_is_absent_for_good():
    found = read(declared(signal="waiting", series="queue"), "queue 1")[SignalName.KV_USAGE]
    assert cause(found) == "signals.custom does not name it"
    assert found.for_good  # type: ignore[union-attr]


def test_what_is_declared_and_not_there_is_absent_with_its_name():
    assert cause(read(declared(signal="waiting", series="queue"), "other 1")[SignalName.WAITING]) == (
        "not on its metrics page: queue"
    )
