"""SCL501 survivors-overcommitted

Finds: a removal after which the replicas that stay would carry more than they can.
Why: low GPU utilization under KV-cache pressure is inefficiency, not spare capacity; what a removal does is decided
    by where the removed replicas' KV blocks, queue and tokens go, whichever pods Kubernetes picks.
Reads: kv_usage, waiting, running, eff_batch, preemptions, gen_tps, kv_tokens, latency against declared objectives.
Fires when: a load or latency test of the what-if holds or denies the intended removal (one replica, if none is).
Clear when: every one of them allows it.
Unknown when: no test could speak.
Do: keep at least the safe count; free KV cache or add replicas before removing any.
References: interpretation of low utilization in LLM inference; llm-d Workload Variant Autoscaler's N-1 check.
"""

from scalewarden.model.finding import Evidence, Finding, Misinterpretation, Severity
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.verdict import Decision, Test, TestResult
from scalewarden.rules import removal
from scalewarden.rules.rule import Rule
from scalewarden.whatif.latency import LATENCY_TESTS
from scalewarden.whatif.pressure import LOAD_TESTS

RULE = Rule(
    code="SCL501",
    name="survivors-overcommitted",
    severity=Severity.WARNING,
    summary="The replicas that stay could not carry the load of those that go.",
    check_instead="predicted KV-cache usage, queue, concurrency and latency of the worst survivor",
    remedy="Keep at least the safe count; add KV cache or replicas before removing any.",
    misinterpretations=(Misinterpretation.LOW_UTILIZATION_MEANS_SCALE_DOWN,),
    reads=("kv_usage", "waiting", "running", "eff_batch", "preemptions", "gen_tps", "kv_tokens"),
    thresholds=(
        "kvUsageAllow", "kvUsageDeny", "waitingPerReplicaAllow", "waitingPerReplicaDeny", "waitingNeverZero",
        "concurrencyAllow", "concurrencyDeny", "throughputAllow", "throughputDeny", "latencyAllow", "latencyDeny",
        "preemptions",
    ),
)  # fmt: skip

UNITS = {Test.WAITING_PER_REPLICA: Unit.REQUESTS, Test.PREEMPTIONS: Unit.COUNT}
SECONDS = {Test.INTER_TOKEN_LATENCY, Test.TIME_TO_FIRST_TOKEN, Test.END_TO_END_LATENCY}


def check(snapshot: Snapshot) -> Finding:
    """Run the load and latency tests for the snapshot's intent, or for one removal."""
    one = removal.explained(snapshot).case()
    if one.s < 1 or not one.removes_ready:
        return RULE.clear("no replica that serves would hand its load to another")
    results = [result for test in (*LOAD_TESTS, *LATENCY_TESTS) if (result := test(one)).skipped is None]
    if not results:
        return RULE.unknown("no signal says what the replicas that stay would carry")
    failing = [result for result in results if result.decision is not Decision.ALLOW]
    evidence = [_evidence(result) for result in failing or results if result.value is not None]
    if not failing:
        return RULE.clear(f"the {one.s} replicas that would stay can carry the load", *evidence)
    worst = max(failing, key=lambda result: result.decision.level)
    return RULE.fired(f"with {one.s} of {one.n} replicas {worst.message}", *evidence)


def _evidence(result: TestResult) -> Evidence:
    unit = Unit.SECONDS if result.test in SECONDS else UNITS.get(result.test, Unit.FRACTION)
    return Evidence(str(result.test), result.value or 0.0, unit, result.deny, "what-if")
