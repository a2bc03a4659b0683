"""The operator's metrics page, read back by the reference parser."""

from prometheus_client.parser import text_string_to_metric_families

from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.policy import Policy
from scalewarden.surfaces.metrics import METRICS, OperatorMetrics
from tests import builders as build

Samples = dict[tuple[str, ...], float]


def samples(page: bytes, name: str, *labels: str) -> Samples:
    found = [one for family in text_string_to_metric_families(page.decode()) for one in family.samples]
    return {tuple(one.labels[label] for label in labels): one.value for one in found if one.name == name}


def page(metrics: OperatorMetrics, *, leader: bool = True, suppressed: int = 0) -> bytes:
    return metrics.page({"pods": 3.5}, leader=leader, suppressed=suppressed)


def test_what_is_said_of_a_service() -> None:
    metrics = OperatorMetrics()
    evaluation = evaluate(build.snapshot(replicas=build.fleet(4, kv=0.85, age=7.0)), Policy())
    metrics.show([(evaluation, {"anyone": 3, "autoscaler": 4})])
    text = page(metrics)
    assert samples(text, "scalewarden_safe_replicas", "namespace", "inferencedeployment", "target") == {
        (evaluation.snapshot.namespace, evaluation.snapshot.name, "deployments/llama-70b"): 4.0
    }
    assert samples(text, "scalewarden_fence_replicas", "actor") == {("anyone",): 3.0, ("autoscaler",): 4.0}
    regimes = samples(text, "scalewarden_diagnosis", "regime")
    assert [regime for regime, value in regimes.items() if value] == [("KVCacheBound",)]
    assert samples(text, "scalewarden_findings", "rule", "status")[("KVC201", "Fired")] == 1.0
    assert samples(text, "scalewarden_signal_age_seconds", "signal")[("kv_usage",)] == 7.0


def test_a_deleted_service_is_not_exported_any_more() -> None:
    metrics = OperatorMetrics()
    metrics.show([(evaluate(build.snapshot(), Policy()), {})])
    metrics.show([])
    assert not samples(page(metrics), "scalewarden_safe_replicas", "namespace")


def test_an_absent_signal_has_no_age() -> None:
    metrics = OperatorMetrics()
    metrics.show([(evaluate(build.snapshot(replicas=build.fleet(2, kv=None)), Policy()), {})])
    assert ("kv_usage",) not in samples(page(metrics), "scalewarden_signal_age_seconds", "signal")


def test_the_process_itself() -> None:
    metrics = OperatorMetrics()
    metrics.evaluation.observe(0.02)
    page(metrics, suppressed=2)
    text = page(metrics, leader=False, suppressed=5)
    assert samples(text, "scalewarden_events_suppressed_total") == {(): 5.0}
    assert samples(text, "scalewarden_leader") == {(): 0.0}
    assert samples(text, "scalewarden_watch_age_seconds", "resource") == {("pods",): 3.5}
    assert samples(text, "scalewarden_evaluation_seconds_count") == {(): 1.0}


def test_the_table_is_what_is_registered() -> None:
    registered = {
        name for family in OperatorMetrics().registry.collect() for name in (family.name, f"{family.name}_total")
    }
    assert {metric.name for metric in METRICS} <= registered
