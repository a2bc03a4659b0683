"""The policies alone, in a real API server, with no Scalewarden process anywhere."""

from collections.abc import Callable

import pytest

from scalewarden.model.policy import Mode
from tests.cluster.guard.bench import CPU, HPA_CONTROLLER, WAITING, Answer, Bench, workload

pytestmark = pytest.mark.cluster

POLICY = "ValidatingAdmissionPolicy 'scalewarden-fence'"
REASON = "Scalewarden: KVCachePressure: the KV cache of the replicas that stay would overflow; the safe count is 4."
HELD = "Scalewarden: Stabilizing: it has not been safe for long enough; the safe count is 4."


def put(bench: Bench, replicas: int) -> Answer:
    """A PUT of the whole object, as editors do."""
    obj = bench.cluster.get("deployment", "llama", bench.namespace)
    obj["spec"]["replicas"] = replicas
    return bench.kubectl("replace", "-f", "-", obj=obj)


def applied(bench: Bench, replicas: int, *more: str) -> Answer:
    """kubectl apply of a manifest, as pipelines do."""
    return bench.kubectl("apply", *more, "-f", "-", obj=workload("Deployment", "llama", replicas, bench.namespace))


def patched(bench: Bench, replicas: int) -> Answer:
    """A PATCH of the parent."""
    return bench.kubectl("patch", "deployment", "llama", "-p", f'{{"spec":{{"replicas":{replicas}}}}}')


