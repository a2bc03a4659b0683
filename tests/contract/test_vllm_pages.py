"""Pages as vLLM really writes them, from its first names to its newest: read, not guessed."""

from pathlib import Path

import pytest

from scalewarden.model.signal import Absent, Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.engines import detect_on_page
from scalewarden.signals.exposition import parse
from scalewarden.signals.names import WANTED
from scalewarden.signals.sample import Scrape
from tools.fleet import FleetModel, FleetSpec
from tools.fleet.exposition import vllm_page

AT = 1_766_370_000.0
DUMP = Path(__file__).parents[3] / "shared" / "data" / "metrics" / "vllm_0.5_llama31-8b-fp8_3running_2waiting.txt"

TWO_ENGINES = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="acme/chat-8b"} 31.0
vllm:num_requests_running{engine="1",model_name="acme/chat-8b"} 28.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="acme/chat-8b"} 9.0
vllm:num_requests_waiting{engine="1",model_name="acme/chat-8b"} 0.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="acme/chat-8b"} 0.9613526570048309
vllm:kv_cache_usage_perc{engine="1",model_name="acme/chat-8b"} 0.7211
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",engine="0",kv_cache_size_tokens="419200",num_gpu_blocks="26200"} 1.0
"""


def value(scrapes: list[Scrape], name: SignalName) -> float:
    signal = replica_signals(scrapes, Engine.AUTO, scrapes[-1].at, Thresholds(), 600)[name]
    assert isinstance(signal, Reading), signal
    return signal.value


def page(text: str, at: float = AT) -> Scrape:
    return Scrape(at, tuple(parse(text, WANTED)))


def test_the_first_generation_with_two_models_on_one_page():
    if not DUMP.exists():
        pytest.skip(f"NOT RUN: the dump of vLLM 0.5 is not at {DUMP}")
    found = page(DUMP.read_text())
    detected = detect_on_page(found)
    assert detected is not None
    assert detected.evidence.endswith("(vLLM V0)")
    assert value([found], SignalName.KV_USAGE) == 0.0026235242675994863
    assert value([found], SignalName.RUNNING) == 3
    assert value([found], SignalName.WAITING) == 2 + 3
    assert value([found], SignalName.KV_TOKENS) == 4574 * 16
    signals = replica_signals([found], Engine.AUTO, AT, Thresholds(), 600)
    assert signals[SignalName.WAITING_CAPACITY] == Absent(
        "not on its metrics page: vllm:num_requests_waiting_by_reason (vLLM exports it from 0.21 on)"
    )


def test_two_data_parallel_engines_in_one_pod():
    found = [page(TWO_ENGINES)]
    assert value(found, SignalName.KV_USAGE) == 0.9613526570048309
    assert value(found, SignalName.RUNNING) == 59
    assert value(found, SignalName.EFF_BATCH) == 31
    assert value(found, SignalName.KV_TOKENS) == 419_200


@pytest.mark.parametrize("engine", ["v1", "v0"])
def test_the_simulated_fleet_is_read_like_the_real_thing(engine: str):
    """Two minutes of the fleet that demo and cluster tests use: what it says it did is what is derived."""
    model = FleetModel(FleetSpec("chat", users=20))
    replica = model.add("chat-0")
    model.advance(60)
    scrapes, tokens = [], []
    for step in range(9):
        scrapes.append(page(vllm_page(replica, 1.0, 2.0, engine=engine), AT + 15 * step))
        tokens.append(replica.counters.generated_tokens)
        model.advance(15)
    assert value(scrapes, SignalName.GEN_TPS) == pytest.approx((tokens[-1] - tokens[0]) / 120)
    assert value(scrapes, SignalName.KV_TOKENS) == replica.blocks * 16
    assert 0 <= value(scrapes, SignalName.KV_USAGE) <= 1
    assert value(scrapes, SignalName.INPUT_TOKENS) > 0
    assert value(scrapes, SignalName.ITL_MEAN) > 0
