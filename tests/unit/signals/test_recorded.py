"""Series that a Prometheus recorded for us are read as the engine they were made of."""

from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.engines import LATE, RECORDED, TABLES, detect_on_page
from scalewarden.signals.names import BESIDE_RECORDED, ENGINE
from scalewarden.signals.names import RECORDED as NAMES
from scalewarden.signals.sample import Sample, Scrape

AT = 1_766_370_000.0


def page(ago: float, engine: str = "vLLM", **levels: float) -> Scrape:
    """Recorded series of one engine; `__` stands for a colon."""
    names = {f"scalewarden:{name.replace('__', ':')}": level for name, level in levels.items()}
    return Scrape(AT - ago, tuple(Sample(name, {"engine": engine}, level) for name, level in names.items()))


def read(*scrapes: Scrape, engine: Engine = Engine.AUTO) -> dict:
    return replica_signals(scrapes, engine, AT, Thresholds(), 600)


def test_the_engine_is_the_one_that_was_recorded():
    found = detect_on_page(page(0, engine="SGLang", kv_usage=0.5))
    assert found is not None
    assert (found.engine, found.evidence) == (Engine.SGLANG, "recorded series scalewarden:… (SGLang)")
    assert found.table is RECORDED[Engine.SGLANG]


def test_one_engine_counts_where_two_were_recorded():
    """A Dynamo worker and the vLLM that it passes on: never both, added up."""
    both = Scrape(AT, (*page(0, running=5).samples, *page(0, engine="Dynamo", running=4, finish_rate=1).samples))
    found = read(both)
    assert found[SignalName.RUNNING].value == 5
    assert isinstance(found[SignalName.FINISH_RATE], Absent)
    assert read(both, engine=Engine.DYNAMO) == found


def test_a_declared_engine_does_not_read_anothers_records():
    found = read(page(0, engine="SGLang", kv_usage=0.5), engine=Engine.TGI)
    assert not any(isinstance(signal, Reading) for signal in found.values())


def test_a_quantile_needs_the_observations_behind_it():
    few = read(page(0, ttft_p95=0.5, ttft_p95__observations=19))
    enough = read(page(0, ttft_p95=0.5, ttft_p95__observations=20))
    unknown = read(page(0, ttft_p95=0.5))
    wanted = Absent("not enough traffic: fewer than 20 observations in 5 min")
    assert few[SignalName.TTFT_P95] == unknown[SignalName.TTFT_P95] == wanted
    assert (enough[SignalName.TTFT_P95].value, enough[SignalName.TTFT_P95].observations) == (0.5, 20)


def test_preemptions_are_the_increase_of_what_was_counted():
    found = read(*(page(60 - 15 * n, preemptions_total=100 + n) for n in range(5)))
    assert found[SignalName.PREEMPTIONS].value == 4


def test_the_batch_is_a_quantile_over_the_window():
    found = read(*(page(15 * n, eff_batch=100 if n == 7 else 10) for n in range(40)))
    assert found[SignalName.EFF_BATCH].value == 10


def test_what_moves_when_a_request_ends_is_told_apart():
    found = read(page(0, engine="TGI", gen_tps__at_finish=30))[SignalName.GEN_TPS]
    assert found.value == 30
    assert found.source in LATE
    assert read(page(0, gen_tps=30))[SignalName.GEN_TPS].source not in LATE


def test_what_an_engine_never_exports_is_missing_for_good_and_the_rest_is_not():
    found = read(page(0, engine="TGI", running=3))
    assert found[SignalName.KV_USAGE].for_good
    assert found[SignalName.WAITING] == Absent("not on its metrics page: scalewarden:waiting")
    llama = read(page(0, engine="LlamaCpp", running=3))
    assert not llama[SignalName.KV_USAGE].for_good  # a rule that gives nothing does not say why


def test_names_are_apart_from_those_of_engines():
    assert not NAMES & ENGINE
    assert BESIDE_RECORDED <= ENGINE
    read_by_tables = {name for table in RECORDED.values() for name in table.names}
    # A counter is looked up without `_total` too; no rule writes that.
    assert read_by_tables - {"scalewarden:preemptions"} <= NAMES | BESIDE_RECORDED
    assert set(RECORDED) == {engine for engine, table in TABLES.items() if table.rows}
