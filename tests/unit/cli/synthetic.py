"""Recordings written for one test: a small vLLM fleet whose load is given as functions of time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Curve = Callable[[float], float]
AT = 1_795_306_000


@dataclass(frozen=True)
class Load:
    """What each replica shows at `t` seconds before the end: KV usage (fraction), waiting and running requests."""

    kv: Curve = lambda t: 0.2
    waiting: Curve = lambda t: 0.0
    running: Curve = lambda t: 4.0


def write(folder: Path, load: Load | None = None, *, replicas: int = 3, span: int = 600, **document: Any) -> Path:
    """A recording of `span` seconds, scraped every 15 s; `document` adds keys to recording.yaml."""
    pods = [f"svc-{index}" for index in range(replicas)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recording.yaml").write_text(yaml.safe_dump(_document(pods) | document), encoding="utf-8")
    for pod in pods:
        (folder / "scrapes" / pod).mkdir(parents=True)
        for before in range(0, span + 1, 15):
            page = _page(load or Load(), float(before), span)
            (folder / "scrapes" / pod / f"{AT - before}.prom").write_text(page, encoding="utf-8")
    return folder


def _document(pods: list[str]) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "svc"}
    deployment = {
        **{key: target[key] for key in ("apiVersion", "kind")},
        "metadata": {"name": "svc", "namespace": "serving"},
        "spec": {"replicas": len(pods), "template": {"spec": {"containers": [_CONTAINER]}}},
    }
    declared = {"metadata": {"name": "svc", "namespace": "serving"}, "spec": {"targetRef": target}}
    return {
        "inferenceDeployment": declared,
        "objects": [deployment],
        "replicas": [{"pod": pod, "source": pod} for pod in pods],
        "at": AT,
    }


_CONTAINER = {"name": "vllm", "image": "vllm/vllm-openai:v0.32.0", "args": ["--max-num-seqs", "64"]}


def _page(load: Load, before: float, span: int) -> str:
    label = '{engine="0",model_name="m"}'
    served = span - before
    return "".join(
        f"# TYPE {name} {kind}\n{name}{suffix}{label} {value}\n"
        for name, suffix, kind, value in (
            ("vllm:kv_cache_usage_perc", "", "gauge", load.kv(before)),
            ("vllm:num_requests_waiting", "", "gauge", load.waiting(before)),
            ("vllm:num_requests_running", "", "gauge", load.running(before)),
            ("vllm:num_preemptions", "_total", "counter", 0.0),
            ("vllm:prompt_tokens", "_total", "counter", 100.0 * served),
            ("vllm:generation_tokens", "_total", "counter", 50.0 * served),
        )
    )
