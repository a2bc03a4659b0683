"""Slips in series names, and the names that are none."""

import gzip
import re
from pathlib import Path

import pytest

from scalewarden.model.workload import Engine
from scalewarden.signals.engines import TABLES
from scalewarden.signals.engines.spelling import slip

ROOT = Path(__file__).resolve().parents[3]
RECORDINGS = ROOT / "examples" / "recordings"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("vllm_num_requests_waiting", "vllm:num_requests_waiting"),
        ("vllm_kv_cache_usage", "vllm:kv_cache_usage_perc"),
        ("vllm_lora_requests_info", "vllm:lora_requests_info"),
        ("vllm_time_to_first_token_seconds_bucket", "vllm:time_to_first_token_seconds_bucket"),
        ("vllm:kv_cache_usage", "vllm:kv_cache_usage_perc"),
        ("vllm:gpu_cache_usage_percent", "vllm:gpu_cache_usage_perc"),
        ("vllm:num_request_waiting", "vllm:num_requests_waiting"),
        ("vllm:num_waiting_requests", "vllm:num_requests_waiting"),
        ("vllm:cache_kv_usage_perc", "vllm:kv_cache_usage_perc"),
        ("vllm:generation_tokens", "vllm:generation_tokens_total"),
        ("vllm:num_requests_success_total", "vllm:request_success_total"),
        ("sglang_token_usage", "sglang:token_usage"),
        ("sglang:num_queue_req", "sglang:num_queue_reqs"),
        ("lmdeploy:num_request_waiting", "lmdeploy:num_requests_waiting"),
        ("llamacpp_requests_deferred", "llamacpp:requests_deferred"),
        ("vllm:gpu_cache_usage_factor", "vllm:kv_cache_usage_perc"),
        ("vllm:num_requests_pending", "vllm:num_requests_waiting"),
        ("vllm:queue_length", "vllm:num_requests_waiting"),
        ("vllm_request_duration_seconds_bucket", "vllm:e2e_request_latency_seconds_bucket"),
        ("sglang_running_requests", "sglang:num_running_reqs"),
        ("sglang_queue_length", "sglang:num_queue_reqs"),
        ("tgi_queue_length", "tgi_queue_size"),
        ("tgi_current_batch_size", "tgi_batch_current_size"),
        ("tgi_requests_count", "tgi_request_count"),
    ],
)
def test_what_was_meant(name: str, meant: str) -> None:
    found = slip(name)
    assert found is not None and (found.name, found.meant) == (name, meant)


@pytest.mark.parametrize(
    "name",
    [
        "vllm:gpu_cache_usage_perc",
        "vllm:num_requests_swapped",
        "vllm:prompt_tokens_created",
        "vllm:iteration_tokens_total_bucket",
        "vllm:num_requests_waiting:avg5m",
        "vllm:num_requests_waiting_p95",
        "vllm:num_requests_waiting_by_tenant",
        "vllm:something_of_next_year",
        "vllm_operator_reconciles_total",
        "ray_vllm_kv_cache_usage_perc",
        "tgi_queue_size",
        "tgi_request_count_total",
        "tgi_request_mean_time_per_token_duration_bucket",
        "tgi_batch_current_size_avg",
        "gpu_cache_usage_perc",
        "up",
    ],
)
def test_what_is_no_slip(name: str) -> None:
    assert slip(name) is None


def test_an_adapter_may_rename_the_metric_of_an_hpa() -> None:
    assert slip("vllm_num_requests_waiting", renamed=True) is None
    assert slip("vllm:num_request_waiting", renamed=True) is not None


def test_every_name_on_a_real_page_is_right() -> None:
    """A vLLM's own page: a false alarm here would meet everybody."""
    page = gzip.decompress(next(RECORDINGS.rglob("*.prom.gz")).read_bytes()).decode()
    names = set(re.findall(r"^(vllm:\w+)", page, re.MULTILINE))
    assert len(names) > 100
    assert [name for name in sorted(names) if slip(name)] == []


@pytest.mark.parametrize("engine", [Engine.VLLM, Engine.SGLANG, Engine.LMDEPLOY, Engine.LLAMA_CPP])
def test_every_name_that_is_read_is_right(engine: Engine) -> None:
    wire = [series.name for row in TABLES[engine].rows for series in row.spellings]
    endings = ("", "_bucket", "_sum", "_count")
    assert [name for name in wire for ending in endings if slip(f"{name}{ending}")] == []