WAYS: dict[str, Callable[[Bench, int], Answer]] = {
    "scale": lambda bench, n: bench.scale(n),
    "scale with a precondition": lambda bench, n: bench.scale(n, f"--current-replicas={bench.replicas()}"),
    "patch": patched,
    "replace": put,
    "apply": applied,
    "server-side apply": lambda bench, n: applied(bench, n, "--server-side", "--force-conflicts"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_below_the_floor_is_forbidden_and_to_it_passes(bench: Bench, way: str) -> None:
    bench.fence()
    refused = WAYS[way](bench, 2)
    assert not refused.done
    assert "(Forbidden)" in refused.said and POLICY in refused.said
    assert f"{REASON} Evidence: kubectl describe infd llama -n {bench.namespace}" in refused.said
    assert bench.replicas() == 4
    assert WAYS[way](bench, 3).done and bench.replicas() == 3
    assert WAYS[way](bench, 7).done and bench.replicas() == 7
    assert not WAYS[way](bench, 0).done


def test_between_the_floors_only_autoscalers_are_refused(bench: Bench) -> None:
    bench.fence(nobody=2, autoscalers=4)
    refused = bench.autoscale(3)
    assert not refused.done and HELD in refused.said and "(Forbidden)" in refused.said
    deeper = bench.autoscale(1)
    assert not deeper.done and REASON in deeper.said and HELD not in deeper.said
    assert bench.scale(3).done


def test_a_stateful_set_is_guarded_alike(bench: Bench) -> None:
    bench.cluster.apply(workload("StatefulSet", "llama", 4, bench.namespace))
    bench.fence(resource="statefulsets")
    for refused in (
        bench.scale(2, kind="statefulset"),
        bench.kubectl("patch", "statefulset", "llama", "-p", '{"spec":{"replicas":2}}'),
    ):
        assert not refused.done and REASON in refused.said
    assert bench.scale(3, kind="statefulset").done
    assert bench.scale(0).done, "the Deployment of the same name has no fence"


def test_what_is_no_decrease_is_never_refused(bench: Bench) -> None:
    bench.fence(nobody=9, autoscalers=9)
    assert bench.kubectl("set", "image", "deployment/llama", "vllm=vllm/vllm-openai:v0.33.0").done
    assert bench.kubectl("rollout", "restart", "deployment/llama").done
    assert bench.autoscale(6).done
    assert bench.kubectl("delete", "pods", "-l", "app=llama", "--wait=false").done
    assert bench.kubectl("delete", "deployment", "llama", "--wait=false").done


def test_another_target_another_namespace_and_no_fence_at_all_pass(bench: Bench) -> None:
    assert bench.scale(3).done, "no ScaleFence in the namespace"
    bench.fence()
    bench.cluster.apply(workload("Deployment", "web", 3, bench.namespace))
    assert bench.kubectl("scale", "deployment", "web", "--replicas=0").done
    assert bench.kubectl("delete", "scalefence", "scalewarden").done
    bench.cluster.wait_for(lambda: bench.scale(1).done, "the fence to be gone", 15)


def test_a_namespace_that_opts_out_is_left_alone(bench: Bench) -> None:
    bench.fence()
    label = "scalewarden.dev/guard=disabled"
    assert bench.kubectl("label", "namespace", bench.namespace, label, "--overwrite").done
    bench.cluster.wait_for(lambda: bench.scale(1).done, "the namespace to have opted out", 15)


def test_kube_system_is_never_guarded(bench: Bench) -> None:
    system = Bench(bench.cluster, "kube-system")
    label = "scalewarden.dev/guard"
    bench.cluster.apply(workload("Deployment", "llama", 4, "kube-system"))
    try:
        assert system.kubectl("label", "namespace", "kube-system", f"{label}=enabled").done
        system.write_fence({"deployments/llama": {**fence_like(), "owner": "llama"}})
        bench.fence()  # by then the API server has seen both
        assert system.scale(1).done
    finally:
        system.kubectl("label", "namespace", "kube-system", f"{label}-")
        system.kubectl("delete", "scalefence/scalewarden", "deployment/llama", "--wait=false")


def fence_like() -> dict[str, object]:
    """The fields of an entry that refuses everybody."""
    return {"replicas": 4, "autoscalerReplicas": 4, "reason": "KVCachePressure", "message": "refused"}


def test_an_hpa_on_cpu_alone_is_forbidden_where_it_is_enforced(bench: Bench) -> None:
    bench.write_fence({}, Mode.ENFORCE)

    def refusal() -> str:
        answer = bench.kubectl("apply", "--dry-run=server", "-f", "-", obj=bench.hpa(CPU))
        return "" if answer.done else answer.said

    said = bench.cluster.wait_for(refusal, "the policy to see the ScaleFence", 15)
    assert "ValidatingAdmissionPolicy 'scalewarden-autoscalers'" in said and "(Forbidden)" in said
    assert "ASC601" in said and "Scale on waiting requests or KV-cache usage" in said
    without_metrics = bench.kubectl("apply", "-f", "-", obj=bench.hpa())
    assert not without_metrics.done, "Kubernetes scales on CPU where no metric is given"
    assert bench.kubectl("apply", "-f", "-", obj=bench.hpa(CPU, WAITING)).done
    assert not bench.kubectl("apply", "-f", "-", obj=bench.hpa(CPU)).done, "taking the sound metric away"


@pytest.mark.parametrize("mode", [Mode.WARN, Mode.OBSERVE])
def test_below_enforce_the_policy_lets_hpas_pass_and_edits_of_them_always(bench: Bench, mode: Mode) -> None:
    bench.write_fence({}, mode)
    assert bench.kubectl("apply", "-f", "-", obj=bench.hpa(CPU)).done
    bench.write_fence({}, Mode.ENFORCE)
    bench.cluster.wait_for(
        lambda: not bench.kubectl("create", "--dry-run=server", "-f", "-", obj=renamed(bench.hpa(CPU))).done,
        "the policy to enforce",
        15,
    )
    assert bench.kubectl("apply", "-f", "-", obj=bench.hpa(CPU, maximum=50)).done, "raising maxReplicas"
    assert bench.kubectl("annotate", "hpa", "llama", "team=serving").done


def renamed(hpa: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """The same HPA under another name."""
    return {**hpa, "metadata": {**hpa["metadata"], "name": "another"}}


def test_a_reason_to_ignore_the_rule_is_respected(bench: Bench) -> None:
    bench.write_fence({}, Mode.ENFORCE)
    bench.cluster.wait_for(
        lambda: not bench.kubectl("create", "--dry-run=server", "-f", "-", obj=bench.hpa(CPU)).done,
        "the policy to enforce",
        15,
    )
    ignored = bench.hpa(CPU)
    ignored["metadata"]["annotations"] = {"scalewarden.dev/ignore": "a CPU build"}
    assert bench.kubectl("apply", "-f", "-", obj=ignored).done


def maximum(bench: Bench, count: int, *more: str, user: str = "") -> Answer:
    """A PATCH of the HPA's maximum."""
    patch = ("patch", "hpa", "llama", "-p", f'{{"spec":{{"maxReplicas":{count}}}}}')
    return bench.kubectl(*patch, *more, user=user)


def test_a_maximum_under_the_floor_is_forbidden_with_the_words_of_the_scale(bench: Bench) -> None:
    bench.fence()
    assert bench.kubectl("apply", "-f", "-", obj=bench.hpa(WAITING)).done
    refused = maximum(bench, 2)
    assert not refused.done and "(Forbidden)" in refused.said
    assert "ValidatingAdmissionPolicy 'scalewarden-autoscalers'" in refused.said
    assert f"{REASON} Evidence: kubectl describe infd llama -n {bench.namespace}" in refused.said
    v1 = {**bench.hpa(maximum=2), "apiVersion": "autoscaling/v1"}
    del v1["spec"]["metrics"]
    assert REASON in bench.kubectl("replace", "-f", "-", obj=v1).said, "written in the older version"
    another = bench.kubectl("apply", "-f", "-", obj=renamed(bench.hpa(WAITING, maximum=2)))
    assert not another.done and REASON in another.said, "a new one scales down at once as well"
    assert maximum(bench, 3).done and maximum(bench, 9).done
    assert bench.kubectl("delete", "hpa", "llama").done


def test_raising_a_maximum_passes_even_under_the_floor(bench: Bench) -> None:
    assert bench.kubectl("apply", "-f", "-", obj=bench.hpa(WAITING, maximum=5)).done
    bench.fence(nobody=9, autoscalers=9)
    assert not maximum(bench, 4).done
    assert maximum(bench, 6).done
    lowest = bench.kubectl("patch", "hpa", "llama", "-p", '{"spec":{"minReplicas":1}}')
    assert lowest.done, "a minimum removes nothing by itself"


def test_between_the_floors_a_maximum_is_forbidden_to_autoscalers_only(bench: Bench) -> None:
    assert bench.kubectl("apply", "-f", "-", obj=bench.hpa(WAITING)).done
    bench.fence(nobody=2, autoscalers=4)
    refused = maximum(bench, 3, "--as-group=system:masters", user=HPA_CONTROLLER)
    assert not refused.done and HELD in refused.said and "(Forbidden)" in refused.said
    assert maximum(bench, 3).done


def test_maxima_of_other_targets_and_of_keda_pass(bench: Bench) -> None:
    bench.fence()
    for obj in (
        bench.hpa(WAITING, maximum=2, scaleTargetRef={"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "llama"}),
        owned(bench.hpa(WAITING, maximum=2)),
    ):
        assert bench.kubectl("create", "-f", "-", "--dry-run=server", obj=obj).done


def owned(hpa: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """The same HPA as KEDA makes it for a ScaledObject."""
    owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "llama", "uid": "1"}
    return {**hpa, "metadata": {**hpa["metadata"], "ownerReferences": [owner]}}
