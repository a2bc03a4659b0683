"""The scaled object and its replicas as the API server and the pods describe them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scalewarden.model.signal import Absent, Reading, Signal, SignalName

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
    writes that number for it, whether or not it means anything there.
    """

    uuid: str
    mig_profile: str | None = None
    gpu_instance: str | None = None
    model: str | None = None
    signals: Mapping[SignalName, Signal] = field(default_factory=dict)
    reports_kernel_utilization: bool = False

    def signal(self, name: SignalName) -> Signal:
        """The signal, or Absent with a cause; never a default number."""
        return self.signals.get(name, NEVER_READ)


@dataclass(frozen=True, slots=True)
class Replica:
    """One pod of the target.

    ready_since and unready_since are unix seconds, None where unknown; ordinal is set for ordered targets.
    max_num_seqs is the engine's batch limit in sequences and kv_capacity its KV size in tokens, where known.
    restarted_at is the unix time of the newest container restart, when counters began again at zero.
    """

    pod: str
    ready: bool = True
    ready_since: float | None = None
    unready_since: float | None = None
    node: str | None = None
    ordinal: int | None = None
    max_num_seqs: int | None = None
    restarted_at: float | None = None
    gpus: tuple[Gpu, ...] = ()
    signals: Mapping[SignalName, Signal] = field(default_factory=dict)
    engine_state: EngineState = EngineState.UNKNOWN

    def signal(self, name: SignalName) -> Signal:
        """The signal, or Absent with a cause; never a default number."""
        return self.signals.get(name, NEVER_READ)

    def reading(self, name: SignalName) -> Reading | None:
        """The signal where it was measured, else None."""
        found = self.signal(name)
        return found if isinstance(found, Reading) else None


@dataclass(frozen=True, slots=True)
class Workload:
    """What the target's pod template says: engine evidence, parallelism, requests and grace period (s).

    gpu_memory_utilization is the share (0-1) of GPU memory that the engine is told to take at start.
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

    @property
    def requests_gpu(self) -> bool:
        """True where the pods ask for a GPU or a slice of one."""
        return self.gpu_resource is not None
