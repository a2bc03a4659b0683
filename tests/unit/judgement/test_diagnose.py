"""The regimes table on whole evaluations: first match wins, confidence, evidence for and against."""

from typing import Any

import pytest

from scalewarden.judgement.evaluate import Evaluation, evaluate
from scalewarden.model.diagnosis import Confidence, Regime
from scalewarden.model.policy import Objectives, Policy
from scalewarden.model.signal import Absent
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.topology import Interconnect, Link
from tests.builders import fleet, gpu, gpu_workload, replica, snapshot

QUEUE = [3.0] * 41


def diagnosed(*pods: Any, **more: Any) -> Evaluation:
    return evaluate(snapshot(pods, **more), Policy())


CASES = {
    "nothing is seen": (Regime.INDETERMINATE, fleet(3, kv=None, waiting=None, running=None)),
    "most is not seen": (Regime.INDETERMINATE, (replica(), *fleet(2, kv=None))),
    "a full cache in one sample": (Regime.INDETERMINATE, fleet(3, kv=[0.9])),
    "the cache is full": (Regime.KV_CACHE_BOUND, fleet(3, kv=0.9, running=12)),
    "requests were preempted": (Regime.KV_CACHE_BOUND, (replica(kv=0.6, preemptions=2), *fleet(2, kv=0.6))),
    "nobody asks": (Regime.IDLE, fleet(3, kv=0.0, running=0.0)),
    "the batch limit binds": (Regime.BATCH_LIMITED, fleet(2, kv=0.4, waiting=QUEUE, running=8, max_num_seqs=8)),
    "running stays flat beside a queue": (Regime.BATCH_LIMITED, fleet(2, kv=0.4, waiting=QUEUE, running=8)),
    "the batch collapsed": (Regime.BATCH_LIMITED, fleet(2, kv=0.4, waiting=QUEUE, running=[1, 2] * 20, eff_batch=2)),
    "a queue that nothing explains": (
        Regime.QUEUE_BOUND,
        fleet(2, kv=0.4, waiting=QUEUE, running=[5, 6] * 20, eff_batch=6, max_num_seqs=64),
    ),
    "the host is saturated": (
        Regime.HOST_BOUND,
        fleet(2, kv=0.3, waiting=QUEUE, running=[5, 6] * 20, max_num_seqs=64, gpu_busy=0.2, cpu_ratio=0.95),
    ),
    "the host is throttled": (
        Regime.HOST_BOUND,
        fleet(2, kv=0.3, waiting=QUEUE, running=[5, 6] * 20, max_num_seqs=64, gpu_busy=0.2, cpu_throttled=0.3),
    ),
    "the host has room": (
        Regime.QUEUE_BOUND,
        fleet(2, kv=0.3, waiting=QUEUE, running=[5, 6] * 20, max_num_seqs=64, gpu_busy=0.2, cpu_ratio=0.5),
    ),
    "long prompts hold up the queue": (
        Regime.PREFILL_BOUND,
        fleet(2, kv=0.4, waiting=QUEUE, running=[5, 6] * 20, max_num_seqs=64, prefill_tps=9000, gen_tps=300),
    ),
    "compute is busy": (
        Regime.COMPUTE_BOUND,
        fleet(2, kv=0.6, gpu_busy=0.95, engine_active=0.95, sm_active=0.7, running=20),
    ),
    "room everywhere": (Regime.UNDERLOADED, fleet(2, kv=0.1, running=2, max_num_seqs=64, gpu_busy=0.2)),
    "busy and well": (Regime.HEALTHY, fleet(2, kv=0.6, running=20, max_num_seqs=64, gpu_busy=0.7)),
}


@pytest.mark.parametrize("name", CASES)
def test_regimes(name: str) -> None:
    regime, pods = CASES[name]
    found = diagnosed(*pods).diagnosis
    assert found.regime is regime, found.summary
    assert found.summary.endswith(".")
    assert found.advice.endswith(".")
    assert "\n" not in found.summary


def test_busy_engine_without_sm_or_tensor_activity_is_not_called_compute_bound() -> None:
    found = diagnosed(*fleet(2, kv=0.6, gpu_busy=0.95, engine_active=0.95, running=20)).diagnosis
    assert found.regime is Regime.HEALTHY


def test_gpus_that_wait_for_each_other_over_pcie() -> None:
    found = diagnosed(
        *fleet(2, kv=0.4, running=12, sm_active=0.15, pcie_bps=8e9, itl_p95=0.2),
        workload=gpu_workload(tensor_parallel_size=4, gpus_per_replica=4),
        interconnect=Interconnect(Link.PCIE, "declared"),
        objectives=Objectives(itl_p95=0.05),
    ).diagnosis
    assert found.regime is Regime.COMMUNICATION_BOUND
    assert "tensor-parallel" in found.advice


