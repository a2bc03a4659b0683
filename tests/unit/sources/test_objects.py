"""API objects in the words of the core."""

from typing import Any

import pytest

from scalewarden.model.autoscaler import AutoscalerMetric, MetricSource, TargetType
from scalewarden.model.workload import Routing, Target
from scalewarden.sources import objects
from scalewarden.sources.container import command_line, flag
from scalewarden.sources.quantity import quantity
from scalewarden.sources.workloads import target_workload

VLLM = {"name": "vllm", "image": "vllm/vllm-openai:v0.32.0"}


def template(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "llama"}}, "spec": {"containers": list(containers), **spec}}


@pytest.mark.parametrize(
    "container",
    [
        {"args": ["--model", "m", "--max-num-seqs", "64", "--tensor-parallel-size", "2"]},
        {"args": ["--model=m", "--max-num-seqs=64", "--tensor-parallel-size=2"]},
        {"args": ["--max_num_seqs", "64", "-tp", "2"]},
        {"args": ["--max-num-seqs", "8", "-tp", "1", "--max-num-seqs", "64", "-tp", "2"]},
        {"command": ["vllm", "serve", "m"], "args": ["--max-num-seqs", "64", "-tp", "2"]},
        {"command": ["sh", "-c", "vllm serve m --max-num-seqs 64 -tp 2"]},
        {"command": ["/bin/bash", "-euc"], "args": ["exec vllm serve m \\\n --max-num-seqs=64 \\\n -tp 2; echo done"]},
        {"args": ["-c", "vllm serve m --max-num-seqs 64 --tensor-parallel-size '2'"]},
        {"args": ["--max-num-seqs", "$(SEQS)", "-tp", "$(TP)"],
         "env": [{"name": "SEQS", "value": "64"}, {"name": "TP", "value": "2"}]},
        {"command": ["sh", "-c", "vllm serve m --max-num-seqs ${SEQS:-64} -tp $TP"],
         "env": [{"name": "TP", "value": "2"}]},
        {"command": ["sh", "-c", "vllm serve m $FLAGS"],
         "env": [{"name": "FLAGS", "value": "--max-num-seqs 64 -tp 2"}]},
        {"command": ["sh", "-c", "echo don't; vllm serve m --max-num-seqs 64 -tp 2"]},
    ],
)  # fmt: skip
def test_flags_through_every_way_to_write_a_command(container: dict[str, Any]):
    found = objects.workload_of(template({**VLLM, **container}))
    assert (found.max_num_seqs, found.tensor_parallel_size) == (64, 2)


@pytest.mark.parametrize("args", [[], ["--max-num-seqs"], ["--max-num-seqs", "$(SEQS)"], ["--max-num-seqs", "0"]])
def test_a_flag_that_cannot_be_read_is_unknown(args: list[str]):
    env = [{"name": "SEQS", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]
    assert objects.workload_of(template({**VLLM, "args": args, "env": env})).max_num_seqs is None


def test_the_share_of_memory_and_the_grace_period():
    args = ["--gpu-memory-utilization", "0.85"]
    found = objects.workload_of(template({**VLLM, "args": args}, terminationGracePeriodSeconds=120))
    assert (found.gpu_memory_utilization, found.termination_grace_seconds) == (0.85, 120.0)
    assert (
        objects.workload_of(template({**VLLM, "args": ["--gpu-memory-utilization", "90"]})).gpu_memory_utilization
        is None
    )


@pytest.mark.parametrize(
    ("resources", "gpus", "resource", "profile"),
    [
        ({"limits": {"nvidia.com/gpu": "4"}}, 4, "nvidia.com/gpu", None),
        ({"limits": {"nvidia.com/gpu": 4}, "requests": {"nvidia.com/gpu": 4}}, 4, "nvidia.com/gpu", None),
        ({"requests": {"nvidia.com/mig-1g.10gb": 1}}, 1, "nvidia.com/mig-1g.10gb", "1g.10gb"),
        ({"limits": {"amd.com/gpu": "1", "cpu": "8"}}, 1, "amd.com/gpu", None),
        ({"limits": {"nvidia.com/gpu": 0}}, None, None, None),
        ({"requests": {"cpu": "1"}}, None, None, None),
        ({}, None, None, None),
    ],
)
def test_gpus_that_a_pod_asks_for(
    resources: dict[str, Any], gpus: int | None, resource: str | None, profile: str | None
):
    found = objects.workload_of(template({**VLLM, "resources": resources}))
    assert (found.gpus_per_replica, found.gpu_resource, found.mig_profile) == (gpus, resource, profile)
    assert found.requests_gpu is (resource is not None)


def test_the_container_that_serves_is_told_from_its_sidecars():
    sidecar = {"name": "proxy", "image": "envoy:1", "args": ["--max-num-seqs", "1"]}
    gpu = {"name": "llm", "image": "acme/llm", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    assert objects.workload_of(template(sidecar, VLLM)).image == VLLM["image"]
    assert objects.workload_of(template(sidecar, gpu)).image == "acme/llm"
    assert objects.workload_of(template(sidecar)).image == "envoy:1"
    assert objects.workload_of({}).image is None


def test_dashes_in_a_value_are_no_flag():
    assert flag(("--served-model-name", "a=b", "-tp=4"), "-tp") == "4"
    assert command_line({"args": ["a b", "c"]}) == ("a b", "c")


def test_targets_and_their_keys():
    lws = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "big"}}
    assert objects.target_of(lws) == Target(lws["apiVersion"], "LeaderWorkerSet", "big", "leaderworkersets")
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama-70b"}
    assert objects.target_of(reference).key == "deployments/llama-70b"
    assert objects.target_of({"kind": "Proxy", "name": "p"}, "proxies").resource == "proxies"


