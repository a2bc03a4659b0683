"""`scalewarden record` on a real control plane: it is judged as the operator judges, and holds no secret."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import operator_process as op
from tests.cluster.operator_process import ROOT, OperatorProcess
from tests.cluster.test_fleet import exporters, until
from tools.fleet import Fleet, FleetSpec
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster

SECRET = "hunter2-9f8e7d6c"


def scalewarden(kubeconfig: Path, *arguments: object) -> subprocess.Popen[str]:
    """A command as its user starts it."""
    command = [sys.executable, "-m", "scalewarden.cli.main", *map(str, arguments)]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "operator"),
        "KUBECONFIG": str(kubeconfig),
        "HOME": str(kubeconfig.parent),
    }
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )


async def ran(kubeconfig: Path, *arguments: object) -> tuple[int, str, str]:
    """Exit code and what was printed."""
    process = scalewarden(kubeconfig, *arguments)
    out, err = await asyncio.to_thread(process.communicate, timeout=120)
    return process.returncode, out, err


def held_in(folder: Path) -> bytes:
    """Every byte of a bundle, pages unpacked."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return b"\n".join(gzip.decompress(one.read_bytes()) if one.suffix == ".gz" else one.read_bytes() for one in files)


@pytest.fixture
def operator(installed: LocalCluster, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    own = ("-n", namespace, "--lease-namespace", namespace, "--lease-duration", "3s")
    with OperatorProcess(installed.kubeconfig, tmp_path / "operator.log", *own) as process:
        yield process


@pytest.fixture
async def fleet(installed: LocalCluster, namespace: str) -> AsyncIterator[Fleet]:
    """Four replicas under KV-cache pressure, an HPA on CPU, a GPU exporter, and a secret wherever one may stand."""
    deployment = op.deployment(namespace)
    template = deployment["spec"]["template"]
    template["metadata"]["annotations"]["notes"] = SECRET
    container = template["spec"]["containers"][0]
    container["args"] += ["--api-key", SECRET, f"--chat-template={SECRET}"]
    container["env"] = [{"name": "HF_TOKEN", "value": SECRET}]
    objects = [deployment, op.hpa_on_cpu(namespace), exporters(namespace)]
    await asyncio.to_thread(installed.apply, objects)
    await asyncio.to_thread(op.opt_in, installed, namespace)
    spec = FleetSpec.kv_bound("chat", 4, namespace=namespace, prewarm_seconds=300.0)
    async with Fleet(kubeconfig=installed.kubeconfig, spec=spec) as run:
        await run.wait_for(4, seconds=60)
        yield run


async def test_a_recording_is_judged_as_the_operator_judges(
    installed: LocalCluster, namespace: str, fleet: Fleet, operator: OperatorProcess, tmp_path: Path
) -> None:
    await asyncio.to_thread(installed.apply, op.described(namespace))
    folder = tmp_path / "bundle"
    recording = ("record", "chat", "-n", namespace, "--for", "60s", "--every", "5s", "-o", folder)
    code, out, err = await ran(installed.kubeconfig, *recording)
    assert code == 0, err
    assert "passes nothing on to loopback addresses; pods are asked by their own addresses instead" in err
    assert "4 pods (4 gave pages)" in out and f"judge it: scalewarden evaluate {folder}" in out
    assert SECRET.encode() not in held_in(folder)

    found = await until("it is judged", lambda: _judged(installed, namespace))
    code, out, err = await ran(installed.kubeconfig, "evaluate", folder, "-o", "json")
    evaluated = json.loads(out)
    assert (code, evaluated["verdict"]["decision"]) == (1, "Deny"), err
    assert evaluated["verdict"]["reason"] == found["fence"]["reason"] == "KVCachePressure"
    assert evaluated["verdict"]["bindingTest"] == found["bindingTest"]
    assert evaluated["verdict"]["safeReplicas"] == found["safeReplicas"] == 4
    assert evaluated["diagnosis"]["regime"] == found["diagnosis"]["regime"] == "KVCacheBound"
    fired = {one["rule"] for one in evaluated["findings"] if one["status"] == "Fired"}
    known = [*found["findings"], *(one for each in found["autoscalers"] for one in each["findings"])]
    assert fired == {one["rule"] for one in known if one["status"] == "Fired"}
    await _what_if_says_the_same(installed, namespace, found)
    busy = [one for one in evaluated["signals"] if one["name"] == "gpu_busy" and one["scope"].startswith("chat-")]
    assert len(busy) == 4 and all(one["value"] is not None for one in busy)


async def _what_if_says_the_same(cluster: LocalCluster, namespace: str, found: dict[str, Any]) -> None:
    asked = ("what-if", "chat", "-n", namespace, "--for", "50s")
    code, out, err = await ran(cluster.kubeconfig, *asked, "--replicas", 2, "-o", "json")
    told = json.loads(out)
    assert (code, [one["replicas"] for one in told["counts"]]) == (1, [3, 2]), err
    assert told["verdict"]["reason"] == found["fence"]["reason"]
    assert told["verdict"]["safeReplicas"] == found["safeReplicas"]
    assert any("never below the one that the operator found" in note for note in told["notes"])
    code, out, err = await ran(cluster.kubeconfig, *asked[:4], "--for", "1s", "--replicas", 5)
    assert (code, "NotADecrease" in out) == (0, True), err


def _judged(cluster: LocalCluster, namespace: str) -> dict[str, Any] | None:
    found = cluster.get("inferencedeployment", "chat", namespace).get("status", {})
    bound = found.get("diagnosis", {}).get("regime") == "KVCacheBound" and found.get("fence", {}).get("replicas") == 4
    return found if bound else None


async def test_what_is_ended_early_is_a_whole_recording(
    installed: LocalCluster, namespace: str, fleet: Fleet, tmp_path: Path
) -> None:
    await asyncio.to_thread(installed.apply, op.described(namespace))
    for end, code in ((signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)):
        folder = tmp_path / end.name
        record = ("record", "chat", "-n", namespace, "--for", "10m", "--every", "1s", "--direct", "-o", folder)
        process = scalewarden(installed.kubeconfig, *record)
        await until("some pages are there", lambda folder=folder: len(list(folder.rglob("*.prom.gz"))) >= 12)
        process.send_signal(end)
        _, err = await asyncio.to_thread(process.communicate, timeout=30)
        assert process.returncode == code, err
        judged, out, err = await ran(installed.kubeconfig, "evaluate", folder, "-o", "json")
        assert judged in (1, 3), err
        assert json.loads(out)["replicas"]["ready"] == 4


async def test_what_may_not_be_read_is_said(installed: LocalCluster, namespace: str, tmp_path: Path) -> None:
    await asyncio.to_thread(installed.apply, [op.deployment(namespace, 0), op.described(namespace)])
    mallory = installed.user_kubeconfig("mallory")
    code, out, err = await ran(mallory, "what-if", "chat", "-n", namespace, "--replicas", 1)
    assert (code, out) == (2, "") and "reading it is forbidden" in err
    code, out, err = await ran(installed.kubeconfig, "what-if", "chta", "-n", namespace, "--replicas", 1)
    assert (code, out) == (2, "") and "Traceback" not in err
    code, _, err = await ran(mallory, "record", "chat", "-n", namespace, "-o", tmp_path / "none")
    assert code == 2 and "reading it is forbidden" in err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    code, _, err = await ran(installed.kubeconfig, "record", "chat", "-n", namespace, "-o", tmp_path / "full")
    assert code == 2 and "the folder is not empty" in err
    code, _, err = await ran(
        installed.kubeconfig, "record", "chat", "-n", namespace, "--for", "1s", "-o", tmp_path / "x"
    )
    assert code == 2 and "no pod gave a page" in err and "the target has no pods that run" in err
