"""Manifests for tests, from short descriptions."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent, indent

from scalewarden.app.checking import Checking
from scalewarden.model.checked import Checked
from scalewarden.sources.manifests.files import Found, objects

BRAKE = "behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 60}]}}"
QUEUE = (
    'metrics: [{type: Pods, pods: {metric: {name: "vllm:num_requests_waiting"}, '
    'target: {type: AverageValue, averageValue: "3"}}}]'
)
CPU = "metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]"


def deployment(
    image: str = "vllm/vllm-openai:v0.21.0",
    *,
    gpu: bool = True,
    args: Sequence[str] = (),
    name: str = "llama",
    kind: str = "Deployment",
    more: str = "",
) -> str:
    """A Deployment with one container."""
    limits = "resources: {limits: {nvidia.com/gpu: 1}}" if gpu else "resources: {limits: {cpu: 4}}"
    listed = ", ".join(f'"{one}"' for one in args)
    return f"""\
apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}, namespace: serving}}
spec:
  replicas: 4
  template:
    spec:
      containers:
        - name: server
          image: {image}
          args: [{listed}]
          {limits}
{indent(dedent(more), " " * 10)}
"""


def hpa(*lines: str, name: str = "llama", version: str = "autoscaling/v2", target: str = "Deployment") -> str:
    """An HPA of a target; lines go into its spec."""
    return f"""\
apiVersion: {version}
kind: HorizontalPodAutoscaler
metadata: {{name: {name}, namespace: serving}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: {target}, name: {name}}}
  minReplicas: 2
  maxReplicas: 8
{indent(chr(10).join(lines), "  ")}
"""


def scaled(*triggers: str, name: str = "llama", low: int = 1, more: str = "") -> str:
    """A ScaledObject of a Deployment; each trigger is a mapping in one line."""
    listed = "\n".join(f"    - {one}" for one in triggers)
    return f"""\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: {name}, namespace: serving}}
spec:
  scaleTargetRef: {{name: {name}}}
  minReplicaCount: {low}
  maxReplicaCount: 8
  advanced: {{horizontalPodAutoscalerConfig: {{{BRAKE}}}}}
{indent(dedent(more), "  ")}
  triggers:
{listed}
"""


def prometheus(query: str, threshold: str = "5", more: str = 'ignoreNullValues: "false"') -> str:
    """A prometheus trigger as one line."""
    return f"{{type: prometheus, metadata: {{query: '{query}', threshold: \"{threshold}\", {more}}}}}"


def checked(*texts: str, file: str = "all.yaml") -> list[Checked]:
    """What a check finds in some documents of one file."""
    return checking(*texts, file=file)[1]


def checking(*texts: str, file: str = "all.yaml") -> tuple[Checking, list[Checked]]:
    """The same, with what else the check has to say."""
    found = Found()
    objects(file, "---\n".join(texts), found)
    one = Checking(found)
    return one, one.findings()


def codes(findings: Sequence[Checked]) -> dict[str, str]:
    """Level by rule."""
    return {one.rule: str(one.level) for one in findings}


def write(folder: Path, **texts: str) -> Path:
    """Files by name, with `__` for a slash and `_` for the dot before yaml."""
    for name, text in texts.items():
        path = folder / (name.replace("__", "/").removesuffix("_yaml") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
