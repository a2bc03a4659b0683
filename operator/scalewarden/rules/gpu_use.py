"""Does the target use GPUs, and does its engine take their memory at start?

Its pod template says so, or its devices do; a CPU build of an engine is not misjudged."""

import re

from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Engine, Replica, Workload

GPU_SIGNALS = (
    SignalName.GPU_BUSY, SignalName.ENGINE_ACTIVE, SignalName.KERNEL_UTILIZATION, SignalName.SM_ACTIVE,
    SignalName.TENSOR_ACTIVE, SignalName.DRAM_ACTIVE, SignalName.FB_USED,
)  # fmt: skip
GPU_FLAGS = ("--gpu-memory-utilization", "--tensor-parallel-size", "-tp", "--tp-size", "--tp", "--n-gpu-layers", "-ngl")
CPU_IMAGE = re.compile(r"(^|[^a-z0-9])cpu([^a-z0-9]|$)")


PREALLOCATING = frozenset(
    {
        Engine.VLLM, Engine.SGLANG, Engine.TGI, Engine.TENSORRT_LLM, Engine.TRITON, Engine.LMDEPLOY, Engine.NIM,
        Engine.RAY_SERVE, Engine.DYNAMO, Engine.LLAMA_CPP,
    }
)  # fmt: skip
"""They take the memory of their KV cache at start. Ollama loads models when they are asked for, and unloads them."""


def preallocates(snapshot: Snapshot) -> bool | None:
    """True where the engine takes its GPU memory at start; None where it is not known which engine serves."""
    if snapshot.engine in PREALLOCATING or snapshot.workload.gpu_memory_utilization is not None:
        return True
    return False if snapshot.engine is Engine.OLLAMA else None


def gpus_of_replica(snapshot: Snapshot) -> int:
    """GPUs, or slices, of one replica; 0 where none is known."""
    known = max((len(replica.gpus) for replica in snapshot.ready), default=0)
    return snapshot.workload.gpus_per_replica or known


def uses_gpus(snapshot: Snapshot) -> bool | None:
    """True where pods request or hold a GPU, or run with GPU flags and no CPU build; None where the pod template is
    not known, or has claims to devices of which nothing is known, and none was seen."""
    workload = snapshot.workload
    if workload.requests_gpu or any(_holds_gpu(replica) for replica in snapshot.replicas):
        return True
    if workload.image is None and not workload.args:
        return None
    if workload.resource_claims and not _is_cpu_build(workload):
        return True if _has_gpu_flags(workload) else None
    return _has_gpu_flags(workload) and not _is_cpu_build(workload)


def _holds_gpu(replica: Replica) -> bool:
    return bool(replica.gpus) or any(isinstance(replica.signal(name), Reading) for name in GPU_SIGNALS)


def _has_gpu_flags(workload: Workload) -> bool:
    flags = {argument.partition("=")[0] for argument in workload.args}
    return workload.tensor_parallel_size is not None or not flags.isdisjoint(GPU_FLAGS)


def _is_cpu_build(workload: Workload) -> bool:
    words = " ".join(workload.args).replace("=", " ")
    return "--device cpu" in words or bool(CPU_IMAGE.search(workload.image or ""))
