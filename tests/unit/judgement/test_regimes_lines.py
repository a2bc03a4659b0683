"""The table of regimes at each of its lines, without a service around it, and what is said beside the regime."""

from dataclasses import replace
from typing import Any

import pytest

from scalewarden.judgement.confidence import confidence, near_a_line
from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.judgement.facts import Facts
from scalewarden.judgement.regimes import SOURCE, TABLE, Scene, row_of
from scalewarden.model.diagnosis import Confidence, Regime
from scalewarden.model.finding import Evidence, Status
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Unit
from scalewarden.model.snapshot import Diagnosed, History
from tests.builders import AT, fleet, hpa, replica, resource, snapshot

WELL = Facts(
    coverage=1.0, fresh=1.0, required_absent=False, kv_max=0.6, kv_mean=0.5, utilization=0.7, engine_active=0.7,
    sm_active=0.5, tensor_active=0.2, dram_active=0.4, running=10.0, waiting=0.0, standing=False, batch=8.0, share=0.5,
    filled=0.5, flat=False, cpu=0.4, throttled=0.0, latency_ok=True, short=False,
)  # fmt: skip
"""Every resource is used and none is full."""

CALM: dict[str, Any] = {"kv_max": 0.49, "utilization": 0.39, "share": 0.29}
BUSY: dict[str, Any] = {"engine_active": 0.80, "sm_active": 0.30, "running": 1.0}
STARVED: dict[str, Any] = {"utilization": 0.39, "kv_max": 0.49, "standing": True, "cpu": 0.90, "throttled": None}
FULL_BATCH: dict[str, Any] = {"standing": True, "kv_max": 0.79, "filled": 1.0}


def regime(*fired: str, unknown: str = "", **changed: Any) -> Regime:
    scene = Scene(snapshot(), replace(WELL, **changed), frozenset(fired), frozenset(unknown.split()))
    return row_of(scene).regime


LINES = [
    ("half is seen", {"coverage": 0.5}, Regime.HEALTHY),
    ("less than half is seen", {"coverage": 0.49}, Regime.INDETERMINATE),
    ("nothing required is seen", {"required_absent": True}, Regime.INDETERMINATE),
    ("the batch limit binds", FULL_BATCH, Regime.BATCH_LIMITED),
    ("with a full cache it does not", {**FULL_BATCH, "kv_max": 0.80}, Regime.HEALTHY),
    ("nor with one that is not known", {**FULL_BATCH, "kv_max": None}, Regime.HEALTHY),
    ("nor without a queue", {**FULL_BATCH, "standing": False}, Regime.HEALTHY),
    ("one short of the limit", {**FULL_BATCH, "filled": 0.99}, Regime.HEALTHY),
    ("flat where no limit is known", {**FULL_BATCH, "filled": None, "flat": True}, Regime.BATCH_LIMITED),
    ("a batch of two has collapsed", {**FULL_BATCH, "filled": None, "batch": 2.0}, Regime.BATCH_LIMITED),
    ("one of more has not", {**FULL_BATCH, "filled": None, "batch": 2.1}, Regime.HEALTHY),
    ("one that is not known has not", {**FULL_BATCH, "filled": None, "batch": None}, Regime.HEALTHY),
    ("the host is saturated", STARVED, Regime.HOST_BOUND),
    ("it is throttled", {**STARVED, "cpu": None, "throttled": 0.25}, Regime.HOST_BOUND),
    ("it is neither", {**STARVED, "cpu": 0.89, "throttled": 0.24}, Regime.HEALTHY),
    ("its GPU is not quiet", {**STARVED, "utilization": 0.40}, Regime.HEALTHY),
    ("its GPU is not known", {**STARVED, "utilization": None}, Regime.HEALTHY),
    ("its cache is not empty", {**STARVED, "kv_max": 0.50}, Regime.HEALTHY),
    ("nobody waits for the host", {**STARVED, "standing": False, "waiting": 1.0}, Regime.HEALTHY),
    ("compute is busy", BUSY, Regime.COMPUTE_BOUND),
    ("the engine is not", {**BUSY, "engine_active": 0.79}, Regime.HEALTHY),
    ("the engine is not known", {**BUSY, "engine_active": None}, Regime.HEALTHY),
    ("the engine is, and computes little", {**BUSY, "sm_active": 0.29}, Regime.HEALTHY),
    ("its tensor cores compute", {**BUSY, "sm_active": 0.29, "tensor_active": 0.30}, Regime.COMPUTE_BOUND),
    ("only they are measured", {**BUSY, "sm_active": None, "tensor_active": 0.30}, Regime.COMPUTE_BOUND),
    ("what it computes is not known", {**BUSY, "sm_active": None, "tensor_active": None}, Regime.HEALTHY),
    ("nothing runs on it", {**BUSY, "running": 0.0}, Regime.HEALTHY),
    ("what runs is not known", {**BUSY, "running": None}, Regime.HEALTHY),
    ("room everywhere", CALM, Regime.UNDERLOADED),
    ("the GPU is not known", {**CALM, "utilization": None}, Regime.UNDERLOADED),
    ("the limit is not known", {**CALM, "share": None}, Regime.UNDERLOADED),
    ("the GPU is at the line", {**CALM, "utilization": 0.40}, Regime.HEALTHY),
    ("the batch is at the line", {**CALM, "share": 0.30}, Regime.HEALTHY),
    ("the cache is at the line", {**CALM, "kv_max": 0.50}, Regime.HEALTHY),
    ("the cache is not known", {**CALM, "kv_max": None}, Regime.HEALTHY),
    ("one waits", {**CALM, "waiting": 1.0}, Regime.HEALTHY),
    ("who waits is not known", {**CALM, "waiting": None}, Regime.HEALTHY),
    ("latency is over its objective", {**CALM, "latency_ok": False}, Regime.HEALTHY),
]


