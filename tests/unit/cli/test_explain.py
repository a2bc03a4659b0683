"""`scalewarden explain`: the screen made from a status, and what is said when no cluster answers."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.duration import unix_seconds
from scalewarden.surfaces.explain_text import show
from scalewarden.surfaces.explain_text_status import chain_of
from tests.unit.cli.command import Command
from tests.unit.model.objects import deployment

WRITTEN = "2026-11-21T23:00:00Z"
NOW = unix_seconds(WRITTEN) + 20

STATUS: dict[str, Any] = {
    "lastEvaluationTime": WRITTEN,
    "replicas": {"desired": 4, "ready": 4},
    "summary": {"kvUsage": 0.93, "waiting": 12, "tokensPerSecond": 1810},
    "diagnosis": {
        "regime": "KVCacheBound",
        "confidence": "High",
        "summary": "The KV cache bounds the service.",
        "advice": "Add KV blocks or replicas.",
        "since": "2026-11-21T22:41:00Z",
    },
    "safeReplicas": 4,
    "bindingTest": "KVCacheUsage",
    "fence": {
        "replicas": 4,
        "autoscalerReplicas": 4,
        "reason": "KVCachePressure",
        "message": "no",
        "expiresAt": "2026-11-22T00:00:00Z",
    },
    "findings": [
        {
            "rule": "KVC201",
            "name": "kv-cache-pressure",
            "status": "Fired",
            "message": "under pressure on 3 of 4 replicas",
            "evidence": [
                {"signal": "kv_usage", "replica": "llama-0", "value": 0.93, "unit": "fraction", "threshold": 0.8}
            ],
        }
    ],
    "autoscalers": [
        {
            "kind": "HorizontalPodAutoscaler",
            "name": "llama",
            "status": "Fired",
            "findings": [{"rule": "ASC601", "name": "cpu-scaled-gpu-workload", "status": "Fired", "message": "CPU"}],
        }
    ],
    "decisions": [
        {"time": WRITTEN, "actor": "alice", "from": 4, "to": to, "verdict": "Deny", "reason": "KVCachePressure"}
        for to in (0, 1, 2, 3)
    ],
    "conditions": [
        {
            "type": "ScaleDownSafe",
            "status": "False",
            "reason": "KVCachePressure",
            "message": "a removal would fill the KV cache",
            "lastTransitionTime": WRITTEN,
        }
    ],
}


def screen(
    status: dict[str, Any], now: float = NOW, annotations: dict[str, str] | None = None, *, long: bool = False
) -> str:
    """What is printed for an object of this status."""
    obj = {**deployment({}), "status": status}
    obj["metadata"]["annotations"] = annotations
    out = StringIO()
    show(chain_of(InferenceDeployment.parse(obj), now, long=long), Console(file=out, width=100, highlight=False))
    return out.getvalue()


def test_the_chain_goes_from_signals_to_what_to_do() -> None:
    said = screen(STATUS)
    for part in (
        "serving/llama-70b  Deployment/llama-70b, 4 of 4 replicas ready, mode Enforce",
        "Last written 20 s ago",
        "KVCacheBound  confidence High since 2026-11-21T22:41:00Z  The KV cache bounds the service.",
        "KVC201 kv-cache-pressure  under pressure on 3 of 4 replicas",
        "ASC601 cpu-scaled-gpu-workload on HorizontalPodAutoscaler/llama  CPU",
        "What would happen: fewer than 4 replicas",
        "Refused  KVCachePressure  a removal would fill the KV cache",
        "Safe count: 4; KVCacheUsage binds",
        "Refused until 2026-11-22T00:00:00Z unless renewed: everybody below 4, autoscalers below 4.",
        "Add KV blocks or replicas.",
        "`scalewarden rules KVC201`",
    ):
        assert part in said
    evidence = next(line.split() for line in said.splitlines() if line.startswith("  kv_usage"))
    assert evidence == ["kv_usage", "llama-0", "0.93", "0.80", "fraction"]
    assert max(map(len, said.splitlines())) <= 100


def test_rules_that_cannot_speak_take_a_line_and_the_long_form_says_why() -> None:
    silent = {
        "rule": "UTL101",
        "name": "low-utilization-not-spare",
        "status": "Unknown",
        "message": "no GPU is measured",
    }
    status = {**STATUS, "findings": [*STATUS["findings"], silent]}
    short, whole = screen(status), screen(status, long=True)
    assert "Could not speak: UTL101 (--long says why)" in short and "no GPU is measured" not in short
    assert "UTL101 low-utilization-not-spare  no GPU is measured" in whole and "Could not speak" not in whole
    assert "What the findings rest on" in whole and "KVC201" in whole.partition("What the findings rest on")[2]
    assert max(map(len, whole.splitlines())) <= 100


def test_what_became_of_removals_is_one_line() -> None:
    regret = {"outcomes": {"fine": 3, "regretted": 1}, "margin": 0.03}
    said = screen({**STATUS, "regret": regret})
    assert "What became of removals: 3 fine, 1 regretted; 0.03 is taken off the Allow lines" in said


def test_the_last_three_requests_are_shown() -> None:
    asked = [line for line in screen(STATUS).splitlines() if "by alice" in line]
    assert [line.split()[3] for line in asked] == ["1", "2", "3"]


def test_an_old_status_is_called_old() -> None:
    assert "Last written 60 min ago: it is old, look whether the operator runs" in screen(STATUS, NOW + 3580)
    assert "Last written 3 h ago: it is old" in screen(STATUS, NOW + 3 * 3600)
    assert "Last written 3 d ago: it is old" in screen(STATUS, NOW + 3 * 86400)


def test_conditions_that_do_not_hold_are_said() -> None:
    conditions = [
        {"type": kind, "status": "False", "reason": reason, "message": message, "lastTransitionTime": WRITTEN}
        for kind, reason, message in (
            ("Ready", "TargetNotFound", "there is no Deployment llama-70b"),
            ("SignalsFresh", "SignalsMissing", "no replica answers"),
        )
    ]
    said = screen({"lastEvaluationTime": WRITTEN, "conditions": conditions})
    assert "Not ready, TargetNotFound: there is no Deployment llama-70b" in said
    assert "Signals are not fresh: no replica answers" in said
    assert "Unknown  the operator has not judged a removal yet" in said
    assert "Nothing is refused now." in said


def test_unreadable_break_glass_is_said() -> None:
    said = screen(STATUS, annotations={"scalewarden.dev/break-glass": "because"})
    assert "No glass is broken" in said
    assert "scalewarden release" in said


def test_broken_glass_is_said_while_it_lasts() -> None:
    glass = {"scalewarden.dev/break-glass": "node drain", "scalewarden.dev/break-glass-until": "2026-11-21T23:30:00Z"}
    said = "Glass is broken until 2026-11-21T23:30:00Z, nothing is refused: node drain"
    assert said in screen(STATUS, annotations=glass)
    assert said not in screen(STATUS, NOW + 3600, annotations=glass)


@pytest.mark.parametrize(("mode", "said"), [("Warn", "Warned about until"), ("Observe", "Recorded, not refused until")])
def test_what_happens_below_the_fence_depends_on_the_mode(mode: str, said: str) -> None:
    obj = {**deployment({"policy": {"mode": mode}}), "status": STATUS}
    out = StringIO()
    show(chain_of(InferenceDeployment.parse(obj), NOW), Console(file=out, width=100))
    assert said in out.getvalue()


def kubeconfig(folder: Path, server: str) -> Path:
    """A kubeconfig with one context, `only`."""
    path = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "only", "context": {"cluster": "c", "user": "u", "namespace": "serving"}}],
        "current-context": "only",
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Neither a kubeconfig nor a pod's service account."""
    for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def explained(scalewarden: Command, path: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    """What goes to stderr with this kubeconfig."""
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    ran = scalewarden("explain", "llama", *options)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) <= 2
    return ran.err


def test_no_kubeconfig(scalewarden: Command, tmp_path: Path, no_cluster: pytest.MonkeyPatch) -> None:
    assert explained(scalewarden, tmp_path / "none", no_cluster).startswith("error: no kubeconfig was found\nhint: ")


def test_an_unknown_context(scalewarden: Command, tmp_path: Path, no_cluster: pytest.MonkeyPatch) -> None:
    path = kubeconfig(tmp_path, "https://127.0.0.1:9")
    said = explained(scalewarden, path, no_cluster, "--context", "other")
    assert said.startswith("error: context other: ")
    assert "kubectl config get-contexts" in said


def test_an_api_server_that_does_not_answer(
    scalewarden: Command, tmp_path: Path, no_cluster: pytest.MonkeyPatch
) -> None:
    said = explained(scalewarden, kubeconfig(tmp_path, "http://127.0.0.1:9"), no_cluster)
    assert said.startswith("error: only: the API server does not answer: ")
    assert "refused" in said
