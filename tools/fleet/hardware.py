"""What a replica runs on: the constants of the step-time model.

Times follow from a few numbers per (model, GPU, tensor-parallel size). The floors and slopes below are
least-squares fits to kernel profiles published with the Vidur simulator (mean error 3 to 8 %); KV capacities
are ``0.9 x GPU memory - weights - 1.5 GiB`` over the bytes of one token; peaks, bandwidth and board power are
the vendor's data sheet.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One GPU, or the share of one that a MIG instance owns."""

    product: str
    memory_mib: int
    bandwidth: float
    """Bytes a second."""
    peak_flops: float
    """Dense 16-bit tensor operations a second."""
    board_watts: float


@dataclass(frozen=True)
class Host:
    """CPU time that one engine step spends outside GPU kernels.

    With CUDA graphs it is nearly constant. An eager engine pays for every running sequence: a public report of
    226 running sequences at 105 ms a step, with some 29 ms of GPU work in it, is where the figure comes from.
    """

    per_step_ms: float
    per_sequence_ms: float


CUDA_GRAPHS = Host(per_step_ms=2.0, per_sequence_ms=0.018)
EAGER = Host(per_step_ms=2.0, per_sequence_ms=0.33)


@dataclass(frozen=True)
class Hardware:
    """Constants of one replica's step time."""

    model: str
    gpu: Gpu
    tensor_parallel: int
    floor_ms: float
    """Time to read the weights once."""
    slope_us_per_token: float
    kv_ns_per_context_token: float
    prefill_ns_per_token_pair: float
    comm_fixed_ms: float
    comm_us_per_token: float
    kv_capacity_tokens: int
    parameters: float
    kv_bytes_per_token: int
    link_bytes_per_token: float = 0.0
    """Bytes one GPU exchanges with its peers for a token (0 without tensor parallelism)."""
    host: Host = CUDA_GRAPHS

    @property
    def weight_bytes(self) -> float:
        """Bytes of the weights at two bytes a parameter, over all GPUs of the replica."""
        return 2.0 * self.parameters


H100 = Gpu("NVIDIA H100 80GB HBM3", 81559, 3.35e12, 989e12, 700.0)
# A 3g.40gb instance: half of the memory and of its bandwidth, 60 of 132 multiprocessors.
H100_3G_40GB = Gpu("NVIDIA H100 80GB HBM3", 40448, 1.675e12, 450e12, 300.0)

LLAMA_7B_H100 = Hardware(
    model="meta-llama/Llama-2-7b-chat-hf",
    gpu=H100,
    tensor_parallel=1,
    floor_ms=5.81,
    slope_us_per_token=21.33,
    kv_ns_per_context_token=208.7,
    prefill_ns_per_token_pair=1.2,
    comm_fixed_ms=0.0,
    comm_us_per_token=0.0,
    kv_capacity_tokens=117_920,
    parameters=6.74e9,
    kv_bytes_per_token=524_288,
)
LLAMA_8B_H100_3G = Hardware(
    model="meta-llama/Llama-3.1-8B-Instruct",
    gpu=H100_3G_40GB,
    tensor_parallel=1,
    floor_ms=12.52,
    slope_us_per_token=50.6,
    kv_ns_per_context_token=104.3,
    prefill_ns_per_token_pair=2.6,
    comm_fixed_ms=0.0,
    comm_us_per_token=0.0,
    kv_capacity_tokens=156_400,
    parameters=8.03e9,
    kv_bytes_per_token=131_072,
)
LLAMA_70B_H100_TP4 = Hardware(
    model="meta-llama/Llama-3.1-70B-Instruct",
    gpu=H100,
    tensor_parallel=4,
    floor_ms=14.75,
    slope_us_per_token=55.48,
    kv_ns_per_context_token=32.6,
    prefill_ns_per_token_pair=1.2,
    comm_fixed_ms=1.6,
    comm_us_per_token=11.81,
    kv_capacity_tokens=488_000,
    parameters=70.6e9,
    kv_bytes_per_token=327_680,
    # Two all-reduces a layer, 80 layers, 8192 hidden values of two bytes, 2 (n-1)/n of them each way.
    link_bytes_per_token=2 * 80 * 8192 * 2 * 1.5,
)
