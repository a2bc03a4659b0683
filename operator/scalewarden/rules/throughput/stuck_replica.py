"""THR305 stuck-replica

Finds: a replica on which requests wait while no token and no completion comes.
Why: a dead queue looks like load and a dead GPU like spare capacity, and it is neither: the replica is sick. Its queue
    would block every removal for good, and its idle GPU would invite one.
Reads: waiting, running, gen_tps, finish_rate of every ready replica.
Fires when: requests waited at every sample of waitingNeverZero while tokens/s and completions were zero throughout.
Clear when: every ready replica is shown to make progress, or to hold no queue.
Unknown when: none is seen to be stuck, and a signal of some replica is absent, too old or too short, or its engine
    counts tokens only at the end of an answer that may be running.
Do: restart the replica; look at its log first. No other rule counts its load, and no removal is judged safe meanwhile.
References: engines hang with a standing queue and nothing running (SGLang 24140, vllm-metal 479); dead queue entries
    blocked an autoscaler's every removal (llm-d WVA 769).
"""

from scalewarden.model.finding import Evidence, Finding, Severity
from scalewarden.model.signal import SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import look
from scalewarden.rules.rule import Rule
from scalewarden.signals.stuck import is_stuck

RULE = Rule(
    code="THR305",
    name="stuck-replica",
    severity=Severity.ERROR,
    summary="Requests wait on a replica that makes no progress.",
    check_instead="generated tokens/s and finished requests beside the queue",
    remedy="Look at the replica's log and restart it; do not count its queue as load or its GPU as spare.",
    reads=("waiting", "running", "gen_tps", "finish_rate"),
    thresholds=("waitingNeverZero", "shortSpan", "shortSamples", "absentSeconds"),
)


def check(snapshot: Snapshot) -> Finding:
    """Judge every ready replica by itself."""
    ready, limits = snapshot.ready, snapshot.thresholds
    answers = [(replica, is_stuck(replica, snapshot.at, limits)) for replica in ready]
    stuck = [replica for replica, answer in answers if answer]
    if stuck:
        newest = [_queue(replica, snapshot) for replica in stuck]
        evidence = [one for queue in newest for one in queue.evidence(queue.value or 0.0, 0.0)]
        first = look.requests(newest[0].value or 0.0)
        text = f"no token and no completion for {limits['waitingNeverZero']:.0f} s on "
        text += f"{look.share(len(stuck), len(ready))}: {first} waiting on {stuck[0].pod}"
        return RULE.fired(text, *evidence)
    if not ready:
        return RULE.unknown("no replica is ready")
    unsure = [replica for replica, answer in answers if answer is None]
    if unsure:
        share = look.share(len(unsure), len(ready))
        return RULE.unknown(f"progress is not known on {share} ({unsure[0].pod}: {_why(unsure[0], snapshot)})")
    return RULE.clear(f"requests move, or none waits, on {look.share(len(ready), len(ready))}", *_none(snapshot))


def _queue(replica: Replica, snapshot: Snapshot) -> look.Look:
    name, seconds = SignalName.WAITING, snapshot.thresholds["waitingNeverZero"]
    return look.lasting(snapshot, replica.pod, name, replica.signal(name), seconds)


def _none(snapshot: Snapshot) -> tuple[Evidence, ...]:
    queue = _queue(snapshot.ready[0], snapshot)
    return queue.evidence(queue.value or 0.0, 0.0)


def _why(replica: Replica, snapshot: Snapshot) -> str:
    """The first signal that stands in the way; with all of them there, the engine counts late."""
    limits = snapshot.thresholds
    looks = [_queue(replica, snapshot)]
    for name in (SignalName.GEN_TPS, SignalName.FINISH_RATE):
        looks.append(look.lasting(snapshot, replica.pod, name, replica.signal(name), limits["waitingNeverZero"]))
    blocked = next((seen for seen in looks if not seen.span.enough), None)
    if blocked is None:
        return "its engine counts tokens only when an answer ends"
    return f"{blocked.name.value}, {blocked.gap or 'too few samples'}"
