"""Names that look like an engine's series and are none: another separator, a missing ending, a word nearly right.

What no table reads and an engine still writes stands in OTHERS, so that it is not taken for a slip. A name that
resembles nothing is left alone: a newer release may write it, or a recording rule.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from scalewarden.model.workload import Engine
from scalewarden.signals.engines import TABLES
from scalewarden.signals.engines.table import Series

_READ = (Engine.VLLM, Engine.SGLANG, Engine.LMDEPLOY, Engine.LLAMA_CPP, Engine.TGI)
"""Engines whose series begin with a word of their own; all but TGI's with a colon after it, which many people write as
an underscore."""
_WIRE = re.compile(r"_(bucket|sum|count|created)$")
_OWN = re.compile(r"_(avg|mean|max|min|p\d\d|rate|ratio|last|\d+[smh]|by_\w+|per_\w+|desired|target|threshold)$")
"""Endings by which people name what they recorded themselves."""
CLOSE = 0.84
"""Least likeness (difflib's ratio) of a slip to the name that was meant: `kv_cache_usage` is `kv_cache_usage_perc`."""

OTHERS: Mapping[Engine, str] = {
    Engine.VLLM: """cpu_cache_usage_perc gpu_prefix_cache_hit_rate time_in_queue_requests iteration_tokens_total
        model_forward_time_milliseconds avg_prompt_throughput_toks_per_s avg_generation_throughput_toks_per_s
        spec_decode_num_drafts_total spec_decode_num_draft_tokens_total spec_decode_num_accepted_tokens_total
        spec_decode_num_accepted_tokens_per_pos_total spec_decode_draft_acceptance_rate spec_decode_efficiency
        prompt_tokens_cached_total prompt_tokens_cached_by_source_total prompt_tokens_recomputed_total
        external_prefix_cache_queries_total external_prefix_cache_hits_total mm_cache_queries_total mm_cache_hits_total
        admission_rejections_total corrupted_requests_total watermark_requests_total lora_requests_info
        estimated_flops_per_gpu_total estimated_read_bytes_per_gpu_total estimated_write_bytes_per_gpu_total
        request_time_per_output_token_seconds request_inference_time_seconds request_prefill_time_seconds
        request_decode_time_seconds request_max_num_generation_tokens request_params_max_tokens request_params_n
        request_num_preemptions request_prefill_kv_computed_tokens kv_block_lifetime_seconds
        kv_block_idle_before_evict_seconds kv_block_reuse_gap_seconds num_requests_kv_fetch_by_stage""",
    Engine.SGLANG: """num_grammar_queue_reqs num_paused_reqs num_retracted_reqs kv_available_tokens kv_evictable_tokens
        kv_used_tokens num_used_tokens context_len page_size num_pages cache_config_info cuda_graph_passes_total
        forward_execution_seconds_total gpu_execution_seconds_total scheduler_idle_seconds_total utilization
        fwd_occupancy request_time_per_output_token_seconds per_stage_req_latency_seconds max_running_requests
        num_retracted_input_tokens_total num_retracted_output_tokens_total""",
    Engine.LMDEPLOY: """num_requests_succeeded num_requests_failed num_api_requests_routed num_api_requests_waiting
        prefix_cache_hit_rate cached_tokens_total iter_token_latency""",
    Engine.LLAMA_CPP: """prompt_seconds_total tokens_predicted_seconds_total n_decode_total n_busy_slots_per_decode
        prompt_tokens_seconds predicted_tokens_seconds n_tokens_max kv_cache_usage_ratio kv_cache_tokens
        n_past_max""",
    Engine.TGI: """batch_current_max_tokens batch_next_size batch_inference_count batch_inference_success
        batch_inference_duration batch_forward_duration batch_decode_duration batch_filter_duration
        batch_concat_duration request_inference_duration request_validation_duration request_max_new_tokens
        request_skipped_tokens request_count_total request_success_total request_failure_total
        batch_inference_count_total batch_inference_success_total""",
}
"""Series that are real and that no table reads, without their prefix; read from the sources of the releases, or
written by a vLLM 0.32 of our recordings. TGI's counters also with the `_total` that readers of OpenMetrics
add."""


_WAITING = """queue_size queue_length queue_depth request_queue_size request_queue_length request_queue_depth
    requests_queued
    queued_requests num_queued_requests num_requests_queued requests_waiting waiting_requests num_waiting_reqs
    num_waiting_requests num_requests_waiting pending_requests num_pending_requests num_requests_pending
    requests_pending"""
_RUNNING = """running_requests requests_running num_running_requests num_requests_running num_running_reqs
    active_requests requests_active num_active_requests num_requests_active"""
_CACHE = """cache_usage gpu_cache_usage gpu_cache_usage_factor gpu_cache_utilization kv_cache_usage kv_cache_utilization
    kv_cache_usage_ratio kv_cache_usage_percent gpu_kv_cache_usage gpu_kv_cache_usage_perc kv_cache_usage_perc"""
_INVENTED: Mapping[Engine, Mapping[str, str]] = {
    Engine.VLLM: {
        "num_requests_waiting": _WAITING,
        "num_requests_running": _RUNNING,
        "kv_cache_usage_perc": _CACHE,
        "request_queue_time_seconds": "request_queue_time queue_time_seconds",
        "e2e_request_latency_seconds": """request_duration_seconds request_latency_seconds e2e_request_latency
            request_duration""",
        "time_to_first_token_seconds": "time_to_first_token ttft ttft_seconds",
    },
    Engine.SGLANG: {"num_queue_reqs": _WAITING, "num_running_reqs": _RUNNING, "token_usage": _CACHE},
    Engine.TGI: {"queue_size": _WAITING, "batch_current_size": f"batch_size current_batch_size {_RUNNING}"},
}
"""Names by which people call a series that the engine calls otherwise, seen in public manifests or close to those."""
_TOLD = {
    engine: {name: right for right, names in found.items() for name in names.split() if name != right}
    for engine, found in _INVENTED.items()
}


@dataclass(frozen=True, slots=True)
class Slip:
    """A name that is no series, the engine that it looks like, and what that engine writes."""

    name: str
    engine: Engine
    meant: str


def slip(name: str, *, renamed: bool = False) -> Slip | None:
    """What was meant by a name that no release of an engine writes; None where it is right, or looks like nothing.

    renamed: an adapter may have turned the colon into an underscore, as names of HPA metrics are free.
    """
    for engine in _READ:
        prefix = TABLES[engine].prefix
        if name.startswith(prefix) and ":" not in name.removeprefix(prefix):
            return _meant(name, name.removeprefix(prefix), engine)
        other = prefix.replace(":", "_")
        if name.startswith(other) and not renamed:
            return _other_separator(name, name.removeprefix(other), engine)
    return None


def _meant(name: str, rest: str, engine: Engine) -> Slip | None:
    known = _known(engine)
    base = _WIRE.sub("", rest)
    created = rest.endswith("_created") and f"{base}_total" in known
    if created or rest in known or base in known or _OWN.search(rest):
        return None
    return _slip(name, rest, engine)


def _slip(name: str, rest: str, engine: Engine) -> Slip | None:
    base, ending = _WIRE.sub("", rest), (_WIRE.search(rest) or [""])[0]
    told = _TOLD.get(engine, {}).get(base)
    near = f"{told}{ending}" if told else _near(rest, _known(engine))
    return Slip(name, engine, f"{TABLES[engine].prefix}{near}") if near else None


def _other_separator(name: str, rest: str, engine: Engine) -> Slip | None:
    known = _known(engine)
    base, ending = _WIRE.sub("", rest), (_WIRE.search(rest) or [""])[0]
    if rest in known or base in known:
        return Slip(name, engine, f"{TABLES[engine].prefix}{rest if rest in known else base + ending}")
    return _slip(name, rest, engine)


def _near(rest: str, known: frozenset[str]) -> str | None:
    """The name it resembles most; before all others one that lacks its ending `_total`, or has its words elsewhere."""
    if f"{rest}_total" in known:
        return f"{rest}_total"
    turned = (name for name in sorted(known) if sorted(name.split("_")) == sorted(rest.split("_")))
    if same := next(turned, None):
        return same
    return next(iter(get_close_matches(rest, sorted(known), n=1, cutoff=CLOSE)), None)


@cache
def _known(engine: Engine) -> frozenset[str]:
    """All its names without prefix, histograms without their endings; a counter keeps its own."""
    table = TABLES[engine]
    read = (one.name for row in table.rows for series in row.spellings for one in _with_others(series))
    ours = (name.removeprefix(table.prefix) for name in (*read, *(_WIRE.sub("", name) for name in table.extra)))
    return frozenset(ours) | {*OTHERS[engine].split()}


def _with_others(series: Series) -> Iterator[Series]:
    yield series
    yield from (*series.plus, *series.minus, *series.over, *series.most)
