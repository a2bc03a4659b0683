"""Whatever stands in a manifest or a recording.yaml: a fact, None, or an error for people; never a traceback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scalewarden.errors import BadInput
from scalewarden.model.crd_service import Metrics
from scalewarden.model.snapshot import from_json, to_json
from scalewarden.model.workload import Target
from scalewarden.signals.gateways import PICKER
from scalewarden.sources import gateways, nodes, objects, usage
from scalewarden.sources.endpoints import engine_endpoint
from scalewarden.sources.recording import load

KEYS = ("metadata", "name", "labels", "annotations", "ownerReferences", "spec", "template", "containers", "command",
        "args", "env", "value", "image", "resources", "limits", "requests", "nvidia.com/gpu", "nvidia.com/mig-1g.10gb",
        "scaleTargetRef", "kind", "metrics", "type", "resource", "pods", "target", "averageUtilization", "behavior",
        "scaleDown", "triggers", "metricType", "minReplicas", "status", "conditions", "containerStatuses", "phase",
        "restartCount", "state", "running", "startedAt", "lastTransitionTime", "creationTimestamp", "selector",
        "sessionAffinity", "replicas", "scalewarden.dev/ignore", "nodeName", "envFrom", "valueFrom", "initContainers",
        "restartPolicy", "claims", "resourceClaims", "currentMetrics", "current", "policies", "fallback", "advanced",
        "matchLabels", "endpointPickerRef", "extensionRef", "timestamp", "usage", "cpu", "ports", "containerPort",
        "lastState", "terminated", "reason", "deletionTimestamp")  # fmt: skip
WORDS = ("Resource", "Pods", "External", "cpu", "Ready", "True", "ScaledObject", "StatefulSet", "ClientIP", "sh",
         "-c", "--max-num-seqs", "64", "vllm serve m --max-num-seqs=$(X) '", "500m", "2026-11-21T23:00:00Z",
         "llama-0", "export A=1; [ x ] && A=2", "if x; then vllm serve -tp ${TP:-2}; fi", "$(A)", "Always",
         "python -m sglang.launch_server", "--kv-transfer-config", '{"kv_role":1}', "Disabled")  # fmt: skip
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(WORDS))
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=3)), inner)
    ),
    max_leaves=20,
)
manifests = st.dictionaries(st.sampled_from(KEYS), anything)
TARGET = Target("apps/v1", "Deployment", "llama", "deployments")
READERS: tuple[Callable[[Any], Any], ...] = (
    objects.target_of,
    objects.desired_of,
    lambda one: objects.workload_of(objects.pod_template_of(one)),
    objects.workload_of,
    objects.replica_of,
    objects.lives,
    objects.autoscaler_of_hpa,
    objects.autoscaler_of_scaledobject,
    lambda one: objects.autoscalers_for(TARGET, [one, {**one, "kind": "ScaledObject"}]),
    lambda one: objects.routing_of([one], {"app": "llama"}),
    lambda one: objects.cold_start_of([one]),
    nodes.trimmed,
    lambda one: nodes.node_gpu(one.get("labels") if isinstance(one.get("labels"), dict) else {}),
    lambda one: usage.scrape_of(one, 1e9),
    lambda one: gateways.gateways_of([one], [one], [one], [one]),
    lambda one: gateways.gateway_endpoint(gateways.GatewayPod(one, PICKER)),
    lambda one: engine_endpoint({**one, "status": {"podIP": "10.0.0.1"}}, Metrics()),
)


@given(manifests)
def test_no_manifest_breaks_a_reader(manifest: dict[str, Any]):
    for read in READERS:
        read(manifest)


SOUND = {
    "inferenceDeployment": {"spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}}},
    "objects": [{"kind": "Deployment", "metadata": {"name": "llama"}}],
    "replicas": [{"pod": "llama-0", "gpus": [{"uuid": "GPU-a"}]}],
    "exporters": [{"source": "dcgm", "kind": "dcgm"}],
    "at": 1000,
    "intent": {"from": 4, "to": 3},
}
FIELDS = {
    "objects": ("kind", "metadata", "spec", "status"),
    "replicas": ("pod", "source", "ready", "readySince", "node", "gpus"),
    "exporters": ("source", "kind"),
}


@st.composite
def recordings(draw: st.DrawFn) -> dict[str, Any]:
    """A sound recording in which one value was replaced by anything."""
    key = draw(st.sampled_from(sorted(SOUND)))
    if key in FIELDS and draw(st.booleans()):
        (entry,) = SOUND[key]  # type: ignore[misc]
        return {**SOUND, key: [{**entry, draw(st.sampled_from(FIELDS[key])): draw(anything)}]}
    if key == "intent" and draw(st.booleans()):
        return {
            **SOUND,
            key: {"from": 4, "to": 3, draw(st.sampled_from(["from", "to", "actor", "path"])): draw(anything)},
        }
    return {**SOUND, key: draw(anything)}


@given(recordings())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_recording_breaks_the_loader(tmp_path: Path, content: dict[str, Any]):
    (tmp_path / "recording.yaml").write_text(yaml.safe_dump(content))
    try:
        snapshot = load(tmp_path).snapshot()
    except BadInput as error:
        assert error.where.startswith(str(tmp_path))
    else:
        assert from_json(to_json(snapshot)) == snapshot


@pytest.mark.parametrize(
    "content", ["\x00", "a: \ud800", "? [a]\n: b\n", "{[]: 1}", "inferenceDeployment: &a {spec: *a}"]
)
def test_odd_yaml_is_bad_input(tmp_path: Path, content: str):
    (tmp_path / "recording.yaml").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(BadInput):
        load(tmp_path)
