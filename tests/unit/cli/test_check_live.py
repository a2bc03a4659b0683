"""`scalewarden check --base … --live`: what a lowered count is told by the service that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from scalewarden.app.check_base import Lowered, lowered
from scalewarden.app.check_live import Evidence, answered
from scalewarden.app.live import Live
from scalewarden.cli.looking import looked
from scalewarden.model.checked import Checked, Level
from scalewarden.model.crd import InferenceDeployment
from scalewarden.sources.kuberesource import INFERENCE_DEPLOYMENTS
from scalewarden.sources.manifests.files import Found, objects
from tests.unit.app.service import NAMESPACE, Pages, Service
from tests.unit.check.manifests import BRAKE, QUEUE, deployment, hpa, write
from tests.unit.cli.command import Command
from tests.unit.cli.test_explain import kubeconfig

OLD = f"{deployment()}---\n{hpa(QUEUE, BRAKE)}"


def changes(**counts: int) -> dict[str, Lowered]:
    """The counts that a change lowers, by name."""
    new = OLD
    for name, count in counts.items():
        line = next(line for line in OLD.splitlines() if line.strip().startswith(f"{name}:"))
        new = new.replace(line, f"{line.partition(':')[0]}: {count}")
    now, base = Found(), Found()
    objects("now.yaml", new, now)
    objects("base.yaml", OLD, base)
    return {one.name: one for one in lowered(now.manifests, base.manifests)}


async def running(kv: float, mode: str = "Enforce") -> Evidence:
    """Four replicas at this KV usage, as the command reads them."""
    service = Service(replicas=4)
    obj = service.held(INFERENCE_DEPLOYMENTS, "llama")
    found = InferenceDeployment.parse({**obj, "spec": {**obj["spec"], "policy": {"mode": mode}}})
    live = Live(cast(Any, service.api), NAMESPACE, "llama", Pages(kv))
    snapshot, notes = await looked(live, found, 0.0, quiet=True)
    return Evidence(snapshot, found.policy, notes)


async def found(kv: float, mode: str = "Enforce", **counts: int) -> dict[str, Checked]:
    evidence = await running(kv, mode)
    return {name: answered(one, evidence) for name, one in changes(**counts).items()}


async def test_a_deny_that_would_be_enforced_is_an_error_with_test_and_prediction() -> None:
    said = (await found(0.9, replicas=2))["replicas"]
    assert said.level is Level.ERROR
    assert "lowers replicas from 4 to 2: serving/llama as it runs answers Deny KVCachePressure" in said.message
    assert "KVCacheUsage binds" in said.message
    assert "predicted KV-cache usage of the replicas that stay 1.80" in said.message
    assert said.remedy.startswith("Go no lower than 4 now, or merge it when `scalewarden what-if llama -n serving ")


@pytest.mark.parametrize("mode", ["Warn", "Observe"])
async def test_a_deny_that_is_not_enforced_is_a_warning(mode: str) -> None:
    assert (await found(0.9, mode, replicas=2))["replicas"].level is Level.WARNING


async def test_a_hold_is_a_warning_and_what_is_safe_a_note() -> None:
    held = (await found(0.55, replicas=3))["replicas"]
    assert (held.level, "answers Hold KVCachePressure" in held.message) == (Level.WARNING, True)
    safe = (await found(0.2, replicas=3))["replicas"]
    assert (safe.level, "answers Allow" in safe.message) == (Level.NOTE, True)
    assert "ask `scalewarden what-if llama -n serving --replicas 3` again" in safe.remedy


async def test_a_maximum_is_judged_as_the_removal_that_it_is_and_a_minimum_only_warned_about() -> None:
    told = await found(0.9, minReplicas=1, maxReplicas=3)
    assert {name: one.level for name, one in told.items()} == {
        "minReplicas": Level.WARNING, "maxReplicas": Level.ERROR,
    }  # fmt: skip
    assert "it removes nothing by itself, an autoscaler may go down to it; serving/llama" in told["minReplicas"].message
    above = (await found(0.9, maxReplicas=5))["maxReplicas"]
    assert above.level is Level.NOTE and "runs 4 replicas now, so nothing is removed" in above.message


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path, before__app=deployment(), k8s__app=deployment().replace("replicas: 4", "replicas: 2"))
    config = kubeconfig(tmp_path, "http://127.0.0.1:9")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(config))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("flags", "cause"),
    [
        (["--live"], "127.0.0.1:9"),
        (["--context", "other"], "context other: "),
        (["--prometheus", "http://127.0.0.1:9"], "http://127.0.0.1:9"),
    ],
)
def test_who_cannot_be_asked_is_named_and_nothing_passes_in_silence(
    repository: Path, scalewarden: Command, flags: list[str], cause: str
) -> None:
    ran = scalewarden("check", "k8s", "--base", "before", *flags, "-o", "json")
    (one,) = json.loads(ran.out)["findings"]
    assert (ran.code, one["level"]) == (0, "warning")
    assert "whether that is safe is not known: " in one["message"] and cause in one["message"]
    assert f"k8s/app.yaml:{one['line']}: the running service was not asked: " in ran.err
    assert ran.err.splitlines() == [line for line in ran.err.splitlines() if "Traceback" not in line]


def test_without_a_base_there_is_nothing_to_ask(repository: Path, scalewarden: Command) -> None:
    ran = scalewarden("check", "k8s", "--live")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: --base: ") and "hint: give a folder or a git ref" in ran.err


def test_manifests_without_a_namespace_need_one_for_prometheus(repository: Path, scalewarden: Command) -> None:
    for folder in ("before", "k8s"):
        path = repository / folder / "app.yaml"
        path.write_text(path.read_text().replace(", namespace: serving", ""))
    asked = ("check", "k8s", "--base", "before", "--prometheus", "http://127.0.0.1:9", "-o", "json")
    assert "names no namespace (give it with -n)" in scalewarden(*asked).out
    assert "names no namespace" not in scalewarden(*asked, "-n", "serving").out


def test_kserve_and_scaled_objects_are_known_by_what_they_scale() -> None:
    service = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
               "metadata": {"name": "m"}, "spec": {"predictor": {"minReplicas": 2}}}  # fmt: skip
    older = {**service, "spec": {"predictor": {"minReplicas": 3}}}
    now, base = Found(), Found()
    objects("now.yaml", yaml.safe_dump(service), now)
    objects("base.yaml", yaml.safe_dump(older), base)
    (one,) = lowered(now.manifests, base.manifests)
    assert one.is_minimum
    assert one.targets == (("InferenceService", "m"), ("Deployment", "m-predictor"))
