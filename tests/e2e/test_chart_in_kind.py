"""The chart in a real kind cluster: image, probes, pod security and in-cluster networking, which need Docker.

Everything else is proven on the local control plane (tests/cluster).
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CLUSTER, IMAGE, NS = "scalewarden-e2e", "scalewarden:e2e", "scalewarden"

pytestmark = pytest.mark.timeout(1200)


def run(*command: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, timeout=900)
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done


def kubectl(*args: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return run("kubectl", "--context", f"kind-{CLUSTER}", *args, check=check, text=text)


def helm(*args: str) -> subprocess.CompletedProcess[str]:
    return run("helm", "--kube-context", f"kind-{CLUSTER}", *args)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    for tool in ("docker", "kind", "helm", "kubectl"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: the chart is not tried in kind")
    run("docker", "build", "-t", IMAGE, ".")
    run("kind", "create", "cluster", "--name", CLUSTER, "--wait", "180s")
    try:
        run("kind", "load", "docker-image", IMAGE, "--name", CLUSTER)
        image, tag = IMAGE.split(":")
        sets = [f"image.repository={image}", f"image.tag={tag}", "image.pullPolicy=Never", "crds.keep=false"]
        flags = [flag for one in sets for flag in ("--set", one)]
        helm("install", "scalewarden", "charts/scalewarden", "-n", NS, "--create-namespace", *flags)
        yield
    finally:
        run("kind", "delete", "cluster", "--name", CLUSTER, check=False)


def test_both_processes_become_available() -> None:
    for name in ("scalewarden-operator", "scalewarden-guard"):
        kubectl("-n", NS, "wait", "--for=condition=Available", f"deployment/{name}", "--timeout=300s")


def test_a_service_without_metrics_is_held_for_autoscalers_and_says_so() -> None:
    kubectl("create", "namespace", "serving")
    kubectl("label", "namespace", "serving", "scalewarden.dev/guard=enabled")
    kubectl("-n", "serving", "create", "deployment", "llama", "--image=registry.k8s.io/pause:3.10", "--replicas=2")
    declared: dict[str, Any] = {
        "apiVersion": "scalewarden.dev/v1alpha1",
        "kind": "InferenceDeployment",
        "metadata": {"name": "llama", "namespace": "serving"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"}},
    }
    kubectl("apply", "-f", "-", text=json.dumps(declared))
    kubectl("-n", "serving", "wait", "--for=condition=Ready", "infd/llama", "--timeout=180s", check=False)
    said = kubectl("-n", "serving", "describe", "infd", "llama").stdout
    assert "SignalsFresh" in said
    assert kubectl("-n", "serving", "scale", "deployment/llama", "--replicas=3").returncode == 0


def test_uninstall_leaves_no_policy_and_no_webhook() -> None:
    helm("uninstall", "scalewarden", "-n", NS)
    kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings,mutatingwebhookconfigurations,crds"
    assert "scalewarden" not in kubectl("get", kinds, "-o", "name").stdout
