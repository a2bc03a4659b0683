"""What an engine keeps: its requests, and what it reports about them."""

from __future__ import annotations

from dataclasses import dataclass

from tools.fleet import histogram
from tools.fleet.histogram import Histogram


@dataclass(slots=True, eq=False)
class Request:
    """One request and how far it has come."""

    prompt: int
    output: int
    arrived: float
    user: bool
    """Sent by a closed-loop user, who waits for the answer."""
    generated: int = 0
    """Output tokens when it was last admitted, preempted or finished; stale while decoding."""
    computed: int = 0
    """Prompt (or recomputed) tokens whose KV is in the cache, until decoding starts."""
    joined: int = -1
    """Step after which it began to decode; -1 while it does not."""
    scheduled: float | None = None
    first_token: float | None = None
    preempted_at: float | None = None
    preemptions: int = 0
    preemptions_shown: int = 0

    @property
    def to_compute(self) -> int:
        """Tokens to compute before it can decode: the prompt, and after a preemption what it had generated."""
        return self.prompt + self.generated


@dataclass(slots=True)
class Counters:
    """What only grows, in vLLM's terms."""

    generated_tokens: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    preemptions: int = 0
    finished: int = 0
    steps: int = 0


@dataclass(frozen=True)
class Gauges:
    """What the engine last wrote: like the real one it writes at the end of a step, so an idle one keeps its last."""

    running: int = 0
    waiting: int = 0
    kv_usage: float = 0.0


@dataclass(slots=True)
class Work:
    """Seconds of use since start (of the clock by steps, of GPU, memory bus and tensor pipes), and link bytes."""

    busy: float = 0.0
    gpu: float = 0.0
    dram: float = 0.0
    tensor: float = 0.0
    link_bytes: float = 0.0


class Latencies:
    """The histograms a vLLM V1 engine keeps."""

    def __init__(self, longest: int) -> None:
        lengths = histogram.length_buckets(longest)
        self.first_token = Histogram(histogram.FIRST_TOKEN)
        self.inter_token = Histogram(histogram.INTER_TOKEN)
        self.per_output_token = Histogram(histogram.INTER_TOKEN)
        self.end_to_end = Histogram(histogram.REQUEST)
        self.queue = Histogram(histogram.REQUEST)
        self.inference = Histogram(histogram.REQUEST)
        self.prefill = Histogram(histogram.REQUEST)
        self.decode = Histogram(histogram.REQUEST)
        self.step_tokens = Histogram(histogram.STEP_TOKENS)
        self.prompt_length = Histogram(lengths)
        self.output_length = Histogram(lengths)
        self.computed_length = Histogram(lengths)
        self.choices = Histogram(histogram.CHOICES)
        self.preemptions = Histogram(histogram.PREEMPTIONS)
