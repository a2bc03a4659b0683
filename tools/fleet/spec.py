"""What a simulated fleet is made of, and three ready-made ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from tools.fleet.hardware import EAGER, LLAMA_7B_H100, Hardware


@dataclass(frozen=True)
class Replay:
    """A recording whose scrapes are served instead of the model's numbers.

    The pods of the fleet, by name, take the recording's sources in order; pods beyond the last source serve
    the model.
    """

    recording: Path
    loop: bool = False
    """Start over at the end (counters then fall, as after a restart) instead of holding the last scrape."""


@dataclass(frozen=True)
class DcgmStyle:
    """How the exporter spells what it reports."""

    spelling: Literal["4.8", "4.9"] = "4.8"
    """``4.8``: names and units up to 4.8.x; ``4.9``: the renamed series, ratios and bytes."""
    workload_labels: Literal["pod", "exported_pod"] = "pod"
    """``exported_pod`` is what Prometheus stores when it does not honour the exporter's labels."""


@dataclass(frozen=True)
class FleetSpec:
    """Load, engine and hardware of one inference service. Lengths are (least, most) tokens, drawn evenly."""

    name: str
    """Value of the pods' label ``scalewarden.dev/fleet``."""
    namespace: str = ""
    """Only pods of this namespace; of any when empty."""
    users: int = 0
    """Closed-loop users: each sends its next request when the last answer is complete."""
    think_seconds: float = 0.0
    """Mean pause of a user between two requests, exponential."""
    arrivals_per_second: float = 0.0
    """Open-loop requests (Poisson), beside the users."""
    prompt_tokens: tuple[int, int] = (200, 600)
    output_tokens: tuple[int, int] = (200, 600)
    hardware: Hardware = LLAMA_7B_H100
    model_name: str = ""
    """As the server reports it; the hardware's model when empty."""
    kv_capacity_tokens: int = 0
    """KV cache of one replica; the hardware's when 0."""
    block_size: int = 16
    max_num_seqs: int = 256
    max_num_batched_tokens: int = 8192
    max_model_len: int = 4096
    prefix_hit_ratio: float = 0.0
    """Share of each prompt found in the prefix cache: not computed again, but held."""
    gpu_memory_utilization: float = 0.92
    engine: Literal["v1", "v0"] = "v1"
    dcgm: DcgmStyle = DcgmStyle()
    port: int = 8000
    warm_up_seconds: float = 20.0
    """Simulated seconds from a pod's Ready to its first request."""
    prewarm_seconds: float = 900.0
    """Simulated seconds that pass at once when the first pods appear, so that the numbers start steady."""
    time_scale: float = 1.0
    """Simulated seconds a real second. Above 1 every rate reads that much higher."""
    seed: int = 1
    replay: Replay | None = None

    def __post_init__(self) -> None:
        longest = self.prompt_tokens[1] + self.output_tokens[1]
        if longest > min(self.max_model_len, self.capacity_tokens):
            raise ValueError(
                f"fleet {self.name}: a request of {longest} tokens must fit max_model_len {self.max_model_len} and the "
                f"KV cache of {self.capacity_tokens} tokens; shorten prompt_tokens or output_tokens"
            )

    @property
    def served_model(self) -> str:
        return self.model_name or self.hardware.model

    @property
    def capacity_tokens(self) -> int:
        return self.kv_capacity_tokens or self.hardware.kv_capacity_tokens

    @property
    def mean_context(self) -> float:
        """Tokens a running request holds on average.

        Its prompt, the answer so far (half of it; long answers are seen for longer), half a block of waste.
        """
        low, high = self.output_tokens
        mean = (low + high) / 2
        spread = (high - low) ** 2 / 12
        return sum(self.prompt_tokens) / 2 + (mean**2 + spread) / (2 * mean) + self.block_size / 2

    def with_kv_usage(self, usage: float, replicas: int) -> Self:
        """The same fleet with as many users as keep ``replicas`` replicas at this mean KV usage."""
        users = round(usage * self.capacity_tokens / self.mean_context * replicas)
        return replace(self, users=users)

    @classmethod
    def kv_bound(cls, name: str, replicas: int = 4, **changes: Any) -> Self:
        """KV cache 0.80 to 0.95 full while an eager engine keeps its GPU about 35 % busy: nothing to remove."""
        return cls._at_kv_usage(0.87, name, replicas, changes)

    @classmethod
    def comfortable(cls, name: str, replicas: int = 6, **changes: Any) -> Self:
        """KV cache about 0.36 full: two of six can go, three cannot."""
        return cls._at_kv_usage(0.36, name, replicas, changes)

    @classmethod
    def _at_kv_usage(cls, usage: float, name: str, replicas: int, changes: dict[str, Any]) -> Self:
        settings = {"hardware": replace(LLAMA_7B_H100, host=EAGER), "max_num_seqs": 512, **changes}
        spec = cls(name, **settings)
        return spec if "users" in changes else spec.with_kv_usage(usage, replicas)

    @classmethod
    def idle(cls, name: str, **changes: Any) -> Self:
        """Nobody asks for anything."""
        return cls(name, **changes)


PRESETS = {"kv-bound": FleetSpec.kv_bound, "comfortable": FleetSpec.comfortable, "idle": FleetSpec.idle}
