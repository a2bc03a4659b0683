"""A suggestion as a KEDA ScaledObject: the same metrics as queries of Prometheus."""

from scalewarden.surfaces.metrics import SAFE
from scalewarden.surfaces.suggest import Kind, Metric, Suggestion
from scalewarden.surfaces.suggest_lines import POLLING, SERVER
from scalewarden.surfaces.suggest_series import Followed
from scalewarden.surfaces.suggest_targets import default
from scalewarden.surfaces.suggest_text import SAFE_SAID, behavior, head, metric_said, reference
from scalewarden.surfaces.suggest_yaml import Node, Said, document

_PODS = {
    "Deployment": "-[a-z0-9]+-[a-z0-9]{5}",
    "StatefulSet": "-[0-9]+",
    "LeaderWorkerSet": "-[0-9]+",
}
"""How the pods of a target are called after its name; of a LeaderWorkerSet those of the leaders, which serve."""
_LONGEST = 46
"""Characters of a Deployment's name from which the names of its pods may be cut."""
_NULLS = "A query that finds nothing is an error, which lowers nothing; KEDA's default reads it as 0 (ASC608)."


def scaled_object(suggestion: Suggestion, server: str | None = None) -> str:
    """The object as YAML; `server` is Prometheus' address as KEDA reaches it."""
    address: Node = server or Said(SERVER, "Write the address of your Prometheus.")
    triggers = [_trigger(one, suggestion, address if at == 0 else server or SERVER)
                for at, one in enumerate(suggestion.metrics)]  # fmt: skip
    spec: dict[str, Node] = {
        "scaleTargetRef": reference(suggestion),
        "minReplicaCount": Said(suggestion.minimum.whole, suggestion.minimum.why),
        "maxReplicaCount": Said(suggestion.maximum.whole, suggestion.maximum.why),
        "pollingInterval": Said(int(POLLING.default), f"Seconds. {default(POLLING)}."),
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior(suggestion)}},
        "triggers": [*triggers, _safe(suggestion, server or SERVER)],
    }
    metadata: dict[str, Node] = {"name": suggestion.name, "namespace": suggestion.namespace}
    tree: dict[str, Node] = {
        "apiVersion": "keda.sh/v1alpha1", "kind": Kind.SCALED_OBJECT.value, "metadata": metadata, "spec": spec,
    }  # fmt: skip
    return document(tree, head(suggestion, Kind.SCALED_OBJECT))


def _trigger(metric: Metric, suggestion: Suggestion, address: Node) -> Node:
    """The mean over the pods that gave a sample, held as a ratio: a pod that was not scraped does not count as idle."""
    metadata: dict[str, Node] = {
        "serverAddress": address,
        "query": f"avg({metric.followed.by_pod(_selector(metric.followed, suggestion))})",
        "threshold": Said(metric.target.text, metric.target.why),
        "ignoreNullValues": Said("false", _NULLS),
    }
    trigger: dict[str, Node] = {
        "type": "prometheus",
        "name": metric.followed.signal.value.replace("_", "-"),
        "metricType": "Value",
        "metadata": metadata,
    }
    return Said(trigger, metric_said(metric))


def _selector(followed: Followed, suggestion: Suggestion) -> str:
    only = [
        f'{label}=~"{"|".join(value)}"' if isinstance(value, tuple) else f'{label}="{value}"'
        for label, value in followed.series.only.items()
    ]
    matchers = [f'namespace="{suggestion.namespace}"', f'pod=~"{pods(suggestion)}"', *only]
    return f"{followed.name}{{{', '.join(matchers)}}}"


def pods(suggestion: Suggestion) -> str:
    """A pattern of the names of the target's pods, and of no other target's."""
    name, kind = suggestion.target.name.replace(".", "[.]"), suggestion.target.kind
    if kind == "Deployment" and len(suggestion.target.name) > _LONGEST:
        return f"{suggestion.target.name[:_LONGEST].replace('.', '[.]')}.*"
    return name + _PODS.get(kind, "-.+")


def _safe(suggestion: Suggestion, address: str) -> Node:
    """By whichever label the scrape job leaves the service's namespace in."""
    service, namespace = suggestion.service, suggestion.namespace
    own = f'inferencedeployment="{service}", exported_namespace="{namespace}"'
    honored = f'inferencedeployment="{service}", namespace="{namespace}", exported_namespace=""'
    metadata: dict[str, Node] = {
        "serverAddress": address,
        "query": f"max({SAFE.name}{{{own}}} or {SAFE.name}{{{honored}}})",
        "threshold": Said("1", "The metric is a count of replicas."),
        "ignoreNullValues": "false",
    }
    trigger: dict[str, Node] = {
        "type": "prometheus", "name": "safe-replicas", "metricType": "AverageValue", "metadata": metadata,
    }  # fmt: skip
    return Said(trigger, SAFE_SAID)
