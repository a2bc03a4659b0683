"""How each runtime is started: the table that says where a fact about it stands. Names only, no defaults but ports.

Read from the runtimes' own sources and documentation; `unverified` names were only seen in other people's manifests.
A default of an engine changes with its version, so what is not stated is not known. Configuration files (`--config`,
`--extra_llm_api_options`, a model repository) are not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fact(StrEnum):
    """What a command line or the environment may state about an engine."""

    TENSOR_PARALLEL = "tensor-parallel size"
    PIPELINE_PARALLEL = "pipeline-parallel size"
    DATA_PARALLEL = "data-parallel size"
    MAX_NUM_SEQS = "batch limit in sequences"
    MAX_CONCURRENT = "admission limit in requests"
    MEMORY = "share of a GPU's memory"
    FREE_MEMORY = "share of the memory left beside the weights"
    MAX_LENGTH = "longest sequence in tokens"
    PREFIX_CACHING = "prefix caching"
    MODEL_NAME = "served model name"
    PORT = "port of the metrics page"
    ROLE = "prefill or decode"


@dataclass(frozen=True, slots=True)
class At:
    """Where a fact stands: flags (the last one given counts), else variables. off: flags that say the opposite."""

    flags: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch that decides whether metrics are served: `name` as people write it, found as `at` says.

    needed: metrics are off until it is set; else they are off once it is set. files: flags naming a configuration
    file that may set it too.
    """

    name: str
    at: At
    needed: bool
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """One runtime. programs: word sequences that start it (a last word ending in * is a beginning); images: words
    of its images. port and path are those of its metrics page unless stated; own_port: not the port of its API."""

    runtime: str
    programs: tuple[tuple[str, ...], ...]
    images: tuple[str, ...]
    port: int
    path: str = "/metrics"
    own_port: bool = False
    facts: Mapping[Fact, At] = field(default_factory=dict)
    switch: Switch | None = None
    unverified: tuple[str, ...] = ()


_VLLM_FACTS = {
    Fact.TENSOR_PARALLEL: At(("--tensor-parallel-size", "-tp")),
    Fact.PIPELINE_PARALLEL: At(("--pipeline-parallel-size", "-pp")),
    Fact.DATA_PARALLEL: At(("--data-parallel-size", "-dp")),
    Fact.MAX_NUM_SEQS: At(("--max-num-seqs",)),
    Fact.MEMORY: At(("--gpu-memory-utilization", "--device-memory-utilization")),
    Fact.MAX_LENGTH: At(("--max-model-len",)),
    Fact.PREFIX_CACHING: At(("--enable-prefix-caching",)),
    Fact.MODEL_NAME: At(("--served-model-name",)),
    Fact.PORT: At(("--port",)),
    Fact.ROLE: At(("--kv-transfer-config", "--kv-transfer-config.kv_role")),
}
_VLLM_SWITCH = Switch("--disable-log-stats", At(("--disable-log-stats",)), needed=False)
_SGLANG_FACTS = {
    Fact.TENSOR_PARALLEL: At(("--tp-size", "--tensor-parallel-size", "--tp")),
    Fact.PIPELINE_PARALLEL: At(("--pp-size", "--pipeline-parallel-size", "--pp")),
    Fact.DATA_PARALLEL: At(("--dp-size", "--data-parallel-size", "--dp")),
    Fact.MAX_NUM_SEQS: At(("--max-running-requests",)),
    Fact.MEMORY: At(("--mem-fraction-static",)),
    Fact.MAX_LENGTH: At(("--context-length",)),
    Fact.PREFIX_CACHING: At(off=("--disable-radix-cache",)),
    Fact.MODEL_NAME: At(("--served-model-name",)),
    Fact.PORT: At(("--port",)),
    Fact.ROLE: At(("--disaggregation-mode",)),
}
_TRTLLM_FACTS = {
    Fact.TENSOR_PARALLEL: At(("--tensor_parallel_size", "--tp_size")),
    Fact.PIPELINE_PARALLEL: At(("--pipeline_parallel_size", "--pp_size")),
    Fact.MAX_NUM_SEQS: At(("--max_batch_size",)),
    Fact.FREE_MEMORY: At(("--free_gpu_memory_fraction", "--kv_cache_free_gpu_memory_fraction")),
    Fact.MAX_LENGTH: At(("--max_seq_len",)),
    Fact.PORT: At(("--port",)),
    Fact.ROLE: At(("--server_role",)),
}
_DYNAMO = {Fact.PORT: At(env=("DYN_SYSTEM_PORT",)), Fact.MODEL_NAME: At(("--served-model-name",))}
_DYNAMO_SWITCH = Switch("DYN_SYSTEM_PORT", At(env=("DYN_SYSTEM_PORT",)), needed=True)
_DYNAMO_ROLE = {Fact.ROLE: At(("--disaggregation-mode",))}

