"""The scaled object and its replicas as the API server and the pods describe them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scalewarden.model.signal import Absent, Reading, Signal, SignalName
from scalewarden.model.topology import WHOLE, SliceShare

NEVER_READ = Absent("no source was asked for it")


class Engine(StrEnum):
    """The serving engine; `AUTO` only before detection."""

    AUTO = "Auto"
    VLLM = "vLLM"
    SGLANG = "SGLang"
    TGI = "TGI"
    TENSORRT_LLM = "TensorRTLLM"
    TRITON = "Triton"
    LMDEPLOY = "LMDeploy"
    NIM = "NIM"
    RAY_SERVE = "RayServe"
    DYNAMO = "Dynamo"
    LLAMA_CPP = "LlamaCpp"
    OLLAMA = "Ollama"
    CUSTOM = "Custom"
    UNKNOWN = "Unknown"


class EngineState(StrEnum):
    """Whether a replica's engine can take requests: `asleep` looks idle and is no spare capacity."""

    OK = "ok"
    ASLEEP = "asleep"
    STALLED = "stalled"
    STARTING = "starting"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """The part of a replica that serves only half of a request's life."""

    PREFILL = "Prefill"
    DECODE = "Decode"


class Routing(StrEnum):
    """How requests reach replicas: any replica, or the one a client stuck to."""

    EVEN = "Even"
    STICKY = "Sticky"


@dataclass(frozen=True, slots=True)
class Target:
    """The scaled object: `resource` is the lower-case plural that admission and the fence use as a key.

    first_ordinal is where an ordered target begins to number its pods.
    """

    api_version: str
    kind: str
    name: str
    resource: str
    first_ordinal: int = 0

    @property
    def key(self) -> str:
        """The fence key `<resource>/<name>`, for example `deployments/llama-70b`."""
        return f"{self.resource}/{self.name}"

    @property
    def ordered(self) -> bool:
        """True where Kubernetes removes the highest ordinals, ready or not, instead of choosing."""
        return self.kind in {"StatefulSet", "LeaderWorkerSet"}


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU or MIG slice held by a replica, with its own signals.

    uuid is the parent GPU's; a MIG slice is keyed by (uuid, gpu_instance). reports_kernel_utilization: an exporter
    writes that number for it, whether or not it means anything there. share is the part of a whole GPU that it is,
    None for a slice of unknown size.
    """

    uuid: str
    mig_profile: str | None = None
    gpu_instance: str | None = None
    model: str | None = None
    signals: Mapping[SignalName, Signal] = field(default_factory=dict)
    reports_kernel_utilization: bool = False
    share: SliceShare | None = WHOLE

    def signal(self, name: SignalName) -> Signal:
        """The signal, or Absent with a cause; never a default number."""
        return self.signals.get(name, NEVER_READ)


@dataclass(frozen=True, slots=True)
class NodeGpu:
    """What a node's labels say of its GPUs; None where they do not.

    product is its name as discovery writes it, count how many there are (under MIG, time-slicing or sharing: how many
    are offered), memory_mib the memory of one. mig_config is the partitioning asked for, mig_strategy `single`,
    `mixed` or `none`. mig_profile is the slice that a plain GPU request gets under the strategy `single`.
    """

    product: str | None = None
    count: int | None = None
    memory_mib: int | None = None
    mig_config: str | None = None
    mig_strategy: str | None = None
    mig_profile: str | None = None


@dataclass(frozen=True, slots=True)
class Replica:
    """One pod of the target.

    ready_since and unready_since are unix seconds, None where unknown; ordinal is set for ordered targets.
    max_num_seqs is the engine's batch limit in sequences and kv_capacity its KV size in tokens, where known.
    restarted_at is the unix time of the serving container's newest restart, when counters began again at zero;
    restarts how often it was restarted, last_termination why it last ended (`OOMKilled`, `Error`).
    engines: data-parallel engines in the pod, each with a cache and a batch limit of its own.
    terminating: the pod is being deleted. cpu_requests are cores asked for by container (by "" where the pod as a
    whole asks). node_gpu is what its node's labels say, None where nodes are not read.
    """

    pod: str
    ready: bool = True
    ready_since: float | None = None
    unready_since: float | None = None
    node: str | None = None
    ordinal: int | None = None
    max_num_seqs: int | None = None
    restarted_at: float | None = None
    restarts: int | None = None
    last_termination: str | None = None
    terminating: bool = False
    cpu_requests: Mapping[str, float] = field(default_factory=dict)
    node_gpu: NodeGpu | None = None
    gpus: tuple[Gpu, ...] = ()
    signals: Mapping[SignalName, Signal] = field(default_factory=dict)
    engine_state: EngineState = EngineState.UNKNOWN
    engines: int = 1

    def signal(self, name: SignalName) -> Signal:
        """The signal, or Absent with a cause; never a default number."""
        return self.signals.get(name, NEVER_READ)

    def reading(self, name: SignalName) -> Reading | None:
        """The signal where it was measured, else None."""
        found = self.signal(name)
        return found if isinstance(found, Reading) else None


@dataclass(frozen=True, slots=True)
class Workload:
    """What the target's pod template says. None is always "not stated": an engine's defaults are never filled in.

    runtime is the program that is started, as the table in sources/launches.py calls it. args are the words of the
    command that starts it, wrappers included. tensor_, pipeline_ and data_parallel_size are GPUs per shard, stages and
    copies; max_num_seqs is the batch limit in sequences, max_concurrent_requests what is let in at all.
    gpu_memory_utilization is the share (0-1) of GPU memory that the engine is told to take at start,
    free_memory_fraction the share (0-1) of what the weights leave free. max_model_len is in tokens, prompt and answer
    together. metrics_off says what keeps the metrics off, for people. metrics_port and metrics_path are stated or
    known of the runtime; stated_port only stated. own_metrics_port: not the port of the engine's API.

    gpus_per_replica sums all containers that run side by side; gpu_shared: the GPU is one of several shares of a
    device (time-slicing). resource_claims are dynamic claims: what devices they hold is not known from here.
    """

    image: str | None = None
    args: tuple[str, ...] = ()
    tensor_parallel_size: int | None = None
    max_num_seqs: int | None = None
    gpus_per_replica: int | None = None
    gpu_resource: str | None = None
    mig_profile: str | None = None
    termination_grace_seconds: float | None = None
    gpu_memory_utilization: float | None = None
    runtime: str | None = None
    pipeline_parallel_size: int | None = None
    data_parallel_size: int | None = None
    max_concurrent_requests: int | None = None
    free_memory_fraction: float | None = None
    max_model_len: int | None = None
    prefix_caching: bool | None = None
    served_model_name: str | None = None
    role: Role | None = None
    metrics_off: str | None = None
    stated_port: int | None = None
    metrics_port: int | None = None
    metrics_path: str | None = None
    own_metrics_port: bool = False
    gpu_shared: bool = False
    resource_claims: tuple[str, ...] = ()

    @property
    def requests_gpu(self) -> bool:
        """True where the pods ask for a GPU or a slice of one."""
        return self.gpu_resource is not None
