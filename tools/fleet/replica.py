"""One inference engine: continuous batching over a paged KV cache, one step at a time.

A step takes running requests first (one token each, or the next chunk of a prompt), then admits waiting ones in
order while tokens, sequences and KV blocks last. Out of blocks, the request admitted last is preempted: its blocks
are freed and it goes to the head of the queue, to be computed again. Every decoding request gains one token a step,
so a step is counted by arithmetic on groups of requests and never visits each of them.

Simplifications: a prompt's blocks are all taken at admission; requests of one replica share no blocks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import ceil, hypot

from tools.fleet.records import Counters, Gauges, Latencies, Request, Work
from tools.fleet.spec import FleetSpec

API_SERVER_SECONDS = 0.015
"""Time to first token that is spent in the HTTP server, a request (a published fit gives 15.6 ms)."""


@dataclass(slots=True)
class _Step:
    """A step under way: who decodes, whose prompt chunk is computed, and how long it takes."""

    decoding: int
    left_waiting: int = 0
    completing: list[Request] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0


class Replica:
    """An engine that is told when to start a step and when the step is over. It never reads a clock."""

    def __init__(self, name: str, spec: FleetSpec) -> None:
        self.name = name
        self.spec = spec
        self.ready = False
        self.removed = False
        self.blocks = spec.capacity_tokens // spec.block_size
        self.used_blocks = 0
        self.waiting: deque[Request] = deque()
        self.running: dict[Request, None] = {}
        self.gauges = Gauges()
        self.counters = Counters()
        self.work = Work()
        self.latencies = Latencies(spec.max_model_len)
        self._prefilling: dict[Request, None] = {}
        self._decoding = 0
        self._context = 0
        self._growth = [0] * spec.block_size
        self._finishing: dict[int, list[Request]] = {}
        self._step: _Step | None = None

    # What can be seen from outside.

    @property
    def outstanding(self) -> int:
        return len(self.running) + len(self.waiting)

    @property
    def stepping(self) -> bool:
        return self._step is not None

    def requests(self) -> list[Request]:
        """Everything accepted and not finished."""
        return [*self.running, *self.waiting]

    def accept(self, request: Request) -> None:
        self.waiting.append(request)

    # A step.

    def start_step(self, now: float) -> float | None:
        """Schedule the next step and return the seconds it takes; None when there is nothing to do."""
        if not self.running and not self.waiting:
            return None
        number = self.counters.steps + 1
        preempted = self._grow(number, now)
        step = _Step(decoding=self._decoding, tokens=self._decoding)
        pairs = self._schedule_prefills(step, now, admit=not preempted)
        step.left_waiting = len(self.waiting)
        step.seconds = self._charge(step, pairs)
        self._step = step
        return step.seconds

    def end_step(self, now: float) -> list[Request]:
        """Hand out the tokens of the step under way and return the requests that are complete."""
        step, self._step = self._step, None
        if step is None:
            raise RuntimeError(f"replica {self.name}: end_step without start_step")
        self.counters.steps += 1
        number = self.counters.steps
        self._context += step.decoding
        self.counters.generated_tokens += step.decoding
        self.latencies.step_tokens.observe(step.tokens)
        if step.decoding:
            self.latencies.inter_token.observe(step.seconds, step.decoding)
        for request in step.completing:
            self._first_output(request, number, now)
        finished = self._finishing.pop(number, [])
        for request in finished:
            self._finish(request, now)
        self.gauges = Gauges(len(self.running), step.left_waiting, self.used_blocks / self.blocks)
        return finished

    # KV blocks.

    def _blocks_for(self, tokens: int) -> int:
        return ceil(tokens / self.spec.block_size)

    def _grow(self, number: int, now: float) -> bool:
        """Give each decoding request at a block's end a new block, preempting until they fit; tell if any was."""
        phase = number % self.spec.block_size
        preempted = False
        while self.used_blocks + self._growth[phase] > self.blocks:
            self._preempt(now)
            preempted = True
        self.used_blocks += self._growth[phase]
        return preempted

    def _preempt(self, now: float) -> None:
        request, _ = self.running.popitem()
        if request.joined >= 0:
            self._leave_decoding(request)
            self._finishing[self._last_step(request)].remove(request)
            request.generated += self.counters.steps - request.joined
            request.joined = -1
        else:
            self.used_blocks -= self._blocks_for(request.to_compute)
            del self._prefilling[request]
        request.computed = 0
        request.preemptions += 1
        request.preempted_at = now
        self.waiting.appendleft(request)

    def _leave_decoding(self, request: Request) -> None:
        """Take a request out of the decoding group: its blocks, its context, its place in the growth calendar."""
        held = request.computed + self.counters.steps - request.joined
        self.used_blocks -= self._blocks_for(held)
        self._context -= held
        self._growth[self._growth_phase(request)] -= 1
        self._decoding -= 1

    def _growth_phase(self, request: Request) -> int:
        """The step number, modulo the block size, at which a decoding request needs one more block."""
        return (request.joined - request.computed + 1) % self.spec.block_size

    def _last_step(self, request: Request) -> int:
        return request.joined + request.output - request.generated

    # Prompts.

    def _schedule_prefills(self, step: _Step, now: float, admit: bool) -> float:
        """Fill the step's token budget with prompt chunks; returns the token pairs attention must visit."""
        pairs = 0.0
        for request in list(self._prefilling):
            pairs += self._compute_chunk(request, step)
        while admit and self._can_admit(step):
            request = self.waiting.popleft()
            self._admit(request, now)
            pairs += self._compute_chunk(request, step)
        return pairs

    def _can_admit(self, step: _Step) -> bool:
        if not self.waiting or step.tokens >= self.spec.max_num_batched_tokens:
            return False
        needed = self._blocks_for(self.waiting[0].to_compute)
        return len(self.running) < self.spec.max_num_seqs and self.used_blocks + needed <= self.blocks

    def _admit(self, request: Request, now: float) -> None:
        self.running[request] = None
        self._prefilling[request] = None
        self.used_blocks += self._blocks_for(request.to_compute)
        if request.scheduled is None:
            request.scheduled = now
            request.computed = self._cached(request)

    def _cached(self, request: Request) -> int:
        """Prompt tokens found in the prefix cache; the last token is always computed."""
        return int((request.prompt - 1) * self.spec.prefix_hit_ratio)

    def _compute_chunk(self, request: Request, step: _Step) -> float:
        chunk = min(request.to_compute - request.computed, self.spec.max_num_batched_tokens - step.tokens)
        pairs = chunk * (request.computed + chunk / 2)
        request.computed += chunk
        step.tokens += chunk
        if request.computed == request.to_compute:
            del self._prefilling[request]
            step.completing.append(request)
        return pairs

    def _first_output(self, request: Request, number: int, now: float) -> None:
        """The step that computed the last prompt token also gave a token; the request decodes from here."""
        self.counters.generated_tokens += 1
        if request.first_token is None:
            request.first_token = now
            self.counters.prompt_tokens += request.prompt
            self.counters.cached_tokens += self._cached(request)
            self.latencies.first_token.observe(now - request.arrived + API_SERVER_SECONDS)
        elif request.preempted_at is not None:
            self.latencies.inter_token.observe(now - request.preempted_at)
        # As in vLLM, a preemption is only counted with the next output of the request it hit.
        self.counters.preemptions += request.preemptions - request.preemptions_shown
        request.preemptions_shown = request.preemptions
        request.generated += 1
        request.joined = number
        self._decoding += 1
        self._context += request.computed
        self._growth[self._growth_phase(request)] += 1
        self._finishing.setdefault(self._last_step(request), []).append(request)

    def _finish(self, request: Request, now: float) -> None:
        self._leave_decoding(request)
        del self.running[request]
        request.generated = request.output
        self.counters.finished += 1
        self._observe_finished(request, now)

    def _observe_finished(self, request: Request, now: float) -> None:
        scheduled, first = request.scheduled, request.first_token
        if scheduled is None or first is None:
            raise RuntimeError("a request finished that was never scheduled")
        seen = self.latencies
        seen.end_to_end.observe(now - request.arrived + API_SERVER_SECONDS)
        seen.queue.observe(scheduled - request.arrived)
        seen.inference.observe(now - scheduled)
        seen.prefill.observe(first - scheduled)
        seen.decode.observe(now - first)
        seen.per_output_token.observe((now - first) / max(request.output - 1, 1))
        seen.prompt_length.observe(request.prompt)
        seen.output_length.observe(request.output)
        seen.computed_length.observe(request.prompt - self._cached(request))
        seen.choices.observe(1)
        seen.preemptions.observe(request.preemptions)

    # Time.

    def _charge(self, step: _Step, pairs: float) -> float:
        """Seconds the step takes; adds what it uses of the GPU to ``work``.

        The weights are read once at least (floor); beyond some batch the tensor pipes bind (slope). Their root
        sum of squares follows measured kernels better than the larger of the two.
        """
        hardware = self.spec.hardware
        dense = hypot(hardware.floor_ms, hardware.slope_us_per_token * step.tokens / 1e3)
        attention = (
            hardware.kv_ns_per_context_token * self._context + hardware.prefill_ns_per_token_pair * pairs
        ) / 1e6
        exchange = hardware.comm_fixed_ms + hardware.comm_us_per_token * step.tokens / 1e3
        host = hardware.host.per_step_ms + hardware.host.per_sequence_ms * len(self.running)
        gpu = (dense + attention + exchange) / 1e3
        seconds = gpu + host / 1e3
        self._use(step, gpu, seconds)
        return seconds

    def _use(self, step: _Step, gpu: float, seconds: float) -> None:
        """Memory traffic is the weights once a step and the KV of every decoding request; 2 operations a parameter."""
        hardware, work = self.spec.hardware, self.work
        read = hardware.weight_bytes + self._context * hardware.kv_bytes_per_token
        operations = 2.0 * hardware.parameters * step.tokens
        work.busy += seconds
        work.gpu += gpu
        work.dram += min(read / hardware.tensor_parallel / hardware.gpu.bandwidth, gpu)
        work.tensor += min(operations / hardware.tensor_parallel / hardware.gpu.peak_flops, gpu)
        work.link_bytes += hardware.link_bytes_per_token * step.tokens
