"""SIG004 partial-replica-coverage

Finds: a service of which not every ready replica is seen with fresh samples.
Why: the replicas that are not seen are the ones that may be in trouble, and an average over the others says nothing
    about them.
Reads: kv_usage, waiting and running of every ready replica (kv_usage not where the engine never exports it).
Fires when: fewer replicas than are ready have all of these fresh.
Clear when: all of them do.
Unknown when: no replica is ready.
Do: bring back the signal that is named; autoscalers are held until then.
References: a HorizontalPodAutoscaler counts a pod without metrics as 100 % when it scales down.
"""

from scalewarden.model.finding import Evidence, Finding, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import look
from scalewarden.rules.rule import Rule
from scalewarden.signals import freshness, windows

EVERY_REPLICA = 1.0

RULE = Rule(
    code="SIG004",
    name="partial-replica-coverage",
    severity=Severity.WARNING,
    summary="Not every ready replica is seen.",
    check_instead="how many of the ready replicas stand behind a number",
    remedy="Bring back the signal that is named; until then only refusals rest on what is seen.",
    reads=("kv_usage", "waiting", "running"),
    thresholds=("freshSeconds", "freshIntervals", "freshMaximum"),
)


def check(snapshot: Snapshot) -> Finding:
    """Share of ready replicas that are seen."""
    coverage = freshness.coverage(snapshot)
    if coverage is None:
        return RULE.unknown("no replica is ready")
    unseen = [r for r in snapshot.ready if freshness.replica_state(r, snapshot) is not freshness.State.FRESH]
    fresh = len(snapshot.ready) - len(unseen)
    evidence = Evidence("coverage", windows.rounded(coverage), Unit.FRACTION, EVERY_REPLICA, "fresh of ready replicas")
    message = f"every needed signal is fresh on {look.share(fresh, len(snapshot.ready))}"
    if not unseen:
        return RULE.clear(message, evidence)
    return RULE.fired(f"{message} only ({_blame(unseen[0], snapshot)})", evidence)


def _blame(replica: Replica, snapshot: Snapshot) -> str:
    looks = (look.number(snapshot, replica.pod, n, replica.signal(n)) for n in freshness.required(snapshot))
    state = {freshness.State.ABSENT, freshness.State.STALE}
    first = next(one for one in looks if freshness.state(replica.signal(one.name), snapshot) in state)
    return f"{first.where}: {first.name.value}, {first.gap}"