@pytest.mark.parametrize(("changed", "wanted"), [line[1:] for line in LINES], ids=[line[0] for line in LINES])
def test_each_line_of_the_table(changed: dict[str, Any], wanted: Regime) -> None:
    assert regime(**changed) is wanted


@pytest.mark.parametrize(
    ("fired", "wanted"),
    [
        ("KVC201", Regime.KV_CACHE_BOUND),
        ("KVC202", Regime.KV_CACHE_BOUND),
        ("UTL104", Regime.IDLE),
        ("THR304", Regime.PREFILL_BOUND),
        ("THR302", Regime.QUEUE_BOUND),
        ("TOP402", Regime.COMMUNICATION_BOUND),
        ("TOP401 UTL102", Regime.COMMUNICATION_BOUND),
        ("TOP401 UTL102 UTL101", Regime.COMMUNICATION_BOUND),
        ("TOP401", Regime.HEALTHY),
        ("UTL102", Regime.HEALTHY),
    ],
)
def test_rules_that_give_a_regime(fired: str, wanted: Regime) -> None:
    assert regime(*fired.split()) is wanted


def test_the_order_of_the_table_is_the_order_of_what_to_do_first() -> None:
    everything = ["KVC201", "UTL104", "THR304", "TOP402", "THR302"]
    assert regime(*everything, required_absent=True) is Regime.INDETERMINATE
    wanted = [Regime.KV_CACHE_BOUND, Regime.IDLE, Regime.PREFILL_BOUND, Regime.COMMUNICATION_BOUND, Regime.QUEUE_BOUND]
    assert [regime(*everything[n:]) for n in range(5)] == wanted
    assert regime("THR304", **FULL_BATCH) is Regime.BATCH_LIMITED
    assert regime("THR302", **STARVED) is Regime.HOST_BOUND
    assert regime("THR302", **{**STARVED, "standing": False}) is Regime.HOST_BOUND  # a queue that grows
    assert regime("THR302", **BUSY) is Regime.QUEUE_BOUND
    assert regime(**{**CALM, **BUSY}) is Regime.COMPUTE_BOUND


