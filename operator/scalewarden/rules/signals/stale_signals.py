"""SIG001 stale-signals

Finds: replicas whose newest sample of a needed signal is too old to speak for now.
Why: a dashboard keeps drawing the last value it got. A replica that stopped answering looks calm, and it usually
    stopped because it is overloaded.
Reads: the age of kv_usage, waiting and running on every ready replica (kv_usage not where the engine never exports it).
Fires when: a newest sample is older than max(freshSeconds, freshIntervals scrape intervals), at most freshMaximum; as
    an error from absentSeconds on, when the sample counts as absent.
Clear when: every one of them is fresh.
Unknown when: none is seen to be stale, and one of them was never read: SIG002 and SIG004 say more.
Do: find why the metrics source or the pod stopped answering.
References: llm-d Workload Variant Autoscaler drops samples from 300 s on.
"""

from scalewarden.model.finding import Evidence, Finding, Severity
from scalewarden.model.signal import Reading, SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import look
from scalewarden.rules.rule import Rule
from scalewarden.signals import freshness

RULE = Rule(
    code="SIG001",
    name="stale-signals",
    severity=Severity.WARNING,
    summary="The newest sample of a needed signal is too old.",
    check_instead="the age of the newest sample before its value",
    remedy="Find why the metrics source or the pod stopped answering; until then no removal is judged safe.",
    reads=("kv_usage", "waiting", "running"),
    thresholds=("freshSeconds", "freshIntervals", "freshMaximum", "absentSeconds"),
)


def check(snapshot: Snapshot) -> Finding:
    """The oldest of the needed newest samples decides."""
    needed = [(replica, name) for replica in snapshot.ready for name in freshness.required(snapshot)]
    if not needed:
        return RULE.unknown("no replica is ready")
    line = freshness.fresh_for(snapshot.scrape_interval, snapshot.thresholds)
    ages = [age for replica, name in needed for age in _age(snapshot, replica, name, line)]
    stale = [age for age in ages if age.value > line]
    if stale:
        return _stale(snapshot, stale, line)
    if len(ages) < len(needed):
        return RULE.unknown(_never_read(snapshot, needed))
    oldest = max(ages, key=lambda age: age.value)
    return RULE.clear(f"every needed sample is at most {oldest.value:.0f} s old (fresh up to {line:.0f} s)", oldest)


def _age(snapshot: Snapshot, replica: Replica, name: SignalName, line: float) -> tuple[Evidence, ...]:
    """The age of a reading; of one whose value was dropped for its age, the least age that it must have."""
    signal = replica.signal(name)
    if isinstance(signal, Reading):
        age = freshness.age(signal, snapshot.at)
        return (Evidence(name.value, age, Unit.SECONDS, line, signal.source, replica.pod),)
    if freshness.gone_stale(signal, snapshot):
        return (Evidence(name.value, snapshot.thresholds["absentSeconds"], Unit.SECONDS, line, "", replica.pod),)
    return ()


def _stale(snapshot: Snapshot, stale: list[Evidence], line: float) -> Finding:
    oldest = max(stale, key=lambda age: age.value)
    gone = oldest.value >= snapshot.thresholds["absentSeconds"]
    pods = look.share(len({age.replica for age in stale}), len(snapshot.ready))
    old = f"{oldest.value:.0f} s old{' or more' if gone else ''}"
    message = f"stale on {pods}: {oldest.signal} of {oldest.replica} is {old} (fresh up to {line:.0f} s)"
    return RULE.fired(message, *stale, severity=Severity.ERROR if gone else None)


def _never_read(snapshot: Snapshot, needed: list[tuple[Replica, SignalName]]) -> str:
    looks = [look.number(snapshot, replica.pod, name, replica.signal(name)) for replica, name in needed]
    return look.obstacle(snapshot, [one for one in looks if one.reading is None], len(snapshot.ready))