def test_desired_replicas_and_templates():
    lws = {"spec": {"replicas": 0, "leaderWorkerTemplate": {"workerTemplate": template(VLLM)}}}
    assert objects.desired_of(lws) == 0
    assert objects.desired_of({"spec": {}}) is None
    assert objects.workload_of(objects.pod_template_of(lws)).image == VLLM["image"]
    assert objects.pod_template_of({"spec": {"template": template(VLLM)}}) == template(VLLM)


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", 0.5), ("80", 80), (80, 80), ("0.8", 0.8), ("1Ki", 1024), ("2k", 2000), ("1.5G", 1.5e9), ("2e3", 2000),
     ("100u", 1e-4), ("1E", 1e18), ("", None), ("many", None), (None, None), (True, None), ("5x", None)],
)  # fmt: skip
def test_quantities(text: object, number: float | None):
    assert quantity(text) == (None if number is None else pytest.approx(number))


def hpa(*metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}
    spec = {"scaleTargetRef": reference, "maxReplicas": 8, "metrics": list(metrics), **more}
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "h", "uid": "u1"}, "spec": spec}


@pytest.mark.parametrize(
    ("metric", "read"),
    [
        ({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}},
         AutoscalerMetric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, 60.0,
                          field="spec.metrics[0].resource.target.averageUtilization")),
        ({"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": "2Gi"}}},
         AutoscalerMetric(MetricSource.RESOURCE, "memory", TargetType.AVERAGE_VALUE, 2 * 1024.0**3,
                          field="spec.metrics[0].resource.target.averageValue")),
        ({"type": "ContainerResource",
          "containerResource": {"name": "cpu", "container": "vllm", "target": {"averageUtilization": 50}}},
         AutoscalerMetric(MetricSource.CONTAINER_RESOURCE, "cpu", TargetType.UTILIZATION, 50.0,
                          field="spec.metrics[0].containerResource.target.averageUtilization", container="vllm")),
        ({"type": "Pods", "pods": {"metric": {"name": "vllm_kv_cache_usage"}, "target": {"averageValue": "700m"}}},
         AutoscalerMetric(MetricSource.PODS, "vllm_kv_cache_usage", TargetType.AVERAGE_VALUE, 0.7,
                          field="spec.metrics[0].pods.target.averageValue")),
        ({"type": "Object", "object": {"metric": {"name": "queue"}, "target": {"value": "10"}}},
         AutoscalerMetric(MetricSource.OBJECT, "queue", TargetType.VALUE, 10.0,
                          field="spec.metrics[0].object.target.value")),
        ({"type": "External", "external": {"metric": {"name": "s0"}, "target": {"averageValue": "1"}}},
         AutoscalerMetric(MetricSource.EXTERNAL, "s0", TargetType.AVERAGE_VALUE, 1.0,
                          field="spec.metrics[0].external.target.averageValue")),
    ],
)  # fmt: skip
def test_every_kind_of_hpa_metric(metric: dict[str, Any], read: AutoscalerMetric):
    assert objects.autoscaler_of_hpa(hpa(metric)).metrics == (read,)


