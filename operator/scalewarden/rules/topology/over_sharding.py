"""TOP401 over-sharding

Finds: a model that is split over more GPUs than pays.
Why: each further GPU takes a part of every layer, and adds a round of communication to it. Utilization stays high on
    all of them while each gives fewer tokens: two replicas over half as many GPUs would serve more.
Reads: tensor_parallel_size, gen_tps_per_gpu of every ready replica that is not stuck, waiting, eff_batch and its limit,
    kv_usage, engine_active or kernel_utilization, running, the declared tokens/s per GPU, what was learned at a lower
    tensor-parallel size.
Fires when: the model is split over two GPUs or more, and one replica that is full (its queue stands, or its batch
    reached concurrencyAllow) and whose KV cache is not generates less than tokensShortfall of the tokens/s per GPU
    that are declared, or that were learned of the same service at a lower size with requests of like size.
Clear when: the model is not split; on every such replica tokens/s per GPU reach it; or the KV cache is full, and more
    GPUs hold more of it.
Unknown when: nothing is declared or learned to compare with, none is full, or tokens/s are not known.
Do: lower the tensor-parallel size and run more replicas; keep it only where the weights need it, or one answer's speed.
References: eight-way tensor parallelism gave fewer tokens/s than four-way at the same load (vllm 16300).
"""

from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import conditions, look, per_replica
from scalewarden.rules.baseline import at_lower_size, full
from scalewarden.rules.conditions import Condition
from scalewarden.rules.rule import Rule
from scalewarden.signals import windows

RULE = Rule(
    code="TOP401",
    name="over-sharding",
    severity=Severity.WARNING,
    summary="The model is split over more GPUs than pays.",
    check_instead="tokens/s per GPU against a lower tensor-parallel size",
    remedy="Lower the tensor-parallel size and run more replicas.",
    misinterpretations=(Misinterpretation.HIGH_UTILIZATION_IS_GOOD,),
    reads=(
        "tensor_parallel_size", "gen_tps_per_gpu", "sustainable_tps", "learned", "waiting", "eff_batch",
        "max_num_seqs", "kv_usage", "input_tokens", "output_tokens",
    ),
    thresholds=(
        "tokensShortfall", "waitingNeverZero", "concurrencyAllow", "kvUsageDeny", "requestsAlike", "pressureWindow",
    ),
)  # fmt: skip


def check(snapshot: Snapshot) -> Finding:
    """The size first, then every live replica against what is known of a lower one."""
    size = snapshot.workload.tensor_parallel_size or 1
    if size < 2:
        return RULE.clear("the model is not split over GPUs")
    answers = [_judge(replica, snapshot) for replica in look.live(snapshot)]
    return per_replica.finding(
        RULE, snapshot, answers, lambda what, where: f"split over {size} GPUs on {where}: {what}"
    )


def _judge(replica: Replica, snapshot: Snapshot) -> Condition:
    lower = at_lower_size(replica, snapshot)
    if lower is None:
        return Condition(None, "no tokens/s per GPU at a lower tensor-parallel size are declared or learned")
    memory = _memory_full(replica, snapshot)
    if memory.holds:
        return Condition(False, memory.what, memory.evidence)
    if not full(replica, snapshot):
        return Condition(None, f"{replica.pod} is not full: its tokens/s are what is asked of it")
    name = SignalName.GEN_TPS_PER_GPU
    seen = look.number(snapshot, replica.pod, name, replica.signal(name))
    if seen.gap or seen.value is None:
        return conditions.not_known(seen)
    line = windows.rounded(snapshot.thresholds["tokensShortfall"] * lower.tokens)
    what = (
        f"{replica.pod} is full and generates {seen.value:.0f} tokens/s per GPU of the {lower.tokens:.0f} {lower.words}"
    )
    return Condition(seen.value < line, what, seen.evidence(seen.value, line))


def _memory_full(replica: Replica, snapshot: Snapshot) -> Condition:
    """Then more GPUs are there for the KV cache, and tokens are not what they are judged by."""
    name, line = SignalName.KV_USAGE, snapshot.thresholds["kvUsageDeny"]
    seen = look.series(snapshot, replica.pod, name, replica.signal(name), snapshot.thresholds["pressureWindow"])
    peak = max(seen.values, default=0.0)
    return Condition(
        peak >= line, f"the KV cache of {replica.pod} is full: more GPUs hold more", seen.evidence(peak, line)
    )
