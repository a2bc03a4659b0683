"""SIG002 missing-engine-metrics

Finds: a ready replica that exposes no engine series at all.
Why: absence is not zero. A pod without series adds nothing to an average or a sum, so a fleet of which half is silent
    reads as half as busy.
Reads: every signal of the serving engine, on every ready replica.
Fires when: not one of them was read on a ready replica.
Clear when: every ready replica exposes at least one.
Unknown when: no replica is ready, or no source was asked.
Do: check the port and path of the metrics endpoint, the engine's flags and the network policy.
References: some servers print metrics elsewhere, or as JSON, or only with a flag.
"""

from scalewarden.model.finding import Evidence, Finding, Severity
from scalewarden.model.signal import Absent, SignalName, Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.workload import Replica
from scalewarden.rules import look
from scalewarden.rules.rule import Rule

ENGINE_SIGNALS = (
    SignalName.KV_USAGE, SignalName.WAITING, SignalName.WAITING_CAPACITY, SignalName.RUNNING, SignalName.PREEMPTIONS,
    SignalName.GEN_TPS, SignalName.PREFILL_TPS, SignalName.FINISH_RATE, SignalName.TTFT_P95, SignalName.ITL_P95,
    SignalName.ITL_MEAN, SignalName.E2E_P99, SignalName.QUEUE_MEAN, SignalName.EFF_BATCH, SignalName.PREFIX_HIT,
    SignalName.KV_TOKENS, SignalName.INPUT_TOKENS, SignalName.OUTPUT_TOKENS,
)  # fmt: skip

RULE = Rule(
    code="SIG002",
    name="missing-engine-metrics",
    severity=Severity.WARNING,
    summary="A ready replica exposes no engine metrics.",
    check_instead="whether every ready replica reports, before any average over replicas",
    remedy="Check the metrics port and path, the engine's flags and the network policy of the replica that is named.",
    reads=tuple(name.value for name in ENGINE_SIGNALS),
)


def check(snapshot: Snapshot) -> Finding:
    """Count the silent replicas."""
    ready = snapshot.ready
    if not ready:
        return RULE.unknown("no replica is ready")
    if not any(replica.signals for replica in ready):
        return RULE.unknown("no source was asked for engine metrics")
    silent = [replica for replica in ready if not any(replica.reading(name) for name in ENGINE_SIGNALS)]
    count = Evidence("silent_replicas", float(len(silent)), Unit.REPLICAS, 0.0, "ready replicas")
    if not silent:
        return RULE.clear(f"engine metrics on {look.share(len(ready), len(ready))}", count)
    share = look.share(len(silent), len(ready))
    return RULE.fired(f"no engine metrics on {share} ({silent[0].pod}: {_cause(silent[0])})", count)


def _cause(replica: Replica) -> str:
    signals = (replica.signal(name) for name in ENGINE_SIGNALS if name in replica.signals)
    return next((signal.cause for signal in signals if isinstance(signal, Absent)), "no series was read")
