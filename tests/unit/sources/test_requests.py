"""GPUs, slices, claims and CPU that pods ask for."""

from typing import Any

import pytest

from scalewarden.sources.objects import workload_of
from scalewarden.sources.requests import GpuRequests, cpu_requests, gpu_requests

Object = dict[str, Any]


def box(limits: Object, **more: Any) -> Object:
    return {"name": "llm", "resources": {"limits": limits}, **more}


ALWAYS = {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"containers": [box({"nvidia.com/gpu": "8"})]}, GpuRequests(8, "nvidia.com/gpu")),
        ({"containers": [box({"nvidia.com/mig-3g.40gb": 2})]}, GpuRequests(2, "nvidia.com/mig-3g.40gb", "3g.40gb")),
        ({"containers": [box({"nvidia.com/mig-1g.10gb.me": 1})]},
         GpuRequests(1, "nvidia.com/mig-1g.10gb.me", "1g.10gb.me")),
        ({"containers": [box({"nvidia.com/gpu.shared": 1})]}, GpuRequests(1, "nvidia.com/gpu.shared", shared=True)),
        ({"containers": [box({"amd.com/gpu": 4})]}, GpuRequests(4, "amd.com/gpu")),
        ({"containers": [box({"habana.ai/gaudi": 2})]}, GpuRequests(2, "habana.ai/gaudi")),
        ({"containers": [box({"gpu.intel.com/xe": 1, "gpu.intel.com/memory.max": "16Gi"})]},
         GpuRequests(1, "gpu.intel.com/xe")),
        ({"containers": [box({"google.com/tpu": 4})]}, GpuRequests(4, "google.com/tpu")),
        ({"containers": [box({"aws.amazon.com/neuron": 1})]}, GpuRequests(1, "aws.amazon.com/neuron")),
        ({"containers": [box({"nvidia.com/gpu": 2}), box({"nvidia.com/gpu": 1})]}, GpuRequests(3, "nvidia.com/gpu")),
        # Containers that end before the others give their GPUs back; a side car holds them.
        ({"containers": [box({"nvidia.com/gpu": 1})], "initContainers": [box({"nvidia.com/gpu": 8})]},
         GpuRequests(1, "nvidia.com/gpu")),
        ({"containers": [box({"nvidia.com/gpu": 1})], "initContainers": [box({"nvidia.com/gpu": 1}, **ALWAYS)]},
         GpuRequests(2, "nvidia.com/gpu")),
        ({"containers": [{"name": "a", "resources": {"claims": [{"name": "gpus"}]}}],
          "resourceClaims": [{"name": "gpus", "resourceClaimTemplateName": "x"}, {"name": "unused"}]},
         GpuRequests(claims=("gpus",))),
        ({"containers": [{"name": "a"}], "resourceClaims": [{"name": "gpus"}]}, GpuRequests(claims=("gpus",))),
        ({"containers": [box({"nvidia.com/gpu": "0"})]}, GpuRequests()),
        ({"containers": [box({"nvidia.com/gpu": "-1"}), box({"nvidia.com/gpu": "many"})]}, GpuRequests()),
        ({"containers": [box({"nvidia.com/gpumem": 4000, "cpu": 8})]}, GpuRequests()),
        ({}, GpuRequests()),
    ],
)  # fmt: skip
def test_gpus(spec: Object, found: GpuRequests):
    assert gpu_requests(spec) == found


def test_a_claim_is_known_of_but_not_counted():
    spec = {"containers": [{"name": "a", "resources": {"claims": [{"name": "g"}]}}], "resourceClaims": [{"name": "g"}]}
    found = workload_of({"spec": spec})
    assert (found.gpus_per_replica, found.gpu_resource, found.resource_claims) == (None, None, ("g",))


def test_the_container_with_a_claim_serves():
    proxy, llm = {"name": "proxy", "image": "envoy"}, {"name": "llm", "image": "acme/llm"}
    llm["resources"] = {"claims": [{"name": "g"}]}  # type: ignore[assignment]
    assert workload_of({"spec": {"containers": [proxy, llm]}}).image == "acme/llm"


@pytest.mark.parametrize(
    ("spec", "cores"),
    [
        ({"containers": [{"name": "a", "resources": {"requests": {"cpu": "500m"}}}, {"name": "b"}]}, {"a": 0.5}),
        ({"containers": [{"name": "a", "resources": {"limits": {"cpu": 4}}}]}, {"a": 4.0}),
        ({"containers": [{"name": "a", "resources": {"limits": {"cpu": 4}, "requests": {"cpu": 2}}}]}, {"a": 2.0}),
        ({"containers": [{"name": "a", "resources": {"requests": {"cpu": 2}}}],
          "initContainers": [{"name": "s", "resources": {"requests": {"cpu": 1}}, **ALWAYS},
                             {"name": "i", "resources": {"requests": {"cpu": 9}}}]}, {"a": 2.0, "s": 1.0}),
        ({"resources": {"requests": {"cpu": 8}}, "containers": [{"name": "a"}]}, {"": 8.0}),
        ({"containers": [{"name": "a", "resources": {"requests": {"cpu": "0"}}}]}, {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_cpu(spec: Object, cores: dict[str, float]):
    assert cpu_requests(spec) == cores
