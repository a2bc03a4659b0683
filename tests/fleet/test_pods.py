"""Pods as the API returns them, and label selectors."""

from __future__ import annotations

from typing import Any

import pytest

from tools.fleet.pods import Pod
from tools.fleet.selectors import matches


def raw(**changes: Any) -> dict[str, Any]:
    resources = {"limits": {"nvidia.com/gpu": "4"}}
    pod: dict[str, Any] = {
        "metadata": {"name": "chat-0", "namespace": "ns", "labels": {"scalewarden.dev/fleet": "chat"}},
        "spec": {"nodeName": "gpu-1", "containers": [{"name": "vllm", "resources": resources}]},
        "status": {"podIP": "127.1.0.1", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    for part, fields in changes.items():
        pod[part] = {**pod[part], **fields}
    return pod


def test_a_ready_pod() -> None:
    pod = Pod.parse(raw())
    assert pod is not None
    assert (pod.key, pod.ip, pod.node, pod.ready) == (("ns", "chat-0"), "127.1.0.1", "gpu-1", True)
    assert (pod.gpus, pod.mig_profile, pod.container, pod.fleet) == (4, "", "vllm", "chat")


def test_a_mig_instance_is_recognised_by_its_resource() -> None:
    container = {"name": "vllm", "resources": {"limits": {"cpu": "4", "nvidia.com/mig-3g.40gb": "1"}}}
    pod = Pod.parse(raw(spec={"containers": [container]}))
    assert pod is not None
    assert (pod.gpus, pod.mig_profile) == (1, "3g.40gb")


def test_a_pending_pod_is_known_but_not_ready() -> None:
    pod = Pod.parse(raw(status={"podIP": None, "phase": "Pending"}))
    assert pod is not None
    assert (pod.ip, pod.ready) == ("", False)


@pytest.mark.parametrize(
    "gone", [{"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, {"status": {"phase": "Failed"}}]
)
def test_a_pod_on_its_way_out_does_not_count(gone: dict[str, Any]) -> None:
    pod = raw()
    for part, fields in gone.items():
        pod[part] = {**pod[part], **fields}
    assert Pod.parse(pod) is None


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", True),
        ("app=chat", True),
        ("app==chat,tier=gold", True),
        ("app=other", False),
        ("app!=other", True),
        ("app in (a,chat),tier", True),
        ("app notin (a, chat)", False),
        ("!canary", True),
        ("!tier", False),
        ("canary", False),
    ],
)
def test_selectors(selector: str, expected: bool) -> None:
    assert matches(selector, {"app": "chat", "tier": "gold"}) is expected
