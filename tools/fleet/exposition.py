"""A replica's ``/metrics`` page in the text of a vLLM server: 0.32 (V1 engine) and the older V0 engine.

Names, types, labels and buckets are the real ones (a test compares them with recorded scrapes); the HELP words are
our own. Series of features the model has no notion of (external caches, LoRA, rejected admissions) stand at 0 as
they do on a server that does not use them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from tools.fleet.histogram import Histogram
from tools.fleet.replica import Replica

_CACHE_CONFIG = {
    "_block_size_resolved": "True",
    "cache_dtype": "auto",
    "cache_hit_alignment_tokens": "None",
    "enable_mamba_shared_prefix_checkpoint": "False",
    "enable_prefix_caching": "True",
    "hash_block_size": "None",
    "is_attention_free": "False",
    "kv_cache_dtype_skip_layers": "[]",
    "kv_cache_layout": "None",
    "kv_cache_memory_bytes": "None",
    "kv_offloading_backend": "native",
    "kv_offloading_size": "None",
    "kv_sharing_fast_prefill": "False",
    "mamba_block_size": "None",
    "mamba_cache_dtype": "auto",
    "mamba_cache_mode": "none",
    "mamba_page_size_padded": "None",
    "mamba_ssm_cache_dtype": "float32",
    "num_cpu_blocks": "None",
    "num_gpu_blocks_override": "None",
    "prefix_cache_retention_interval": "0",
    "prefix_caching_hash_algo": "sha256",
    "prefix_match_unit": "None",
    "replayssm_buffer_len": "16",
    "skip_page_size_padded": "None",
    "sliding_window": "None",
    "swa_bounded_replay": "True",
    "use_kda_recoverssm": "False",
    "use_replayssm": "False",
    "user_specified_block_size": "True",
}


def vllm_page(replica: Replica, started_at: float, cpu_seconds: float, engine: str = "v1") -> str:
    """The page of one replica.

    ``started_at`` (Unix seconds) becomes the process start and every ``_created``; ``cpu_seconds`` the process's CPU
    time. ``engine`` is ``v1`` or ``v0``.
    """
    labels = {"model_name": replica.spec.served_model}
    if engine == "v1":
        labels = {"engine": "0", **labels}
    page = _Page(replica, _Writer(labels, started_at), cpu_seconds, engine)
    registry = CollectorRegistry()
    registry.register(page)
    return generate_latest(registry).decode()


@dataclass(frozen=True)
class _Writer:
    """Builds metric families that share labels and a start time."""

    labels: Mapping[str, str]
    created: float

    def gauge(self, name: str, words: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, words)
        family.add_sample(name, dict(self.labels), value)
        return family

    def gauges(self, name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
        family = GaugeMetricFamily(name, words)
        for key, value in values.items():
            family.add_sample(name, {**self.labels, label: key}, value)
        return family

    def counter(self, name: str, words: str, value: float = 0.0) -> Metric:
        family = CounterMetricFamily(name, words, labels=list(self.labels))
        family.add_metric(list(self.labels.values()), value, created=self.created)
        return family

    def counters(self, name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
        family = CounterMetricFamily(name, words, labels=[*self.labels, label])
        for key, value in values.items():
            family.add_metric([*self.labels.values(), key], value, created=self.created)
        return family

    def histogram(self, name: str, words: str, seen: Histogram) -> Metric:
        family = HistogramMetricFamily(name, words, labels=list(self.labels))
        family.add_metric(list(self.labels.values()), seen.buckets(), seen.total)
        family.add_sample(f"{name}_created", dict(self.labels), self.created)
        return family


class _Page(Collector):
    """All families of one replica, in a real page's order."""

    def __init__(self, replica: Replica, write: _Writer, cpu_seconds: float, engine: str) -> None:
        self._replica = replica
        self._write = write
        self._cpu_seconds = cpu_seconds
        self._engine = engine

    def describe(self) -> Iterator[Metric]:
        """Nothing: telling the registry no names spares it a first collection."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        yield from self._process()
        if self._engine == "v0":
            yield from self._v0()
            return
        yield from self._v1_gauges()
        yield from self._v1_counters()
        yield from self._v1_histograms()
        yield self._cache_config({"engine": "0"})

    def _process(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("process_start_time_seconds", "Unix time of the start.", self._write.created)
        yield CounterMetricFamily("process_cpu_seconds", "CPU time used.", self._cpu_seconds)

    def _v1_gauges(self) -> Iterator[Metric]:
        write, gauges = self._write, self._replica.gauges
        yield write.gauge("vllm:num_requests_running", "Requests in the running batch.", gauges.running)
        yield write.gauge("vllm:num_requests_waiting", "Requests not yet scheduled.", gauges.waiting)
        reasons = {"capacity": float(gauges.waiting), "deferred": 0.0}
        yield write.gauges("vllm:num_requests_waiting_by_reason", "Waiting requests by cause.", "reason", reasons)
        asleep = {"awake": 1.0, "weights_offloaded": 0.0, "discard_all": 0.0}
        yield write.gauges("vllm:engine_sleep_state", "1 for the state it is in.", "sleep_state", asleep)
        yield write.gauge("vllm:kv_cache_usage_perc", "Share of KV blocks in use, 0 to 1.", gauges.kv_usage)

    def _v1_counters(self) -> Iterator[Metric]:
        write, seen = self._write, self._replica.counters
        for kind in ("flops", "read_bytes", "write_bytes"):
            yield write.counter(f"vllm:estimated_{kind}_per_gpu", "Off unless MFU metrics are on.")
        yield write.counter("vllm:prefix_cache_queries", "Tokens looked up.", seen.prompt_tokens)
        yield write.counter("vllm:prefix_cache_hits", "Tokens found.", seen.cached_tokens)
        for cache in ("external_prefix_cache", "mm_cache"):
            yield write.counter(f"vllm:{cache}_queries", "Looked up.")
            yield write.counter(f"vllm:{cache}_hits", "Found.")
        yield write.counter("vllm:num_preemptions", "Preemptions shown so far.", seen.preemptions)
        yield write.counter("vllm:prompt_tokens", "Prompt tokens, cached ones included.", seen.prompt_tokens)
        computed = float(seen.prompt_tokens - seen.cached_tokens)
        sources = {"local_compute": computed, "local_cache_hit": float(seen.cached_tokens)}
        sources["external_kv_transfer"] = 0.0
        yield write.counters("vllm:prompt_tokens_by_source", "Prompt tokens by origin.", "source", sources)
        yield write.counter("vllm:prompt_tokens_cached", "Prompt tokens from a cache.", seen.cached_tokens)
        tiers = dict.fromkeys(("device", "host", "disk", "p2p", "external_unspecified"), 0.0)
        tiers["device"] = float(seen.cached_tokens)
        yield write.counters("vllm:prompt_tokens_cached_by_source", "Cached tokens by tier.", "source", tiers)
        yield write.counter("vllm:generation_tokens", "Tokens generated.", seen.generated_tokens)
        yield self._finished(("stop", "length", "abort", "error", "repetition"))
        rejected = dict.fromkeys(("max_num_queued_reqs", "max_num_queued_tokens"), 0.0)
        door = _Writer({"model_name": write.labels["model_name"]}, write.created)
        yield door.counters("vllm:admission_rejections", "Turned away at the door.", "reason", rejected)

    def _finished(self, reasons: tuple[str, ...]) -> Metric:
        by_reason = dict.fromkeys(reasons, 0.0) | {"length": float(self._replica.counters.finished)}
        return self._write.counters("vllm:request_success", "Finished requests by cause.", "finished_reason", by_reason)

    def _v1_histograms(self) -> Iterator[Metric]:
        seen = self._replica.latencies
        named = {
            "request_prompt_tokens": seen.prompt_length,
            "request_generation_tokens": seen.output_length,
            "iteration_tokens_total": seen.step_tokens,
            "request_max_num_generation_tokens": seen.output_length,
            "request_params_n": seen.choices,
            "request_params_max_tokens": seen.output_length,
            "time_to_first_token_seconds": seen.first_token,
            "inter_token_latency_seconds": seen.inter_token,
            "request_time_per_output_token_seconds": seen.per_output_token,
            "e2e_request_latency_seconds": seen.end_to_end,
            "request_queue_time_seconds": seen.queue,
            "request_inference_time_seconds": seen.inference,
            "request_prefill_time_seconds": seen.prefill,
            "request_decode_time_seconds": seen.decode,
            "request_num_preemptions": seen.preemptions,
            "request_prefill_kv_computed_tokens": seen.computed_length,
        }
        for name, histogram in named.items():
            yield self._write.histogram(f"vllm:{name}", f"Distribution of {name}.", histogram)

    def _cache_config(self, identity: Mapping[str, str]) -> Metric:
        spec, replica = self._replica.spec, self._replica
        labels = {
            **_CACHE_CONFIG,
            **identity,
            "block_size": str(spec.block_size),
            "effective_attention_block_size": str(spec.block_size),
            "gpu_memory_utilization": str(spec.gpu_memory_utilization),
            "kv_cache_max_concurrency": str(round(spec.capacity_tokens / spec.max_model_len, 2)),
            "kv_cache_size_tokens": str(replica.blocks * spec.block_size),
            # One block is never handed out.
            "num_gpu_blocks": str(replica.blocks + 1),
        }
        family = GaugeMetricFamily("vllm:cache_config_info", "Cache configuration in labels.")
        family.add_sample("vllm:cache_config_info", labels, 1.0)
        return family

    def _v0(self) -> Iterator[Metric]:
        write, replica = self._write, self._replica
        gauges, counters, seen = replica.gauges, replica.counters, replica.latencies
        yield self._cache_config({})
        yield write.gauge("vllm:num_requests_running", "Requests on the GPU.", gauges.running)
        yield write.gauge("vllm:num_requests_waiting", "Requests not yet scheduled.", gauges.waiting)
        yield write.gauge("vllm:num_requests_swapped", "Requests swapped to the host.", 0.0)
        yield write.gauge("vllm:gpu_cache_usage_perc", "Share of KV blocks in use, 0 to 1.", gauges.kv_usage)
        yield write.gauge("vllm:cpu_cache_usage_perc", "Share of host KV blocks in use.", 0.0)
        yield write.counter("vllm:num_preemptions", "Preemptions.", counters.preemptions)
        yield write.counter("vllm:prompt_tokens", "Prompt tokens.", counters.prompt_tokens)
        yield write.counter("vllm:generation_tokens", "Tokens generated.", counters.generated_tokens)
        yield self._finished(("stop", "length", "abort"))
        named = {
            "iteration_tokens_total": seen.step_tokens,
            "time_to_first_token_seconds": seen.first_token,
            "time_per_output_token_seconds": seen.inter_token,
            "e2e_request_latency_seconds": seen.end_to_end,
            "request_queue_time_seconds": seen.queue,
            "request_inference_time_seconds": seen.inference,
            "request_prefill_time_seconds": seen.prefill,
            "request_decode_time_seconds": seen.decode,
            "request_prompt_tokens": seen.prompt_length,
            "request_generation_tokens": seen.output_length,
        }
        for name, histogram in named.items():
            yield write.histogram(f"vllm:{name}", f"Distribution of {name}.", histogram)
