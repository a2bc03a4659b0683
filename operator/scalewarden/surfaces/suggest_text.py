"""What an HPA and a ScaledObject of one suggestion have in common: target, brakes, and what their comments say."""

from scalewarden.model.signal import SignalName
from scalewarden.surfaces.suggest import Kind, Metric, Suggestion
from scalewarden.surfaces.suggest_series import Followed
from scalewarden.surfaces.suggest_yaml import Node, Said

_SAID = {
    SignalName.KV_USAGE: "KV-cache usage of a replica, from 0 to 1 whatever its name says; the mean of the pods counts",
    SignalName.WAITING: "Requests that wait on a replica; the mean of the pods counts",
    SignalName.RUNNING: "Requests that a replica runs together; the mean of the pods counts",
}
SAFE_SAID = (
    "The count that Scalewarden finds safe: none of the others brings the target below it. It needs the operator and "
    "an InferenceDeployment of this name; while it is missing nothing is removed, so take it out before you uninstall."
)


def head(suggestion: Suggestion, kind: Kind) -> list[str]:
    """What stands at the top."""
    target = suggestion.target
    return [
        f"{kind} for {target.kind}/{target.name}, suggested by Scalewarden; above each number stands its source.",
        "The metric that asks for the most replicas counts.",
    ]


def metric_said(metric: Metric) -> str:
    """What a metric is, and where its name comes from."""
    followed = metric.followed
    return f"{_SAID[followed.signal]}. Name: {_named(followed)}."


def _named(followed: Followed) -> str:
    about = f"; {followed.series.about}" if followed.series.about else ""
    if followed.seen:
        return f"as read on a replica{about}"
    release = f" {followed.series.versions}" if followed.series.versions else ""
    others = f"; in other releases {', '.join(followed.others)}" if followed.others else ""
    return f"as in {followed.engine}{release}, nothing was read yet{about}{others}"


def reference(suggestion: Suggestion) -> Node:
    """The target."""
    target = suggestion.target
    return {"apiVersion": target.api_version, "kind": target.kind, "name": target.name}


def behavior(suggestion: Suggestion) -> Node:
    """Growth as fast as Kubernetes lets it; removals slowly, and only what was not needed for a whole model start."""
    policy: dict[str, Node] = {
        "type": "Pods",
        "value": Said(1, "One replica at a time, so that each removal can be judged by those that stay."),
        "periodSeconds": Said(suggestion.period.whole, suggestion.period.why),
    }
    down: dict[str, Node] = {
        "stabilizationWindowSeconds": Said(suggestion.stabilization.whole, suggestion.stabilization.why),
        "policies": [policy],
    }
    up: dict[str, Node] = {"stabilizationWindowSeconds": Said(0, "Growth never waits, as by default.")}
    return {"scaleUp": up, "scaleDown": down}
