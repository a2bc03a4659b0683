"""SCL504 scale-down-while-warming

Finds: a removal while replicas that were only just added have not taken their share yet.
Why: a new replica is idle because it is new. Its empty cache pulls every average down just after a scale-up, which
    reads like spare capacity; removed now, the service is back where it was, minus a cold start.
Reads: the intent; when replicas became ready or stopped being so; the measured time of a replica to become ready.
Fires when: a serving replica would go and one became ready within the dwell (the longer of dwell and coldStart, or
    what is measured): a warning, the what-if holds it. Or one is not ready and has not been so for longer than a start
    takes: information.
Clear when: nobody asks for fewer, only pods that do not serve would go, or neither holds.
Unknown when: neither is seen, and it is not known when any of the ready replicas became ready.
Do: wait until the new replicas have taken their share.
References: HPA's default stabilization of 300 s; published cold starts of vLLM take 81 to 392 s.
"""

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision
from scalewarden.model.workload import Replica
from scalewarden.rules import look, removal
from scalewarden.rules.rule import Rule
from scalewarden.whatif import predict, trust
from scalewarden.whatif.case import Case

RULE = Rule(
    code="SCL504",
    name="scale-down-while-warming",
    severity=Severity.WARNING,
    summary="A replica would be removed while others are still warming up.",
    check_instead="when the newest replica became ready, and whether load has spread to it",
    remedy="Wait until the new replicas have taken their share of the load.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("intent", "ready_since", "unready_since", "cold_start"),
    thresholds=("dwell", "coldStart"),
)


def check(snapshot: Snapshot) -> Finding:
    """Inside the dwell first: that is what the what-if holds."""
    wanted = removal.asked(snapshot)
    if wanted is None:
        return RULE.clear("nobody asks for fewer replicas")
    if not wanted.removes_ready:
        return RULE.clear("no replica that serves would go")
    one = wanted.case()
    held = trust.transition(one)
    newest = max((r.ready_since for r in snapshot.ready if r.ready_since is not None), default=None)
    if newest is not None and held.decision is Decision.HOLD:
        return RULE.fired(held.message, *_since(newest, one))
    starting = [replica for replica in snapshot.replicas if _starting(replica, one)]
    if starting:
        some = look.share(len(starting), len(snapshot.replicas))
        return RULE.fired(f"{some} not ready yet, first {starting[0].pod}", severity=Severity.INFO)
    if newest is None:
        return RULE.unknown("it is not known when any replica became ready")
    return RULE.clear("no replica became ready lately, and none is starting", *_since(newest, one))


def _since(newest: float, one: Case) -> tuple[Evidence, ...]:
    age, dwell = max(0.0, one.snapshot.at - newest), max(predict.cold_start(one), one.limits["dwell"])
    return (Evidence("ready_since", age, Unit.SECONDS, dwell, "time since the newest replica became ready"),)


def _starting(replica: Replica, one: Case) -> bool:
    """Not ready, not on its way out, and not for longer than a start takes."""
    if replica.ready or replica.terminating:
        return False
    since = replica.unready_since
    return since is None or one.snapshot.at - since <= predict.cold_start(one)
