"""`scalewarden check --base … --live` on a real control plane: the running service judges what a change lowers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import operator_process as op
from tests.cluster.test_record import ran
from tools.fleet import Fleet, FleetSpec
from tools.localcluster import LocalCluster

pytestmark = pytest.mark.cluster


@pytest.fixture
async def fleet(installed: LocalCluster, namespace: str) -> AsyncIterator[Fleet]:
    """Four replicas under KV-cache pressure."""
    await asyncio.to_thread(installed.apply, [op.deployment(namespace), op.described(namespace)])
    spec = FleetSpec.kv_bound("chat", 4, namespace=namespace, prewarm_seconds=300.0)
    async with Fleet(kubeconfig=installed.kubeconfig, spec=spec) as run:
        await run.wait_for(4, seconds=60)
        yield run


def change(folder: Path, namespace: str, *more: dict[str, Any], replicas: int = 2) -> tuple[Path, Path]:
    """A repository after and before a change that lowers the replicas, and an HPA's bounds."""
    for name, count, low, high in (("base", 4, 2, 8), ("now", replicas, 1, 3)):
        hpa = op.hpa_on_cpu(namespace)
        hpa["metadata"]["annotations"] = {"scalewarden.dev/ignore": "a test"}
        hpa["spec"] |= {"minReplicas": low, "maxReplicas": high}
        (folder / name).mkdir()
        documents = [op.deployment(namespace, count), hpa, *more]
        (folder / name / "all.yaml").write_text(yaml.safe_dump_all(documents))
    return folder / "now", folder / "base"


def told(out: str) -> dict[str, dict[str, Any]]:
    """Findings about lowered counts, by field."""
    return {one["field"]: one for one in json.loads(out)["findings"] if one["rule"] == "SCL501"}


async def test_a_lowered_count_is_judged_by_the_service_that_runs(
    installed: LocalCluster, namespace: str, fleet: Fleet, tmp_path: Path
) -> None:
    now, base = change(tmp_path, namespace)
    asked = ("check", now, "--base", base, "--live", "--for", "20s", "-o", "json")
    code, out, err = await ran(installed.kubeconfig, *asked)
    found = told(out)
    assert code == 1, err
    levels = {field: one["level"] for field, one in found.items()}
    assert levels == {"spec.replicas": "error", "spec.maxReplicas": "error", "spec.minReplicas": "warning"}
    message = found["spec.replicas"]["message"]
    assert f"lowers replicas from 4 to 2: {namespace}/chat as it runs answers Deny KVCachePressure" in message
    assert "KVCacheUsage binds" in message and "predicted KV-cache usage of the replicas that stay" in message
    assert f"`scalewarden what-if chat -n {namespace} --replicas 2`" in found["spec.replicas"]["remedy"]
    assert "an autoscaler may go down to it" in found["spec.minReplicas"]["message"]

    for folder in (now, base):  # an image of which nothing says that it serves a language model
        text = (folder / "all.yaml").read_text().replace("vllm/vllm-openai:v0.32.0", "registry.corp/llm:1")
        (folder / "all.yaml").write_text(text.replace("nvidia.com/gpu", "example.com/nothing"))
    code, out, err = await ran(installed.kubeconfig, *asked)
    assert (code, told(out)["spec.replicas"]["level"]) == (1, "error"), err
    assert told((await ran(installed.kubeconfig, *asked[:4], "-o", "json"))[1]) == {}

    code, out, err = await ran(installed.kubeconfig, "what-if", "chat", "-n", namespace, "--for", "20s",
                               "--replicas", 2, "-o", "json")  # fmt: skip
    verdict = json.loads(out)["verdict"]
    assert (code, verdict["decision"], verdict["reason"]) == (1, "Deny", "KVCachePressure"), err
    assert verdict["bindingTest"] == "KVCacheUsage" and f"no lower than {verdict['safeReplicas']} now" in str(found)


async def test_what_cannot_be_asked_stays_a_warning_and_says_why(
    installed: LocalCluster, namespace: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(installed.apply, op.deployment(namespace, 0))
    now, base = change(tmp_path, namespace)
    asked = ("check", now, "--base", base, "-o", "json", "--for", "1s")
    mallory = installed.user_kubeconfig("mallory")
    nowhere = tmp_path / "kubeconfig"
    document = yaml.safe_load(installed.kubeconfig.read_text())
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    nowhere.write_text(yaml.safe_dump(document))
    for kubeconfig, cause in (
        (installed.kubeconfig, f"names Deployment {namespace}/chat"),
        (mallory, "forbidden"),
        (nowhere, "127.0.0.1:9"),
    ):
        code, out, err = await ran(kubeconfig, *asked, "--live")
        assert code == 0 and "Traceback" not in err, err
        assert {one["level"] for one in told(out).values()} == {"warning"}
        assert all("whether that is safe is not known: " in one["message"] for one in told(out).values())
        assert all(cause in one["message"] for one in told(out).values()), out
        assert "the running service was not asked: " in err


async def test_prometheus_alone_answers_for_what_manifests_describe(
    installed: LocalCluster, namespace: str, fleet: Fleet, tmp_path: Path
) -> None:
    now, base = change(tmp_path, namespace, op.described(namespace))
    asked = ("--prometheus", installed.prometheus_url, "-o", "json")
    nobody = tmp_path / "no-kubeconfig"
    for _ in range(60):  # until Prometheus has scraped all four for long enough
        if "Deny KVCachePressure" in (await ran(nobody, "check", now, "--base", base, *asked))[1]:
            break
        await asyncio.sleep(1)
    code, out, err = await ran(nobody, "check", now, "--base", base, *asked)
    found = told(out)
    assert code == 1, err
    assert found["spec.replicas"]["level"] == "error" and "KVCacheUsage binds" in found["spec.replicas"]["message"]
    assert "the pods that it scrapes are taken for the replicas" in err

    (tmp_path / "undeclared").mkdir()
    now, base = change(tmp_path / "undeclared", namespace)
    code, out, err = await ran(nobody, "check", now, "--base", base, *asked)
    assert (code, told(out)["spec.replicas"]["level"]) == (0, "warning"), err
    assert "Deny KVCachePressure" in told(out)["spec.replicas"]["message"]
