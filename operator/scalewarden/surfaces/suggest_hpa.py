"""A suggestion as a HorizontalPodAutoscaler (autoscaling/v2), with the adapter's rules that its metrics need."""

from collections.abc import Mapping

from scalewarden.surfaces.metrics import SAFE
from scalewarden.surfaces.suggest import Kind, Metric, Suggestion
from scalewarden.surfaces.suggest_text import SAFE_SAID, behavior, head, metric_said, reference
from scalewarden.surfaces.suggest_yaml import Node, Said, document


def hpa(suggestion: Suggestion) -> str:
    """The object as YAML. Engine metrics are of type Pods: an HPA then takes pods without a sample as busy, never as
    idle, when it removes."""
    spec: dict[str, Node] = {
        "scaleTargetRef": reference(suggestion),
        "minReplicas": Said(suggestion.minimum.whole, suggestion.minimum.why),
        "maxReplicas": Said(suggestion.maximum.whole, suggestion.maximum.why),
        "metrics": [*map(_pods, suggestion.metrics), _safe(suggestion)],
        "behavior": behavior(suggestion),
    }
    metadata: dict[str, Node] = {"name": suggestion.name, "namespace": suggestion.namespace}
    tree: dict[str, Node] = {
        "apiVersion": "autoscaling/v2", "kind": Kind.HPA.value, "metadata": metadata, "spec": spec,
    }  # fmt: skip
    return document(tree, [*head(suggestion, Kind.HPA), *_adapter(suggestion)])


def _pods(metric: Metric) -> Node:
    target: dict[str, Node] = {
        "type": "AverageValue",
        "averageValue": Said(metric.target.text, metric.target.why),
    }
    named: dict[str, Node] = {"name": metric.followed.name}
    if selector := _selector(metric.followed.series.only):
        named["selector"] = selector
    return Said({"type": "Pods", "pods": {"metric": named, "target": target}}, metric_said(metric))


def _selector(only: Mapping[str, str | tuple[str, ...]]) -> dict[str, Node]:
    """Labels that the series must carry; an empty one must not be there."""
    equal = {label: value for label, value in only.items() if isinstance(value, str) and value}
    absent = [{"key": label, "operator": "DoesNotExist"} for label, value in only.items() if value == ""]
    among = [
        {"key": label, "operator": "In", "values": list(value)}
        for label, value in only.items()
        if isinstance(value, tuple)
    ]
    found: dict[str, Node] = {}
    if equal:
        found["matchLabels"] = equal
    if absent or among:
        found["matchExpressions"] = [*absent, *among]
    return found


def _safe(suggestion: Suggestion) -> Node:
    metric: dict[str, Node] = {
        "name": SAFE.name,
        "selector": {"matchLabels": {"inferencedeployment": suggestion.service}},
    }
    target: dict[str, Node] = {"type": "AverageValue", "averageValue": Said("1", "The metric is a count of replicas.")}
    return Said({"type": "External", "external": {"metric": metric, "target": target}}, SAFE_SAID)


def _adapter(suggestion: Suggestion) -> list[str]:
    """Rules of prometheus-adapter under which these metrics are there."""
    lines = [
        "",
        "It takes a server of the custom and external metrics APIs; prometheus-adapter with these rules:",
        "rules:",
    ]
    for metric in suggestion.metrics:
        by_pod = metric.followed.by_pod("<<.Series>>{<<.LabelMatchers>>}", "<<.GroupBy>>")
        lines += [
            f'  - seriesQuery: \'{metric.followed.name}{{namespace!="",pod!=""}}\'',
            "    resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}",
            f"    metricsQuery: '{by_pod}'",
        ]
    return [
        *lines,
        "externalRules:",
        f"  - seriesQuery: '{SAFE.name}'",
        "    resources: {overrides: {exported_namespace: {resource: namespace}}}",
        "    metricsQuery: 'max(<<.Series>>{<<.LabelMatchers>>})'",
        "(exported_namespace is called namespace where the scrape job of Scalewarden honors labels.)",
    ]
