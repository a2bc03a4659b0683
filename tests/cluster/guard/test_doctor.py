"""`scalewarden doctor` beside the chart's policies: it tests the fence and writes nothing."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from scalewarden.cli.main import main
from tests.cluster.guard.bench import Bench
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

Doctor = Callable[..., dict[str, Any]]


@pytest.fixture
def doctor(
    installed: LocalCluster, bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Doctor:
    """The JSON document, as the cluster's administrator or with another kubeconfig."""

    def run(kubeconfig: object = None) -> dict[str, Any]:
        location = str(kubeconfig or installed.kubeconfig)
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", location)
        command = ["scalewarden", "doctor", "llama", "-n", bench.namespace, "--for", "1s", "-o", "json"]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err
        found: dict[str, Any] = json.loads(printed.out)
        return found

    return run


def answers(found: dict[str, Any]) -> list[tuple[int, str, bool | None]]:
    return [(run["to"], run["answer"], run["asExpected"]) for run in found["fence"]["dryRuns"]]


def test_the_fence_is_tested_without_a_write(bench: Bench, doctor: Doctor) -> None:
    assert answers(doctor()) == [(3, "allowed", True), (5, "allowed", True)]
    bench.fence(nobody=4)
    version = bench.cluster.get("deployment", "llama", bench.namespace)["metadata"]["generation"]
    found = doctor()
    assert answers(found) == [(3, "refused by a policy", True), (5, "allowed", True)]
    assert "Scalewarden: KVCachePressure" in found["fence"]["dryRuns"][0]["message"]
    assert (found["fence"]["floor"], found["fence"]["namespaceOptedIn"]) == (4, True)
    assert set(found["fence"]["admission"].values()) == {"installed"}
    assert bench.cluster.get("deployment", "llama", bench.namespace)["metadata"]["generation"] == version
    assert found["missingRequired"] == ["kv_usage", "waiting", "running"]  # its pods serve no page


def test_a_namespace_that_is_not_opted_in_is_named_as_the_reason(bench: Bench, doctor: Doctor) -> None:
    bench.fence(nobody=4)
    bench.cluster.kubectl("label", "namespace", bench.namespace, "scalewarden.dev/guard-")
    bench.cluster.wait_for(lambda: bench.scale(3, "--dry-run=server").done, "the label to be seen", 15)
    found = doctor()
    assert answers(found) == [(3, "allowed", False), (5, "allowed", True)]
    assert found["fence"]["namespaceOptedIn"] is False and found["fence"]["asExpected"] is False


def test_with_the_role_for_support_everything_but_the_scale_is_seen(bench: Bench, doctor: Doctor) -> None:
    bind = ("--clusterrole=scalewarden-support", "--user=sue")
    bench.kubectl("create", "rolebinding", "sue", *bind)
    found = doctor(bench.cluster.user_kubeconfig("sue"))
    assert answers(found) == [
        (3, "not tried: you may not scale it", None),
        (5, "not tried: you may not scale it", None),
    ]
    assert set(found["fence"]["admission"].values()) == {"you may not look"}
