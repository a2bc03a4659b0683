"""TOP403 slice-throughput-normalised

Finds: MIG slices that are held against the tokens/s of a whole GPU.
Why: a slice has a part of the memory bandwidth, and decoding is bound by it: a full 1g slice gives about an eighth of
    what its GPU would. Against a figure for whole GPUs it looks idle or broken, and is neither; a removal judged by
    that figure looks safe for ever.
Reads: MIG profiles, the declared tokens/s per GPU, gen_tps_per_gpu, gen_tps_per_full_gpu, waiting, eff_batch and its
    limit of every ready replica that is not stuck.
Fires when: on one replica on MIG that is full (its queue stands, or its batch reached concurrencyAllow), tokens/s per
    slice are under tokensShortfall of spec.baseline.tokensPerSecondPerGPU, and divided by the slice's share of a GPU
    they are not.
Clear when: no replica is on MIG, no baseline is declared, tokens/s per slice reach it, or fall short of it divided as
    well.
Unknown when: none is full, so that tokens/s are demand; or tokens/s or the slice's share are not known.
Do: declare the baseline of a slice, as a slice is what one replica holds.
References: shares of MIG profiles as NVIDIA publishes them; decode speed goes with the memory share.
"""

from scalewarden.model.finding import Finding, Misinterpretation, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import conditions, look, meters
from scalewarden.rules.baseline import full
from scalewarden.rules.conditions import Condition
from scalewarden.rules.rule import Rule
from scalewarden.signals import windows

RULE = Rule(
    code="TOP403",
    name="slice-throughput-normalised",
    severity=Severity.WARNING,
    summary="The tokens/s of a MIG slice are held against those of a whole GPU.",
    check_instead="tokens/s divided by the slice's share of a GPU",
    remedy="Declare spec.baseline.tokensPerSecondPerGPU of one slice, not of a whole GPU.",
    misinterpretations=(Misinterpretation.MIG_UTILIZATION_IS_CAPACITY,),
    reads=("mig_profile", "sustainable_tps", "gen_tps_per_gpu", "gen_tps_per_full_gpu", "waiting", "eff_batch"),
    thresholds=("tokensShortfall", "waitingNeverZero", "concurrencyAllow"),
)


def check(snapshot: Snapshot) -> Finding:
    """Judge every live slice that is full."""
    slices = [replica for replica in look.live(snapshot) if meters.on_mig(replica, snapshot)]
    if not slices:
        return RULE.clear("no replica that serves is on MIG")
    if snapshot.sustainable_learned:
        return RULE.clear("what a slice sustains was learned from the slices themselves")
    if not snapshot.sustainable_tps or not snapshot.workload.gpus_per_replica:
        return RULE.clear("no tokens/s are declared for slices to be held against")
    answers = [_judge(replica, snapshot) for replica in slices]
    if conditions.any_of(answers):
        found = conditions.first(answers, True)
        return RULE.fired(found.what, *found.evidence)
    known = [answer for answer in answers if answer.holds is False]
    return RULE.clear(known[0].what, *known[0].evidence) if known else RULE.unknown(answers[0].what)


def _judge(replica: Replica, snapshot: Snapshot) -> Condition:
    """Short as it is, and not once divided by its share."""
    if not full(replica, snapshot):
        return Condition(None, f"{replica.pod} is not full: its tokens/s are what is asked of it")
    plain, whole = (
        look.number(snapshot, replica.pod, name, replica.signal(name))
        for name in (SignalName.GEN_TPS_PER_GPU, SignalName.GEN_TPS_PER_FULL_GPU)
    )
    for seen in (plain, whole):
        if seen.gap or seen.value is None:
            return conditions.not_known(seen)
    per_gpu = (snapshot.sustainable_tps or 0.0) / (snapshot.workload.gpus_per_replica or 1)
    line = windows.rounded(snapshot.thresholds["tokensShortfall"] * per_gpu)
    mine, divided = plain.value or 0.0, whole.value or 0.0
    what = f"a full slice of {replica.pod} generates {mine:.0f} tokens/s of the {per_gpu:.0f} declared for a GPU"
    if mine < line <= divided:
        what += f", and {divided:.0f} by its share of a GPU: the figure is that of a whole one"
    return Condition(mine < line <= divided, what, (*plain.evidence(mine, line), *whole.evidence(divided, line)))
