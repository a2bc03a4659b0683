"""`scalewarden explain` against a real API server: what it shows, and each way in which it cannot."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
import yaml

from scalewarden.cli.main import main
from scalewarden.model.crd_manifest import manifests
from scalewarden.surfaces.crd_yaml import as_yaml
from tests.cluster import operator_process as op
from tests.cluster_fixtures import start_or_skip
from tests.unit.cli.test_explain import STATUS
from tests.unit.model.objects import deployment
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]

Explain = Callable[..., tuple[int, str, str]]


@pytest.fixture
def explain(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Explain:
    """Runs the command as the cluster's administrator, or with another kubeconfig."""

    def run(*arguments: str, kubeconfig: object = None) -> tuple[int, str, str]:
        location = str(kubeconfig or cluster.kubeconfig)
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", location)
        monkeypatch.setattr(sys, "argv", ["scalewarden", "explain", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        printed = capsys.readouterr()
        assert isinstance(code, int)
        return code, printed.out, printed.err

    return run


@pytest.fixture(autouse=True)
def definitions(cluster: LocalCluster) -> None:
    """The kinds, established."""
    for manifest in manifests():
        cluster.apply(as_yaml(manifest))
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{manifest['metadata']['name']}", "--timeout=30s")


def test_an_evaluated_service_is_explained(cluster: LocalCluster, namespace: str, explain: Explain) -> None:
    cluster.apply(deployment({}, namespace=namespace))
    patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": STATUS}))
    cluster.kubectl("patch", "infd", "llama-70b", "-n", namespace, *patch)
    code, out, _ = explain("llama-70b", "-n", namespace)
    assert code == 0
    assert "Refused  KVCachePressure  a removal would fill the KV cache" in out
    code, out, _ = explain("llama-70b", "-n", namespace, "-o", "json")
    found = json.loads(out)
    assert (code, found["inferenceDeployment"]) == (0, f"{namespace}/llama-70b")
    assert found["status"]["safeReplicas"] == 4


def test_a_service_that_nobody_evaluated(cluster: LocalCluster, namespace: str, explain: Explain) -> None:
    cluster.apply(deployment({}, namespace=namespace))
    code, out, err = explain("llama-70b", "-n", namespace)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: InferenceDeployment {namespace}/llama-70b: not evaluated yet\nhint: ")


def test_a_name_that_is_not_there(cluster: LocalCluster, namespace: str, explain: Explain) -> None:
    assert f"there is none in {namespace}" in explain("llama", "-n", namespace)[2]
    cluster.apply(deployment({}, namespace=namespace))
    code, _, err = explain("llama", "-n", namespace)
    assert code == 2
    assert err == (
        f"error: InferenceDeployment {namespace}/llama: not found\nhint: in {namespace} there are: llama-70b\n"
    )


def test_a_person_without_the_right_to_read(cluster: LocalCluster, namespace: str, explain: Explain) -> None:
    code, _, err = explain("llama", "-n", namespace, kubeconfig=cluster.user_kubeconfig("mallory"))
    assert code == 2
    assert "reading it is forbidden" in err
    assert f"you need the verb get on inferencedeployments.scalewarden.dev in {namespace}" in err


def test_a_cluster_without_the_kind(explain: Explain) -> None:
    with start_or_skip("bare", ("etcd", "apiserver")) as bare:
        code, _, err = explain("llama", kubeconfig=bare.kubeconfig)
    assert code == 2
    assert "the kind InferenceDeployment is not installed" in err
    assert "scalewarden crd | kubectl apply -f -" in err


def test_all_services_are_listed_as_kubectl_lists_them(cluster: LocalCluster, namespace: str, explain: Explain) -> None:
    for name in ("llama-70b", "qwen"):
        cluster.apply(deployment({}, name=name, namespace=namespace))
    patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": STATUS}))
    cluster.kubectl("patch", "infd", "llama-70b", "-n", namespace, *patch)
    cells = [line.split() for line in explain("-n", namespace, "-o", "wide")[1].splitlines()]
    theirs = cluster.kubectl("get", "infd", "-n", namespace, "-o", "wide").stdout.splitlines()
    assert cells[0] == theirs[0].split()
    assert cells[1][:2] == theirs[1].split()[:2] == ["llama-70b", "llama-70b"]
    assert " ".join(cells[1]).endswith("0.93 12 1810 a removal would fill the KV cache")
    assert " ".join(theirs[1].split()).endswith("0.93 12 1810 a removal would fill the KV cache")
    code, out, _ = explain("-A", "-o", "yaml")
    keys = [one["inferenceDeployment"] for one in yaml.safe_load(out)["inferenceDeployments"]]
    assert code == 0 and {f"{namespace}/llama-70b", f"{namespace}/qwen"} <= set(keys)
    assert namespace in explain("-A")[1]
    code, out, err = explain("-n", "default")
    assert (code, out) == (0, "") and "there is no InferenceDeployment in default; -A lists every namespace" in err


def test_what_cannot_be_listed_is_an_error(cluster: LocalCluster, namespace: str, explain: Explain) -> None:
    code, out, err = explain("-n", namespace, kubeconfig=cluster.user_kubeconfig("mallory"))
    assert (code, out) == (2, "") and "you need the verb list on inferencedeployments.scalewarden.dev" in err
    assert explain("-A", "-n", namespace)[0] == explain("llama", "-w", "-o", "json")[0] == 2


@contextmanager
def interruptible(command: list[str], out: IO[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that takes Ctrl-C also where the session that tests run in ignores it; ended with the block."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is ignored is inherited
    try:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("arguments", [("llama-70b",), ()])
def test_watching_prints_a_line_for_every_change_until_ctrl_c(
    cluster: LocalCluster, namespace: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    cluster.apply(deployment({}, namespace=namespace))
    out = tmp_path / "out"
    command = [sys.executable, "-u", "-m", "scalewarden.cli.main", "explain", *arguments, "-n", namespace, "-w"]
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PYTHONPATH": str(ROOT / "operator")}
    with out.open("w") as stdout, interruptible(command, stdout, environment) as process:
        cluster.wait_for(lambda: "llama-70b" in out.read_text(), "it is shown", 30)
        patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": STATUS}))
        cluster.kubectl("patch", "infd", "llama-70b", "-n", namespace, *patch)
        cluster.wait_for(lambda: "KVCacheBound" in out.read_text(), "the change is shown", 30)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    assert "Traceback" not in out.read_text() and "Aborted" not in out.read_text()


def test_the_operators_web_page_shows_the_same(cluster: LocalCluster, namespace: str, explain: Explain) -> None:
    """Served from the operator's memory, to a browser that asks by localhost."""
    op.install(cluster)
    cluster.apply([op.deployment(namespace), op.described(namespace)])
    address = f"127.0.0.1:{op.free_port()}"
    flags = ("--page", address, "-n", namespace, "--lease-namespace", namespace)
    with op.OperatorProcess(cluster.kubeconfig, cluster.logs_dir / "page.log", *flags) as running:
        cluster.wait_for(running.ready, "the operator to be ready", 30)
        cluster.wait_for(lambda: op.condition(cluster, namespace, "Ready"), "a status", 30)

        def shown(path: str) -> str:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
                return str(answer.read().decode())

        cluster.wait_for(lambda: f"{namespace}/chat" in shown("/"), "the service on the page", 15)
        _, said, _ = explain("chat", "-n", namespace)
        answer = next(line.split()[0] for line in said.splitlines()[1:] if line.strip())
        assert answer in shown(f"/services/{namespace}/chat")
        asked = urllib.request.Request(f"http://{address}/", headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(asked, timeout=5)


def test_names_and_namespaces_are_completed_from_the_cluster(cluster: LocalCluster, namespace: str) -> None:
    cluster.apply(deployment({}, namespace=namespace))
    for words, expected in (
        (("explain", "-n", namespace, "lla"), "llama-70b"),
        (("explain", "-n", namespace[:-3]), namespace),
        (("explain", "--context", ""), "session"),
    ):
        command = [sys.executable, "-m", "scalewarden.cli.kubectl_complete", *words]
        environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "PYTHONPATH": str(ROOT / "operator")}
        ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=60)
        assert (ran.stdout.splitlines()[0], ran.stderr) == (expected, "")
