"""Every engine and generation: what is read of its page is what the table beside the page says, signal by signal."""

from collections.abc import Mapping

import pytest

from scalewarden.model.signal import ENGINE_SIGNALS, Absent, Reading, Signal, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.canonical import UNITS
from scalewarden.signals.derive import derive, replica_signals
from scalewarden.signals.engines import TABLES, detect_on_page
from scalewarden.signals.engines.table import Kind
from scalewarden.signals.sample import Scrape
from tests.contract.engines.pages import ALL, EVERY, Fixture, load

AT = 1_766_370_000.0


def read(scrapes: list[Scrape], engine: Engine = Engine.AUTO) -> Mapping[SignalName, Signal]:
    return replica_signals(scrapes, engine, AT, Thresholds(), 600)


@pytest.mark.parametrize("fixture", ALL, ids=lambda one: one.name)
def test_every_signal_is_what_the_table_says(fixture: Fixture):
    found = read([fixture.scrape(AT, EVERY), fixture.scrape(AT)])
    assert set(fixture.signals) == set(ENGINE_SIGNALS)
    wrong = {name: found[name] for name, wanted in fixture.signals.items() if not _is(found[name], wanted, name)}
    assert not wrong


def _is(signal: Signal, wanted: object, name: SignalName) -> bool:
    if isinstance(wanted, dict):
        [(kind, cause)] = wanted.items()
        return isinstance(signal, Absent) and signal.for_good is (kind == "never") and cause in signal.cause
    return isinstance(signal, Reading) and signal.value == pytest.approx(wanted) and signal.unit is UNITS[name]


@pytest.mark.parametrize("fixture", ALL, ids=lambda one: one.name)
def test_its_page_gives_the_engine_away(fixture: Fixture):
    found = detect_on_page(fixture.scrape(AT))
    assert found is not None
    assert found.engine == fixture.engine
    assert found.evidence.endswith(fixture.evidence)


@pytest.mark.parametrize("fixture", ALL, ids=lambda one: one.name)
def test_one_scrape_gives_levels_and_no_rates(fixture: Fixture):
    """What is counted needs two: the only scrape says so instead of a lifetime mean."""
    both, one = read([fixture.scrape(AT, EVERY), fixture.scrape(AT)]), read([fixture.scrape(AT)])
    for name, signal in one.items():
        if isinstance(signal, Reading):
            row = TABLES[Engine(fixture.engine)].row(name)
            assert row is not None
            levels = {series.name for series in row.spellings if row.kind_of(series) in (Kind.GAUGE, Kind.INFO)}
            assert signal.source in levels
            assert signal.window == 0
        elif isinstance(both[name], Reading):
            assert signal == Absent("only one scrape: a rate needs two")


def test_every_engine_with_a_page_has_one_here():
    assert {Engine(fixture.engine) for fixture in ALL} == {engine for engine, table in TABLES.items() if table.rows}


def test_a_page_of_ollama_there_is_none():
    found = read([Scrape(AT, ())], Engine.OLLAMA)
    assert set(found.values()) == {Absent("Ollama does not export it", for_good=True)}


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        (Engine.NIM, "vllm_0_32_dp2"),  # NIM 2 runs vLLM or SGLang and writes their names
        (Engine.NIM, "sglang_0_5_23_tp4"),
        (Engine.VLLM, "ray_serve_two_replicas"),
        (Engine.TENSORRT_LLM, "triton_trtllm"),
        (Engine.TRITON, "trtllm_serve"),
        (Engine.DYNAMO, "dynamo_worker_vllm"),
        (Engine.DYNAMO, "sglang_0_5_23_tp4"),
        (Engine.DYNAMO, "trtllm_serve"),
        (Engine.DYNAMO, "dynamo_worker"),
    ],
)
def test_a_declared_engine_may_be_served_by_another(declared: Engine, name: str):
    fixture = load(name)
    scrapes = [fixture.scrape(AT, EVERY), fixture.scrape(AT)]
    assert read(scrapes, declared) == read(scrapes)


def test_a_declared_engine_does_not_read_a_strangers_page():
    found = read([load("sglang_0_5_23_tp4").scrape(AT)], Engine.VLLM)
    assert found[SignalName.KV_USAGE] == Absent(
        "no `vllm:` series on its metrics page: `--disable-log-stats` removes them"
    )
    found = read([load("vllm_0_8_v1").scrape(AT)], Engine.LMDEPLOY)
    assert not any(isinstance(signal, Reading) for signal in found.values())


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("trtllm_serve", 256),
        ("triton_trtllm", 64),
        ("nim_1", 64),
        ("dynamo_frontend", 256),
        ("sglang_0_4_6", 2231),
        ("vllm_0_32_dp2", None),
    ],
)
def test_the_batch_limit_where_the_page_tells(name: str, limit: int | None):
    assert derive([load(name).scrape(AT)], Engine.AUTO, AT, Thresholds(), 600).limit == limit