@pytest.mark.parametrize(("kv", "unknown", "wanted"), [
    (0.80, "KVC201", Regime.INDETERMINATE), (0.79, "KVC201", Regime.HEALTHY), (0.80, "KVC202", Regime.HEALTHY),
])  # fmt: skip
def test_a_full_cache_that_no_rule_could_judge(kv: float, unknown: str, wanted: Regime) -> None:
    assert regime(unknown=unknown, kv_max=kv) is wanted


# Numbers beside the regime ------------------------------------------------------------------------------------------


def told(wanted: Regime, **changed: Any) -> list[Evidence | None]:
    row = next(row for row in TABLE if row.regime is wanted)
    return [fact.told(Scene(snapshot(), replace(WELL, **changed), frozenset(), frozenset())) for fact in row.facts]


def for_and_against(*pods: Any, **more: Any) -> tuple[list[str], list[str]]:
    found = diagnosed(*pods, **more).diagnosis
    return [one.signal for one in found.evidence_for], [one.signal for one in found.evidence_against]


def test_a_fact_is_told_beside_the_line_it_was_held_against() -> None:
    assert told(Regime.COMPUTE_BOUND) == [
        Evidence("engine_active", 0.7, Unit.FRACTION, 0.80, SOURCE),
        Evidence("sm_active", 0.5, Unit.FRACTION, 0.30, SOURCE),
        Evidence("tensor_active", 0.2, Unit.FRACTION, 0.30, SOURCE),
        Evidence("dram_active", 0.4, Unit.FRACTION, 0.60, SOURCE),
    ]
    assert told(Regime.HOST_BOUND, cpu=1.2) == [
        Evidence("gpu_busy", 0.7, Unit.FRACTION, 0.40, SOURCE),
        Evidence("kv_usage", 0.6, Unit.FRACTION, 0.50, SOURCE),
        Evidence("cpu_ratio", 1.2, Unit.RATIO, 0.90, SOURCE),
        Evidence("cpu_throttled", 0.0, Unit.FRACTION, 0.25, SOURCE),
    ]
    assert told(Regime.UNDERLOADED)[2:] == [
        Evidence("waiting", 0.0, Unit.REQUESTS, 0.0, SOURCE),
        Evidence("batch_share", 0.5, Unit.FRACTION, 0.30, SOURCE),
    ]
    assert told(Regime.BATCH_LIMITED)[1:] == [
        Evidence("batch_share", 0.5, Unit.FRACTION, 1.0, SOURCE),
        Evidence("eff_batch", 8.0, Unit.SEQUENCES, 2.0, SOURCE),
    ]
    assert told(Regime.INDETERMINATE) == [
        Evidence("coverage", 1.0, Unit.FRACTION, 0.5, SOURCE),
        Evidence("kv_usage", 0.6, Unit.FRACTION, 0.80, SOURCE),
    ]
    assert told(Regime.HEALTHY) == [Evidence("kv_usage", 0.6, Unit.FRACTION, 0.80, SOURCE)]


def test_what_was_not_measured_is_no_evidence() -> None:
    assert told(Regime.COMPUTE_BOUND, engine_active=None)[0] is None


def test_a_number_on_the_wrong_side_of_its_line_speaks_against() -> None:
    starved = {"kv": 0.3, "waiting": [3.0] * 41, "running": [5, 6] * 20, "max_num_seqs": 64, "gpu_busy": 0.2}
    saturated = fleet(2, cpu_ratio=0.99, cpu_throttled=0.02, **starved)
    assert for_and_against(*saturated) == (
        ["waiting", "waiting", "gpu_busy", "kv_usage", "cpu_ratio"],
        ["cpu_throttled"],
    )
    busy = {"kv": 0.6, "running": 20, "gpu_busy": 0.95, "engine_active": 0.95, "sm_active": 0.7}
    memory = fleet(2, tensor_active=0.1, dram_active=0.7, **busy)
    assert for_and_against(*memory) == (["engine_active", "sm_active"], ["tensor_active", "dram_active"])
    limited = fleet(2, kv=0.4, waiting=[3.0] * 41, running=8, max_num_seqs=8, eff_batch=8)
    assert for_and_against(*limited) == (["waiting", "waiting", "kv_usage", "batch_share"], ["eff_batch", "eff_batch"])