def test_what_an_hpa_says_about_itself():
    found = objects.autoscaler_of_hpa(
        hpa(behavior={"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}, minReplicas=2)
    )
    assert (found.kind, found.name, found.uid) == ("HorizontalPodAutoscaler", "h", "u1")
    assert (found.target_kind, found.target_name) == ("Deployment", "llama")
    assert (found.min_replicas, found.max_replicas) == (2, 8)
    assert found.scale_down is not None and len(found.scale_down.policies) == 1
    assert found.ignore_reason is None
    plain = objects.autoscaler_of_hpa(hpa(behavior={"scaleUp": {}}))
    assert (plain.scale_down, plain.min_replicas) == (None, 1)


def test_an_hpa_without_metrics_scales_on_cpu():
    (metric,) = objects.autoscaler_of_hpa(hpa()).metrics
    assert (metric.source, metric.name, metric.target, metric.field) == ("Resource", "cpu", 80.0, "spec.metrics")
    v1 = objects.autoscaler_of_hpa({"spec": {"targetCPUUtilizationPercentage": 70}}).metrics[0]
    assert (v1.name, v1.target) == ("cpu", 70.0)


def test_a_silenced_autoscaler_keeps_its_reason():
    silenced = hpa()
    silenced["metadata"]["annotations"] = {"scalewarden.dev/ignore": "CPU is what binds our tokenizer"}
    assert objects.autoscaler_of_hpa(silenced).ignore_reason == "CPU is what binds our tokenizer"


def scaled_object(*triggers: dict[str, Any], **more: Any) -> dict[str, Any]:
    spec = {"scaleTargetRef": {"name": "llama"}, "triggers": list(triggers), **more}
    return {"kind": "ScaledObject", "metadata": {"name": "s"}, "spec": spec}


@pytest.mark.parametrize(
    ("trigger", "kind", "target"),
    [
        ({"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}, TargetType.UTILIZATION, 60),
        ({"type": "memory", "metadata": {"type": "AverageValue", "value": "1Gi"}}, TargetType.AVERAGE_VALUE, 1024.0**3),
        ({"type": "cpu", "metadata": {"value": "60"}}, TargetType.UTILIZATION, 60),
        ({"type": "prometheus", "metadata": {"query": "q", "threshold": "0.7"}}, TargetType.AVERAGE_VALUE, 0.7),
        ({"type": "redis", "metricType": "Value", "metadata": {"threshold": "5"}}, TargetType.VALUE, 5),
        ({"type": "cron", "metadata": {}}, TargetType.AVERAGE_VALUE, None),
    ],
)  # fmt: skip
def test_triggers_of_a_scaled_object(trigger: dict[str, Any], kind: TargetType, target: float | None):
    (metric,) = objects.autoscaler_of_scaledobject(scaled_object(trigger)).metrics
    assert (metric.source, metric.name, metric.target_type) == (MetricSource.TRIGGER, trigger["type"], kind)
    assert metric.target == target
    assert metric.query == trigger["metadata"].get("query", "")


def test_a_scaled_object_has_kedas_defaults():
    found = objects.autoscaler_of_scaledobject(scaled_object())
    assert (found.target_kind, found.min_replicas, found.max_replicas) == ("Deployment", 0, 100)
    assert found.scale_down is None
    behavior = {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 600}}}}
    braked = objects.autoscaler_of_scaledobject(scaled_object(advanced=behavior)).scale_down
    assert braked is not None and braked.stabilization == 600


def test_the_autoscalers_of_a_target_without_the_hpa_that_keda_made():
    made = hpa()
    made["metadata"] = {"name": "keda-hpa-s", "ownerReferences": [{"kind": "ScaledObject", "name": "s"}]}
    other = hpa(scaleTargetRef={"kind": "Deployment", "name": "web"})
    target = Target("apps/v1", "Deployment", "llama", "deployments")
    found = objects.autoscalers_for(target, [hpa(), made, other, scaled_object(), {"kind": "Service"}])
    assert [one.name for one in found] == ["h", "s"]
    assert [one.name for one in objects.autoscalers_for(target, [made])] == ["keda-hpa-s"]


def pod(name: str = "llama-0", **more: Any) -> dict[str, Any]:
    ready = {"type": "Ready", "status": more.pop("ready", "True"), "lastTransitionTime": "2026-11-21T23:02:00Z"}
    statuses = more.pop("containers", [])
    metadata = {"name": name, "creationTimestamp": "2026-11-21T23:00:00Z", **more}
    status = {"phase": "Running", "conditions": [ready], "containerStatuses": statuses}
    return {"metadata": metadata, "spec": {"nodeName": "gpu-1", "containers": [VLLM]}, "status": status}


SINCE = 1795302120.0  # 2026-11-21T23:02:00Z


def test_a_pod_that_serves():
    found = objects.replica_of(pod())
    assert (found.pod, found.ready, found.node) == ("llama-0", True, "gpu-1")
    assert (found.ready_since, found.unready_since, found.restarted_at, found.ordinal) == (SINCE, None, None, None)


def test_a_pod_that_does_not_serve_or_is_going():
    assert objects.replica_of(pod(ready="False")).unready_since == SINCE
    assert not objects.replica_of(pod(deletionTimestamp="2026-11-21T23:05:00Z")).ready
    assert not objects.replica_of({"metadata": {"name": "new"}}).ready


def test_a_restart_is_told_from_a_first_start():
    running = {"state": {"running": {"startedAt": "2026-11-21T23:02:00Z"}}}
    assert objects.replica_of(pod(containers=[{**running, "restartCount": 0}])).restarted_at is None
    assert objects.replica_of(pod(containers=[{**running, "restartCount": 2}])).restarted_at == SINCE


def test_ordinals_of_ordered_pods():
    owner = [{"kind": "StatefulSet", "name": "llama"}]
    assert objects.replica_of(pod("llama-3", ownerReferences=owner)).ordinal == 3
    assert objects.replica_of(pod("llama-3", labels={"apps.kubernetes.io/pod-index": "7"})).ordinal == 7
    assert objects.replica_of(pod("llama-3")).ordinal is None


def test_a_pod_that_ended_is_no_replica():
    assert objects.lives(pod())
    assert not objects.lives({"status": {"phase": "Failed"}})


def test_cold_start_is_the_slowest_of_those_that_started_last():
    slow = pod(creationTimestamp="2026-11-21T22:50:00Z")
    assert objects.cold_start_of([pod(), slow]) == 720
    recent = [pod(creationTimestamp=f"2026-11-21T23:01:0{second}Z") for second in range(5)]
    assert objects.cold_start_of([slow, *recent]) == 60


def test_cold_start_of_pods_that_cannot_tell():
    restarted = [{"restartCount": 1, "state": {"running": {"startedAt": "2026-11-21T23:01:00Z"}}}]
    came_back = pod(creationTimestamp="2026-11-20T23:00:00Z")
    assert objects.cold_start_of([pod(ready="False"), pod(containers=restarted), came_back]) is None


@pytest.mark.parametrize(
    ("service", "routing"),
    [
        ({"selector": {"app": "llama"}, "sessionAffinity": "ClientIP"}, Routing.STICKY),
        ({"selector": {"app": "llama"}, "sessionAffinity": "None"}, Routing.EVEN),
        ({"selector": {"app": "other"}, "sessionAffinity": "ClientIP"}, Routing.EVEN),
        ({"sessionAffinity": "ClientIP"}, Routing.EVEN),
    ],
)
def test_routing_is_sticky_where_a_service_keeps_clients(service: dict[str, Any], routing: Routing):
    assert objects.routing_of([{"spec": service}], {"app": "llama", "pod-template-hash": "x"}) is routing


def test_what_no_api_version_knows_is_left_out():
    assert objects.autoscaler_of_hpa(
        hpa({"type": "Magic"}, {"type": "Resource", "resource": {"name": "cpu"}})
    ).metrics == (AutoscalerMetric(MetricSource.RESOURCE, "cpu", field="spec.metrics[1].resource"),)


def test_an_instant_that_cannot_be_read_is_unknown():
    broken = pod(creationTimestamp="yesterday")
    assert objects.cold_start_of([broken]) is None


def test_a_replica_of_a_leader_worker_set_is_a_whole_group() -> None:
    def pod(gpus: int) -> dict[str, Any]:
        container = {
            "name": "vllm",
            "image": "vllm/vllm-openai:v0.32.0",
            "resources": {"limits": {"nvidia.com/gpu": gpus}},
        }
        return {"spec": {"containers": [container]}}

    group = {"size": 4, "leaderTemplate": pod(2), "workerTemplate": pod(8)}
    assert target_workload({"spec": {"leaderWorkerTemplate": group}}).gpus_per_replica == 26
    alike = {"size": 4, "workerTemplate": pod(8)}
    assert target_workload({"spec": {"leaderWorkerTemplate": alike}}).gpus_per_replica == 32
    for odd in ({"size": 1, "workerTemplate": pod(8)}, {"size": "four", "workerTemplate": pod(8)}):
        assert target_workload({"spec": {"leaderWorkerTemplate": odd}}).gpus_per_replica == 8
    assert target_workload({"spec": {"template": pod(8)}}).gpus_per_replica == 8
