"""Which pods are the gateway in front of a service: endpoint pickers that pools name, and Dynamo's frontends.

An InferencePool selects the service's pods and names the Service of its endpoint picker; that Service selects the
picker's pods. A Dynamo frontend belongs to the workers that carry the same graph label (unverified label names).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scalewarden.signals.gateways import DYNAMO, PICKER, GatewayTable
from scalewarden.sources.base import PodEndpoint
from scalewarden.sources.container import flag, integer
from scalewarden.sources.endpoints import endpoint_of, named_ports
from scalewarden.sources.selectors import Selector
from scalewarden.sources.tree import child, children

Object = Mapping[str, Any]

PICKER_PORT, FRONTEND_PORT = 9090, 8000
GRAPH_LABEL, COMPONENT_LABEL = "nvidia.com/dynamo-graph-deployment-name", "nvidia.com/dynamo-component-type"
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class GatewayPod:
    """A pod in front of the service: what kind of gateway it is, and the pools that it picks for."""

    pod: Object
    table: GatewayTable
    pools: frozenset[str] = frozenset()


def gateways_of(
    served: Sequence[Object], pools: Iterable[Object], services: Iterable[Object], pods: Sequence[Object]
) -> tuple[GatewayPod, ...]:
    """The gateway pods in front of the pods `served`; all other objects are of the same namespace."""
    by_service: dict[str, set[str]] = {}
    for pool in pools:
        if _sends_to(pool, served) and (picker := _picker(pool)):
            by_service.setdefault(picker, set()).add(str(child(pool, "metadata").get("name", "")))
    found: dict[str, GatewayPod] = {}
    for service in services:
        names = by_service.get(str(child(service, "metadata").get("name", "")), set())
        selector = child(service, "spec", "selector")
        for pod in pods if names and selector else ():
            if _labels(pod).items() >= selector.items():
                name = str(child(pod, "metadata").get("name", ""))
                known = found[name].pools if name in found else frozenset()
                found[name] = GatewayPod(pod, PICKER, known | names)
    return (*found.values(), *_frontends(served, pods))


def gateway_endpoint(gateway: GatewayPod) -> PodEndpoint | None:
    """Where its metrics are: as declared by a port named for them, as its flag says, else where its kind has them."""
    ports = named_ports(gateway.pod)
    words = [str(word) for one in children(child(gateway.pod, "spec"), "containers") for word in _words(one)]
    stated = integer(flag(words, "--metrics-port", "-metricsPort", "--metricsPort"))
    default = PICKER_PORT if gateway.table is PICKER else ports.get("http", FRONTEND_PORT)
    port = ports.get("metrics") or (stated if stated is not None and stated <= _LAST_PORT else None) or default
    return endpoint_of(gateway.pod, port, None, kind="gateway")


def graph_of(pod: Object) -> str:
    """The Dynamo graph that a pod belongs to; empty where it belongs to none."""
    return str(_labels(pod).get(GRAPH_LABEL) or "")


def _sends_to(pool: Object, served: Sequence[Object]) -> bool:
    """v1 nests its labels in `matchLabels`, v1alpha2 does not."""
    selector = child(pool, "spec", "selector")
    wanted = child(selector, "matchLabels") if "matchLabels" in selector else selector
    selected = Selector.of({"matchLabels": dict(wanted)}) if wanted else None
    return selected is not None and any(selected.selects(_labels(pod)) for pod in served)


def _picker(pool: Object) -> str:
    reference = child(pool, "spec", "endpointPickerRef") or child(pool, "spec", "extensionRef")
    return str(reference.get("name") or "") if reference.get("kind", "Service") == "Service" else ""


def _frontends(served: Sequence[Object], pods: Iterable[Object]) -> Iterable[GatewayPod]:
    graphs = {graph for pod in served if (graph := graph_of(pod))}
    for pod in pods if graphs else ():
        labels = _labels(pod)
        if labels.get(COMPONENT_LABEL) == "frontend" and graph_of(pod) in graphs:
            yield GatewayPod(pod, DYNAMO)


def _labels(pod: Object) -> Mapping[str, Any]:
    return child(pod, "metadata", "labels")


def _words(container: Object) -> Iterable[object]:
    for key in ("command", "args"):
        found = container.get(key)
        yield from found if isinstance(found, list | tuple) else ()