# Confidence ---------------------------------------------------------------------------------------------------------


def near(*evidence: Evidence) -> bool:
    return near_a_line(evidence, 0.05)


def kv(value: float, line: float | None = 0.80) -> Evidence:
    return Evidence("kv_usage", value, Unit.FRACTION, line, "kv")


def ratio(value: float) -> Evidence:
    return Evidence("cpu_ratio", value, Unit.RATIO, 2.0, "cpu")


@pytest.mark.parametrize(
    ("evidence", "wanted"),
    [
        ((), False),
        ((kv(0.84),), True),
        ((kv(0.86),), False),
        ((kv(0.74),), False),
        ((kv(0.84), kv(0.95)), False),
        ((kv(0.95), kv(0.84)), False),
        ((kv(0.95), kv(0.51, 0.50)), True),
        ((kv(0.80, None),), False),
        ((kv(0.0, 0.0),), False),
        ((ratio(2.19),), True),
        ((ratio(2.21),), False),
    ],
)
def test_near_a_line(evidence: tuple[Evidence, ...], wanted: bool) -> None:
    """A fraction within the release band, another number within a tenth of its line, where it is furthest from it."""
    assert near(*evidence) is wanted


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({}, Confidence.HIGH),
        ({"fresh": 0.99}, Confidence.MEDIUM),
        ({"fresh": 0.8}, Confidence.MEDIUM),
        ({"fresh": 0.79}, Confidence.LOW),
        ({"short": True}, Confidence.LOW),
        ({"kv_max": None}, Confidence.LOW),
    ],
)
def test_confidence_by_what_is_seen(changed: dict[str, Any], wanted: Confidence) -> None:
    scene = Scene(snapshot(), replace(WELL, **changed), frozenset(), frozenset())
    assert confidence(scene, row_of(scene), ()) is wanted


def test_of_too_little_nothing_is_sure() -> None:
    scene = Scene(snapshot(), replace(WELL, required_absent=True), frozenset(), frozenset())
    assert confidence(scene, row_of(scene), ()) is Confidence.LOW


# Words --------------------------------------------------------------------------------------------------------------


def diagnosed(*pods: Any, **more: Any) -> Evaluation:
    return evaluate(snapshot(pods, **more), Policy())


def test_the_sentence_of_the_finding_follows_that_of_the_regime() -> None:
    summary = diagnosed(*fleet(3, kv=0.9, running=12)).diagnosis.summary
    assert summary == (
        "The KV cache bounds the service, not the GPU's compute. KV cache under pressure on 3 of 3 replicas: it peaked "
        "at 0.90 on llama-70b-0 (line 0.80)."
    )


def test_a_service_that_is_well_names_nobody_stuck() -> None:
    assert diagnosed(*fleet(2, kv=0.6, running=20)).diagnosis.summary == "Nothing is seen to bind the service."


def test_three_stuck_replicas_are_named() -> None:
    sick = [replica(f"sick-{n}", kv=0.2, waiting=9.0, running=1.0, gen_tps=0.0, finish_rate=0.0) for n in range(4)]
    summary = diagnosed(*sick, *fleet(4, kv=0.6, running=20)).diagnosis.summary
    assert summary.endswith(" Stuck, with requests that make no progress: sick-0, sick-1, sick-2.")


