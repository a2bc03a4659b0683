"""The fields of an InferenceDeployment that a support bundle keeps."""

import re
from collections.abc import Mapping
from typing import Any

from scalewarden.model.crd_service import AUTO, Interconnect, SourceChoice
from scalewarden.model.diagnosis import Confidence, Regime
from scalewarden.model.policy import AutoscalerScaleDown, Mode, OnHold
from scalewarden.model.signal import SignalName
from scalewarden.model.thresholds import CATALOGUE
from scalewarden.model.verdict import Reason, Test
from scalewarden.model.workload import Engine, Routing
from scalewarden.sources.kept_container import port_name
from scalewarden.sources.kept_names import metric_path, series_selector
from scalewarden.sources.kept_query import query
from scalewarden.sources.kept_values import (
    Keeper,
    api_version,
    boolean,
    count,
    duration,
    instant,
    kept,
    kind,
    name,
    one_of,
    quantity,
)

_MIG = re.compile(r"Auto|None|(?:[0-9]c\.)?[0-9]g\.[0-9]{1,3}gb(?:[+-](?:me|gfx|all|me\.all))?")


def _mig(value: Any, keeper: Keeper) -> str | None:
    return value if isinstance(value, str) and _MIG.fullmatch(value) else None


def _diagnosis(value: Any, keeper: Keeper) -> dict[str, Any] | None:
    found = kept(value, {"regime": one_of(*Regime), "confidence": one_of(*Confidence), "since": instant}, keeper)
    return found if found and "regime" in found else None


def _fence(value: Any, keeper: Keeper) -> dict[str, Any] | None:
    shape = {"replicas": count, "autoscalerReplicas": count, "reason": one_of(*Reason), "expiresAt": instant}
    found: dict[str, Any] | None = kept(value, shape, keeper)
    return found if found and "replicas" in found else None


_P95, _P99 = {"p95": duration}, {"p99": duration}
_POLICY: Mapping[str, Any] = {
    "mode": one_of(*Mode),
    "autoscaling": one_of(*Mode),
    "minReplicas": count,
    "maxHold": duration,
    "onHold": {"autoscaler": one_of(*OnHold), "user": one_of(*OnHold)},
    "autoscalerScaleDown": one_of(*AutoscalerScaleDown),
    "stabilization": duration,
    "annotate": boolean,
    "thresholds": dict.fromkeys(CATALOGUE, quantity),
}
_SPEC: Mapping[str, Any] = {
    "targetRef": {"apiVersion": api_version, "kind": kind, "name": name},
    "engine": one_of(*Engine),
    "metrics": {"port": port_name, "path": metric_path},
    "signals": {
        "source": one_of(*SourceChoice),
        "window": duration,
        "custom": [{"signal": one_of(*SignalName), "promql": query, "series": series_selector, "scale": quantity}],
    },
    "topology": {
        "gpusPerReplica": count,
        "tensorParallelSize": count,
        "interconnect": one_of(*Interconnect),
        "migProfile": _mig,
    },
    "routing": one_of(AUTO, *Routing),
    "objectives": {"timeToFirstToken": _P95, "interTokenLatency": _P95, "endToEndLatency": _P99},
    "baseline": {"tokensPerSecondPerGPU": quantity, "maxNumSeqs": count, "kvCapacityTokens": count},
    "policy": _POLICY,
}
_STATUS: Mapping[str, Any] = {
    "observedGeneration": count,
    "lastEvaluationTime": instant,
    "replicas": {"desired": count, "ready": count, "fresh": count},
    "diagnosis": _diagnosis,
    "safeReplicas": count,
    "bindingTest": one_of(*Test),
    "fence": _fence,
}
INFERENCE_DEPLOYMENT: Mapping[str, Any] = {"apiVersion": api_version, "kind": kind, "spec": _SPEC, "status": _STATUS}
"""Its metadata is that of every object. Of the status what is a number or a word: what the operator said then."""
