"""Each way out of a refusal is one command; it works at once, is told by an event, and is counted by the operator."""

import os
import subprocess
import sys

import pytest

from tests.cluster.guard.bench import Bench, install
from tests.cluster.guard.conftest import StartOperator
from tests.cluster.operator_process import ROOT, OperatorProcess, condition
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

ENTRY = "deployments/llama"


@pytest.fixture
def refusing(bench: Bench, start_operator: StartOperator) -> tuple[Bench, OperatorProcess]:
    """A service whose declared minimum of 4 refuses everybody, and the operator that wrote its fence."""
    bench.cluster.apply(bench.service(minReplicas=4))
    operator = start_operator()
    bench.cluster.wait_for(lambda: bench.fences()[ENTRY]["replicas"] == 4, "the operator's fence", 30)
    refused = bench.cluster.wait_for(
        lambda: not (found := bench.scale(2, "--dry-run=server")).done and found, "the policy to refuse", 15
    )
    assert "BelowMinimum: fewer replicas than the declared minimum" in refused.said
    bench.cluster.wait_for(lambda: counts(operator) == {}, "it to be guarded", 10)
    return bench, operator


def counts(operator: OperatorProcess) -> dict[str, float]:
    """Services that nothing guards, by why, without those that there are none of."""
    lines = [line for line in operator.page("/metrics").splitlines() if line.startswith("scalewarden_unguarded_")]
    found = {line.split('"')[1]: float(line.split()[-1]) for line in lines}
    return {why: count for why, count in found.items() if count}


def passes(bench: Bench, within: float) -> None:
    bench.cluster.wait_for(lambda: bench.scale(2).done, "the decrease to pass", within)
    assert bench.replicas() == 2


def told(bench: Bench, reason: str, words: str) -> None:
    """An event of the operator or the guard on the service."""

    def there() -> bool:
        events = [one for one in bench.events(reason) if one["regarding"]["kind"] == "InferenceDeployment"]
        return any(words in event["note"] for event in events)

    bench.cluster.wait_for(there, f"{reason}: {words}", 20)


def counted(operator: OperatorProcess, bench: Bench, why: str) -> None:
    bench.cluster.wait_for(lambda: counts(operator) == {why: 1.0}, f"it to be counted as {why}", 15)


def test_broken_glass_by_two_annotations(refusing: tuple[Bench, OperatorProcess]) -> None:
    bench, operator = refusing
    glass = ("scalewarden.dev/break-glass=incident 12", "scalewarden.dev/break-glass-until=2099-01-01T00:00:00Z")
    assert bench.kubectl("annotate", "infd", "llama", *glass).done
    passes(bench, 15)
    told(bench, "BreakGlassUsed", "incident 12")
    counted(operator, bench, "GlassBroken")
    assert bench.kubectl("annotate", "infd", "llama", "scalewarden.dev/break-glass-").done
    told(bench, "BreakGlassExpired", "refused again")
    bench.cluster.wait_for(lambda: counts(operator) == {}, "it to be guarded again", 10)


def test_released_with_every_pod_down_and_told_by_the_next_operator(
    refusing: tuple[Bench, OperatorProcess], start_operator: StartOperator
) -> None:
    bench, first = refusing
    assert first.stop() == 0
    assert not bench.scale(2).done, "the last fence stands"
    command = (sys.executable, "-m", "scalewarden.cli.main", "release", "llama", "-n", bench.namespace)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator"), "KUBECONFIG": str(bench.cluster.kubeconfig)}
    asked = (*command, "--reason", "moving house", "--for", "1h")
    ran = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    assert f"{bench.namespace}/llama is released until" in ran.stdout
    passes(bench, 5)
    second = start_operator()
    told(bench, "BreakGlassUsed", "moving house")
    counted(second, bench, "GlassBroken")


def test_the_namespaces_label(refusing: tuple[Bench, OperatorProcess]) -> None:
    bench, operator = refusing
    assert bench.cluster.kubectl("label", "namespace", bench.namespace, "scalewarden.dev/guard-").returncode == 0
    passes(bench, 15)
    told(bench, "GuardDegraded", f"label namespace {bench.namespace} with scalewarden.dev/guard=enabled")
    counted(operator, bench, "NamespaceNotOptedIn")


def test_the_mode_of_one_service(refusing: tuple[Bench, OperatorProcess]) -> None:
    bench, _ = refusing
    patch = ("patch", "infd", "llama", "--type=merge", "-p", '{"spec":{"policy":{"mode":"Observe"}}}')
    assert bench.kubectl(*patch).done
    passes(bench, 15)
    told(bench, "FenceReleased", "no decrease is refused any more")


def test_the_ceiling_of_the_operator(refusing: tuple[Bench, OperatorProcess], start_operator: StartOperator) -> None:
    bench, first = refusing
    assert first.stop() == 0
    capped = start_operator("--max-mode", "Warn")
    passes(bench, 15)
    told(bench, "FenceReleased", "no decrease is refused any more")
    counted(capped, bench, "ModeCapped")
    said = condition(bench.cluster, bench.namespace, "Ready", "llama")["message"]
    assert "mode Enforce is capped to Warn by the operator's --max-mode" in said


def test_the_policys_binding(
    refusing: tuple[Bench, OperatorProcess], start_operator: StartOperator, installed: LocalCluster, port: int
) -> None:
    """One operator looks once a minute; a new one at its start."""
    bench, first = refusing
    try:
        installed.kubectl("delete", "validatingadmissionpolicybinding", "scalewarden-fence", "scalewarden-autoscalers")
        passes(bench, 10)
        assert first.stop() == 0
        second = start_operator()
        told(bench, "GuardDegraded", "the policy scalewarden-fence is not in force")
        counted(second, bench, "PolicyMissing")
    finally:
        install(installed, port)