def test_routing_is_the_advice_for_a_hot_minority_of_a_cool_fleet_only() -> None:
    def advice(*pods: Any) -> str:
        return diagnosed(*pods).diagnosis.advice

    assert advice(replica(kv=0.95), *fleet(3, kv=0.2)).startswith(
        "Spread the requests: the cache is full on a minority"
    )
    more = "Add KV blocks or replicas, allow fewer sequences or shorter contexts; do not remove replicas."
    assert advice(replica(kv=0.95), *fleet(3, kv=0.6)) == more  # the others have no room for them
    assert advice(replica(kv=0.95), replica(kv=0.0)) == more  # one of two is no minority
    evicts = replica(kv=0.6, preemptions=3)
    assert advice(evicts, *fleet(3, kv=0.2, preemptions=0)).startswith("Spread the requests")
    assert advice(evicts, replica(kv=0.95), *fleet(2, kv=0.0, preemptions=0)) == more  # two of four, by either rule


def test_a_service_of_stuck_replicas_is_not_called_healthy() -> None:
    sick = fleet(2, kv=0.2, waiting=9.0, running=1.0, gen_tps=0.0, finish_rate=0.0)
    found = diagnosed(*sick).diagnosis
    assert (found.regime, found.confidence) == (Regime.INDETERMINATE, Confidence.LOW)
    assert "Stuck, with requests that make no progress: llama-70b-0" in found.summary


@pytest.mark.parametrize(("age", "wanted"), [(60.0, Confidence.HIGH), (61.0, Confidence.LOW)])
def test_what_is_stale_is_not_said_with_confidence(age: float, wanted: Confidence) -> None:
    assert diagnosed(*fleet(4, kv=0.95, age=age)).diagnosis.confidence is wanted


def test_without_gpu_signals_no_row_that_needs_them_matches() -> None:
    starved = {"kv": 0.3, "waiting": [3.0] * 41, "running": [5, 6] * 20, "max_num_seqs": 64, "cpu_ratio": 0.95}
    found = diagnosed(*fleet(2, **starved))
    status = {one.rule: one.status for one in found.findings}
    assert found.diagnosis.regime is Regime.QUEUE_BOUND
    assert (status["UTL101"], status["UTL102"]) == (Status.UNKNOWN, Status.UNKNOWN)


def test_evidence_of_a_well_service_speaks_for_it_only_by_facts() -> None:
    found = diagnosed(*fleet(2, kv=0.6, running=20, gpu_busy=0.7)).diagnosis
    assert [one.signal for one in found.evidence_for] == ["kv_usage"]
    assert found.since == AT


def test_what_passes_keeps_its_advice_and_has_no_evidence_for_it() -> None:
    known = History(since=AT - 9000, diagnosed=Diagnosed(Regime.KV_CACHE_BOUND, AT - 60))
    found = diagnosed(*fleet(3, kv=0.6, running=20), history=known).diagnosis
    assert (found.regime, found.since, found.evidence_for) == (Regime.KV_CACHE_BOUND, AT - 60, ())
    assert found.advice.startswith("Add KV blocks or replicas")


# The whole evaluation -----------------------------------------------------------------------------------------------


def test_each_autoscaler_is_judged_alone_and_floors_are_told() -> None:
    found = diagnosed(*fleet(4, kv=0.60), autoscalers=[hpa(resource("cpu"), name="a"), hpa(name="b")])
    assert [(one.kind, one.name) for one in found.autoscalers] == [
        ("HorizontalPodAutoscaler", "a"), ("HorizontalPodAutoscaler", "b"),
    ]  # fmt: skip
    assert found.autoscalers[0].status is Status.FIRED
    assert found.frontier is not None and found.frontier.replicas == 4


def test_the_rule_about_rules_is_told_what_they_found() -> None:
    found = {one.rule: one for one in diagnosed(*fleet(4, kv=0.90, running=12)).findings}
    assert found["KVC201"].fired and found["SCL502"].fired
    assert "KVC201" in found["SCL502"].message
