"""What to write instead, as YAML below the object's root, where text alone can know it."""

from collections.abc import Collection

from scalewarden.model.autoscaler import Autoscaler
from scalewarden.model.signal import SignalName
from scalewarden.model.workload import Engine
from scalewarden.signals.engines import TABLES
from scalewarden.surfaces.suggest_lines import PERIOD, SERVER, STABILIZATION, WAITING_TARGET

_BRAKE = f"""behavior:
  scaleDown:
    stabilizationWindowSeconds: {STABILIZATION.default:g}
    policies:
      - {{type: Pods, value: 1, periodSeconds: {PERIOD.default:g}}}
"""
_ELSEWHERE = frozenset({Engine.TRITON, Engine.DYNAMO})
"""Of which a pod's own series of waiting requests is not known: Triton's hangs on its backend, Dynamo's is the
frontend's."""
_LOAD_RULES = frozenset({"ASC601", "ASC602", "ASC603", "ASC606", "ASC610"})


def patch(rule: str, autoscaler: Autoscaler, engine: Engine, namespace: str, found: Collection[str]) -> str:
    """The lines to write for a rule's finding; empty where only a person can say what was meant. found: the
    signals of its evidence."""
    lines = _lines(rule, autoscaler, engine, namespace, found)
    if autoscaler.kind == "NIMService" and lines:
        return "spec:\n  scale:\n    hpa:\n" + _indent(lines.removeprefix("spec:\n"), 4)
    return lines


def _lines(rule: str, autoscaler: Autoscaler, engine: Engine, namespace: str, found: Collection[str]) -> str:
    keda = autoscaler.kind in ("ScaledObject", "ScaledJob")
    if autoscaler.kind in ("PodAutoscaler", "LLMInferenceService"):
        return ""
    if autoscaler.kind == "InferenceService":
        return _instead_of_kserve(autoscaler, _waiting(engine), namespace) if rule in {*_LOAD_RULES, "ASC604"} else ""
    if rule in _LOAD_RULES:
        series = _waiting(engine)
        return "" if not series else _triggers(series, autoscaler, namespace) if keda else _metrics(series)
    if rule == "ASC604":
        inner = f"advanced:\n  horizontalPodAutoscalerConfig:\n{_indent(_BRAKE, 4)}" if keda else _BRAKE
        return f"spec:\n{_indent(inner, 2)}"
    if rule == "ASC608" and keda and "null_as_zero" in found:
        return "spec:\n" + _indent('triggers:\n  - metadata:\n      ignoreNullValues: "false"\n', 2)
    if rule == "ASC608" and keda and "fallback_replicas" in found:
        return "spec:\n  fallback:\n    behavior: currentReplicasIfHigher\n"
    if rule == "ASC614":
        return f"spec:\n  {'minReplicaCount' if keda else 'minReplicas'}: 1\n"
    return ""


def engine_patch(why: str) -> str:
    """The argument to leave out or to add."""
    flag = why.partition("`")[2].partition("`")[0]
    return f"# leave out {flag}\n" if why.endswith("is set") else f"args:\n  - {flag}\n"


def _waiting(engine: Engine) -> str:
    """The series of an engine that counts waiting requests; empty where the engine is not known, or has none."""
    row = TABLES[engine].row(SignalName.WAITING) if engine in TABLES and engine not in _ELSEWHERE else None
    return row.spellings[0].name if row else ""


def _metrics(series: str) -> str:
    return f"""spec:
  metrics:
    - type: Pods
      pods:
        metric: {{name: "{series}"}}
        target: {{type: AverageValue, averageValue: "{WAITING_TARGET.default:g}"}}
"""


def _instead_of_kserve(autoscaler: Autoscaler, series: str, namespace: str) -> str:
    """KServe's own knows CPU and memory, and no brake: one of one's own in its place, for the Deployment it makes."""
    if not series:
        return ""
    own = f", namespace: {namespace}" if namespace else ""
    name = autoscaler.name
    return f"""metadata:
  annotations:
    serving.kserve.io/deploymentMode: RawDeployment
    serving.kserve.io/autoscalerClass: external
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}{own}}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}-predictor}}
  minReplicas: {max(1, autoscaler.min_replicas or 1)}
  maxReplicas: {autoscaler.max_replicas or 1}
{_metrics(series).removeprefix("spec:" + chr(10))}{_indent(_BRAKE, 2)}"""


def _triggers(series: str, autoscaler: Autoscaler, namespace: str) -> str:
    """Of this target's pods alone; one that may go to zero keeps a replica, which no queue would wake."""
    own = f'namespace="{namespace}", ' if namespace else ""
    bound = "  minReplicaCount: 1\n" if autoscaler.min_replicas == 0 and autoscaler.kind == "ScaledObject" else ""
    return f"""spec:
{bound}  triggers:
    - type: prometheus
      metadata:
        serverAddress: {SERVER}
        query: sum({series}{{{own}pod=~"{autoscaler.target_name}-.+"}})
        threshold: "{WAITING_TARGET.default:g}"
        ignoreNullValues: "false"
"""


def _indent(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())