def test_a_busy_gpu_is_not_underloaded() -> None:
    assert diagnosed(*fleet(2, kv=0.1, running=2, gpu_busy=0.9)).diagnosis.regime is Regime.HEALTHY


def test_a_hot_minority_is_a_routing_matter() -> None:
    found = diagnosed(replica(kv=0.95), *fleet(3, kv=0.2)).diagnosis
    assert found.regime is Regime.KV_CACHE_BOUND
    assert "routing" in found.advice
    assert "routing" not in diagnosed(*fleet(4, kv=0.95)).diagnosis.advice


@pytest.mark.parametrize(
    ("pods", "confidence"),
    [
        (fleet(4, kv=0.95), Confidence.HIGH),
        (fleet(4, kv=0.82), Confidence.MEDIUM),
        ((*fleet(9, kv=0.95), replica(kv=None)), Confidence.MEDIUM),
        ((*fleet(3, kv=0.95), replica(kv=None)), Confidence.LOW),
        (fleet(4, kv=0.95, over=60), Confidence.LOW),
        (fleet(4, kv=None, waiting=None, running=None), Confidence.LOW),
    ],
)
def test_confidence_by_coverage_span_and_distance_from_the_line(pods: Any, confidence: Confidence) -> None:
    assert diagnosed(*pods).diagnosis.confidence is confidence


def test_a_missing_signal_does_not_make_a_row_match() -> None:
    without = Absent("DCGM_FI_PROF_GR_ENGINE_ACTIVE is not exported")
    found = diagnosed(*fleet(2, kv=0.1, running=2, gpu_busy=without, gpus=[gpu()])).diagnosis
    assert found.regime is Regime.UNDERLOADED


def test_evidence_names_the_replica_and_the_line() -> None:
    found = diagnosed(*fleet(2, kv=0.9)).diagnosis
    assert {"llama-70b-0", "llama-70b-1"} <= {one.replica for one in found.evidence_for}
    assert all(one.threshold is not None for one in found.evidence_for)


@pytest.mark.parametrize("name", CASES)
def test_every_regime_has_numbers_for_it(name: str) -> None:
    found = diagnosed(*CASES[name][1]).diagnosis
    assert found.evidence_for
    assert all(one.source and one.unit for one in (*found.evidence_for, *found.evidence_against))


def test_what_binds_is_sure_by_its_own_numbers() -> None:
    busy = {"gpu_busy": 0.95, "running": 20}
    assert (
        diagnosed(*fleet(2, kv=0.6, engine_active=0.95, sm_active=0.7, **busy)).diagnosis.confidence is Confidence.HIGH
    )
    near = diagnosed(*fleet(2, kv=0.6, engine_active=0.82, sm_active=0.7, **busy)).diagnosis
    assert (near.regime, near.confidence) == (Regime.COMPUTE_BOUND, Confidence.MEDIUM)
    assert [one.signal for one in near.evidence_for] == ["engine_active", "sm_active"]


def test_healthy_is_not_said_without_what_speaks_against_it() -> None:
    found = diagnosed(
        *fleet(2, kv=0.4, running=30, gpu_busy=0.98, itl_p95=0.2), objectives=Objectives(itl_p95=0.08)
    ).diagnosis
    assert found.regime is Regime.HEALTHY
    assert "But UTL102 busy-without-throughput" in found.summary
    assert {"gpu_busy", "itl_p95"} <= {one.signal for one in found.evidence_against}


def test_utilization_is_the_mean_of_the_window() -> None:
    swinging = [0.1, 0.9] * 20
    found = diagnosed(*fleet(2, kv=0.1, running=2, max_num_seqs=64, gpu_busy=[*swinging, 0.1])).diagnosis
    assert found.regime is Regime.HEALTHY  # 0.49 on average, 0.1 just now


def test_an_evaluation_answers_for_one_removal_when_nobody_asked() -> None:
    found = diagnosed(*fleet(4, kv=0.5))
    intent = found.snapshot.intent
    assert intent is not None
    assert (intent.from_, intent.to, intent.path) == (4, 3, "deployments/scale")


def test_no_replica_at_all_is_an_answer_too() -> None:
    found = evaluate(Snapshot("x", "serving", 1.0, snapshot().target, 0), Policy())
    assert found.diagnosis.regime is Regime.INDETERMINATE
    assert found.frontier is None
