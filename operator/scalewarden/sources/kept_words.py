"""The words that may stand in a support bundle. Whatever is not a number, a name of an object or one of these words is
replaced: nobody has to think of a secret for it to stay out."""

import re

from scalewarden.signals.engines import TABLES
from scalewarden.signals.gpus import EXPORTERS
from scalewarden.signals.gpus.table import Who
from scalewarden.signals.names import WANTED

_SPLIT = re.compile(r"[^A-Za-z0-9]+")


def pieces(text: str) -> list[str]:
    """The runs of letters and digits in a text."""
    return [piece for piece in _SPLIT.split(text) if piece]


def listed(text: str) -> frozenset[str]:
    """Words with spaces between them."""
    return frozenset(text.split())


SERIES_WORDS: frozenset[str] = frozenset(piece.lower() for name in WANTED for piece in pieces(name)) | listed(
    "accelerator amd avg busy cache com container count cpu custom cycle dcgm duty external gateway gauge gfx "
    "googleapis gpu gr habanalabs http in inference io job keda kubernetes kv last latency limit llm max mean "
    "memory min mem nv nvidia of p50 p90 p95 p99 per percent pod pods prometheus queue queued rate ratio replica "
    "request requests running second seconds server service sglang size smi sum token tokens total tps triton "
    "usage util utilization vllm waiting activity gpuutilization kube deployment statefulset spec status replicas "
    "ready available"
)
"""Words that names of metrics are made of; a name made of nothing else is kept."""

ONLY: frozenset[tuple[str, str]] = frozenset(
    (label, value)
    for table in TABLES.values()
    for row in table.rows
    for series in row.spellings
    for label, wanted in series.only.items()
    for value in ((wanted,) if isinstance(wanted, str) else wanted)
)
"""Labels, with their values, by which engines' tables tell series apart."""

LABEL_WORDS: frozenset[str] = frozenset(value for _, value in ONLY) | listed(
    "None True False true false auto on off stop length abort error repetition capacity deferred local_compute "
    "local_cache_hit external_kv_transfer prefill decode prefill_compute prefill_cache unified dynamic waiting "
    "scheduled context active max min fraction used free tokens_per generation_requests awake weights_offloaded "
    "discard_all input device_hit host_hit storage_hit device host disk fp8 fp8_e4m3 fp8_e5m2 bfloat16 float16 "
    "half int8 int4 awq gptq inside outside none enabled disabled SPX CPX DPX QPX NPS1 NPS4"
)
"""Values of labels that mean something to whoever reads the page."""

OBJECT_LABEL_WORDS: frozenset[str] = listed(
    "vllm sglang tgi triton tensorrt-llm trtllm lmdeploy llama-cpp dcgm-exporter nvidia-dcgm-exporter "
    "amd-device-metrics-exporter server worker leader prefill decode both router frontend backend predictor "
    "inference engine model-server true false"
)
"""Values of labels of objects that say what a pod is."""

OBJECT_LABELS: frozenset[str] = listed(
    "app role component tier app.kubernetes.io/name app.kubernetes.io/instance app.kubernetes.io/component "
    "app.kubernetes.io/part-of apps.kubernetes.io/pod-index leaderworkerset.sigs.k8s.io/name "
    "leaderworkerset.sigs.k8s.io/group-index leaderworkerset.sigs.k8s.io/worker-index "
    "inference.networking.k8s.io/engine-type llm-d.ai/engine-type llm-d.ai/role llm-d.ai/model "
    "llm-d.ai/inference-serving nvidia.com/dynamo-sub-component-type nvidia.com/dynamo-component-type "
    "nvidia.com/dynamo-graph-deployment-name serving.kserve.io/inferenceservice scalewarden.dev/fleet"
)
"""Keys of labels that may be spelled out."""

FLAG_WORDS: frozenset[str] = listed(
    "true false True False yes no auto none on off cpu cuda rocm hpu xpu tpu mp ray uni half float16 bfloat16 "
    "float32 kv_producer kv_consumer context generation float fp16 bf16 fp8 fp8_e4m3 fp8_e5m2 int8 int4 awq gptq "
    "marlin squeezellm bitsandbytes compressed-tensors nvfp4 mxfp4 modelopt gguf fcfs priority lpm dfs-weight "
    "FLASH_ATTN FLASHINFER XFORMERS TORCH_SDPA TRITON_MLA flashinfer triton fa3 fa2 pytorch tensorrt turbomind "
    "prefill decode null layer row disabled enabled q8_0 q4_0 f16 f32 outlines xgrammar guidance hf"
)
"""Values of engine flags and variables that are not numbers."""

IMAGE_WORDS: frozenset[str] = listed(
    "vllm openai cpu gpu cuda rocm hpu xpu tpu neuron sglang lmsysorg text generation inference huggingface tgi "
    "tritonserver triton tensorrtllm tensorrt llm trtllm nvidia nvcr ghcr io quay docker lmdeploy openmmlab llama "
    "cpp server ollama dynamo kserve huggingfaceserver nim dcgm exporter k8s amd device metrics ubuntu ubi8 ubi9 "
    "ubuntu20 ubuntu22 ubuntu24 distroless latest nightly release py3 python arm64 amd64 x86 aarch64 sim d"
)
"""Words of image names: enough to tell engine, build and version."""

GPU_WORDS: frozenset[str] = listed(
    "NVIDIA Tesla Quadro GeForce RTX GTX PCIe PCIE SXM SXM2 SXM3 SXM4 SXM5 SXM6 NVL HBM2 HBM2e HBM3 HBM3e MIG Ada "
    "Generation Super SUPER Ti TI Grace Hopper Blackwell Ampere Server Workstation Edition PRO Max Q AMD Instinct "
    "Radeon Intel Data Center GPU Flex Gaudi Gaudi2 Gaudi3 HL Habana OAM Pro"
)
"""Words of names of GPU products, beside their numbers."""


def _told_by(who: Who) -> tuple[str, ...]:
    """The labels by which an exporter names device, slice and pod."""
    pods = (label for pair in who.pod for label in pair if label)
    return (*who.uuid, *who.instance, *who.model, *who.profile, *pods)


_SPELLED = (
    "le quantile engine pid reason source finished_reason UUID uuid gpu GPU_I_ID GPU_I_PROFILE modelName pod namespace "
    "exported_pod exported_namespace container exported_container model_name model DCGM_FI_SYSTEM_DRIVER_VERSION "
    "DCGM_FI_DRIVER_VERSION engine_type tp_rank pp_rank dp_rank moe_ep_rank priority is_streaming mode stage category "
    "cache_source method request_type kv_cache_block_type memory_type inflight_batcher_specific_metric version "
    "sleep_state http_code block_size num_gpu_blocks kv_cache_size_tokens kv_cache_max_concurrency "
    "gpu_memory_utilization enable_prefix_caching cache_dtype gpu_type tensor_parallel_size pipeline_parallel_size "
    "max_num_seqs gpu_id gpu_uuid card_model gpu_partition_id gpu_compute_partition_type gpu_memory_partition_type "
    "node instance_id name"
)
LABELS: frozenset[str] = frozenset(
    [
        *_SPELLED.split(),
        *(label for label, _ in ONLY),
        *(label for table in TABLES.values() for label in table.copies),
        *(label for table in TABLES.values() for row in table.rows for one in row.spellings for label in one.copies),
        *(label for table in EXPORTERS for label in _told_by(table.who)),
    ]
)
"""Labels that may be shown."""