LAUNCHES: tuple[Launch, ...] = (
    # Dynamo's workers take their engine's flags and pass its series through, on a port that is closed unless set.
    Launch("Dynamo", (("-m", "dynamo.vllm*"),), (), 8081, own_port=True, switch=_DYNAMO_SWITCH,
           facts=_VLLM_FACTS | _DYNAMO | _DYNAMO_ROLE, unverified=("8081", "--disaggregation-mode")),
    Launch("Dynamo", (("-m", "dynamo.sglang*"),), (), 8081, own_port=True, switch=_DYNAMO_SWITCH,
           facts=_SGLANG_FACTS | _DYNAMO, unverified=("8081",)),
    Launch("Dynamo", (("-m", "dynamo.trtllm*"),), (), 8081, own_port=True, switch=_DYNAMO_SWITCH,
           facts=_TRTLLM_FACTS | _DYNAMO | _DYNAMO_ROLE, unverified=("8081", "--disaggregation-mode")),
    Launch("KServe", (("-m", "huggingfaceserver*"),), ("huggingfaceserver",), 8080,
           facts=_VLLM_FACTS | {Fact.MODEL_NAME: At(("--model_name",)), Fact.PORT: At(("--http_port",))},
           switch=_VLLM_SWITCH),
    Launch("vLLM", (("vllm", "serve"), ("-m", "vllm.entrypoints*"), ("-m", "vllm")),
           ("vllm", "llm-d-cuda", "llm-d-inference-sim"), 8000,
           facts=_VLLM_FACTS, switch=_VLLM_SWITCH),
    Launch("SGLang", (("-m", "sglang.launch_server"), ("sglang", "serve")), ("sglang",), 30000, facts=_SGLANG_FACTS,
           switch=Switch("--enable-metrics", At(("--enable-metrics",)), needed=True, files=("--config",))),
    # --max-concurrent-requests bounds what is let in, --max-batch-size what runs together.
    Launch("TGI", (("text-generation-launcher",),), ("text-generation-inference",), 80,
           facts={
               Fact.TENSOR_PARALLEL: At(("--num-shard",), ("NUM_SHARD",)),
               Fact.MAX_NUM_SEQS: At(("--max-batch-size",), ("MAX_BATCH_SIZE",)),
               Fact.MAX_CONCURRENT: At(("--max-concurrent-requests",), ("MAX_CONCURRENT_REQUESTS",)),
               Fact.MEMORY: At(("--cuda-memory-fraction",), ("CUDA_MEMORY_FRACTION",)),
               Fact.MAX_LENGTH: At(("--max-total-tokens",), ("MAX_TOTAL_TOKENS",)),
               Fact.PREFIX_CACHING: At(env=("PREFIX_CACHING",)),
               Fact.PORT: At(("--port", "-p"), ("PORT",)),
           }, unverified=("PREFIX_CACHING",)),
    # Its metrics hang on return_perf_metrics and enable_iter_perf_stats in a file: not known from here.
    Launch("TensorRTLLM", (("trtllm-serve",), ("-m", "tensorrt_llm.commands.serve")),
           ("tensorrt-llm", "tensorrt_llm", "trtllm"), 8000,
           path="/prometheus/metrics", facts=_TRTLLM_FACTS),
    Launch("Triton", (("tritonserver",), ("launch_triton_server.py",)), ("tritonserver",), 8002, own_port=True,
           facts={Fact.PORT: At(("--metrics-port",))},
           switch=Switch("--allow-metrics=false", At(off=("--allow-metrics",)), needed=False)),
    Launch("LMDeploy", (("lmdeploy", "serve", "api_server"),), ("lmdeploy",), 23333,
           facts={
               Fact.TENSOR_PARALLEL: At(("--tp",)),
               Fact.DATA_PARALLEL: At(("--dp",)),
               Fact.MAX_NUM_SEQS: At(("--max-batch-size",)),
               Fact.FREE_MEMORY: At(("--cache-max-entry-count",)),
               Fact.MAX_LENGTH: At(("--session-len",)),
               Fact.PREFIX_CACHING: At(("--enable-prefix-caching",)),
               Fact.MODEL_NAME: At(("--model-name",)),
               Fact.PORT: At(("--server-port",)),
               Fact.ROLE: At(("--role",)),
           }, switch=Switch("--disable-metrics", At(("--disable-metrics",)), needed=False)),
    # --slots opens a page, it is no number; --ctx-size is shared by all slots, so it is no sequence's limit.
    Launch("llama.cpp", (("llama-server",), ("-m", "llama_cpp.server")), ("llama.cpp", "llama-cpp", "llamacpp"), 8080,
           facts={
               Fact.MAX_NUM_SEQS: At(("--parallel", "-np"), ("LLAMA_ARG_N_PARALLEL",)),
               Fact.MODEL_NAME: At(("--alias", "-a"), ("LLAMA_ARG_ALIAS",)),
               Fact.PREFIX_CACHING: At(("--cache-prompt",), ("LLAMA_ARG_CACHE_PROMPT",)),
               Fact.PORT: At(("--port",), ("LLAMA_ARG_PORT",)),
           }, switch=Switch("--metrics", At(("--metrics",), ("LLAMA_ARG_ENDPOINT_METRICS",)), needed=True)),
    Launch("Ollama", (("ollama", "serve"),), ("ollama/ollama",), 11434,
           facts={Fact.MAX_NUM_SEQS: At(env=("OLLAMA_NUM_PARALLEL",))}, unverified=("OLLAMA_NUM_PARALLEL",)),
    Launch("NIM", (("-m", "nim_llm_sdk*"), ("-m", "vllm_nvext*")), ("/nim/",), 8000, path="/v1/metrics",
           facts={
               Fact.TENSOR_PARALLEL: At(env=("NIM_TENSOR_PARALLEL_SIZE",)),
               Fact.PIPELINE_PARALLEL: At(env=("NIM_PIPELINE_PARALLEL_SIZE",)),
               Fact.MAX_LENGTH: At(env=("NIM_MAX_MODEL_LEN",)),
               Fact.MODEL_NAME: At(env=("NIM_SERVED_MODEL_NAME",)),
               Fact.MEMORY: At(env=("NIM_GPU_MEMORY_UTILIZATION",)),
               Fact.PREFIX_CACHING: At(env=("NIM_ENABLE_KV_CACHE_REUSE",)),
               Fact.PORT: At(("--port",), ("NIM_SERVER_PORT",)),
           },
           unverified=("NIM_PIPELINE_PARALLEL_SIZE", "NIM_GPU_MEMORY_UTILIZATION", "NIM_ENABLE_KV_CACHE_REUSE")),
    # The agent of a Ray node serves the engines' series; flags stand in a Serve configuration that is not read.
    Launch("Ray", (("ray", "start"), ("serve", "run")), ("rayproject/ray", "ray-llm"), 8080, own_port=True,
           facts={Fact.PORT: At(("--metrics-export-port",))}),
)  # fmt: skip
"""In the order in which they are looked for: a Dynamo worker or KServe's server also runs vLLM."""
