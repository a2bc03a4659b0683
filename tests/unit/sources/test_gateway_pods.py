"""Which pods are the gateway in front of a service, and where their pages are."""

from typing import Any

import pytest

from scalewarden.signals.gateways import DYNAMO, PICKER
from scalewarden.sources.gateways import GatewayPod, gateway_endpoint, gateways_of

Object = dict[str, Any]


def pod(name: str, labels: Object, *containers: Object) -> Object:
    metadata = {"name": name, "namespace": "a", "labels": labels}
    return {"metadata": metadata, "spec": {"containers": [*containers]}, "status": {"podIP": "10.0.0.9"}}


SERVED = [pod("llama-0", {"app": "llama", "version": "1"})]
PICKER_POD = pod("epp-0", {"app": "epp"})
SERVICE = {"metadata": {"name": "llama-epp"}, "spec": {"selector": {"app": "epp"}}}
V1 = {
    "apiVersion": "inference.networking.k8s.io/v1",
    "metadata": {"name": "llama"},
    "spec": {
        "selector": {"matchLabels": {"app": "llama"}},
        "targetPorts": [{"number": 8000}],
        "endpointPickerRef": {"group": "", "kind": "Service", "name": "llama-epp", "port": {"number": 9002}},
    },
}
OLD = {
    "apiVersion": "inference.networking.x-k8s.io/v1alpha2",
    "metadata": {"name": "llama"},
    "spec": {"selector": {"app": "llama"}, "targetPortNumber": 8000, "extensionRef": {"name": "llama-epp"}},
}


@pytest.mark.parametrize("pool", [V1, OLD])
def test_a_pool_leads_to_its_picker(pool: Object) -> None:
    others = [pod("web-0", {"app": "web"}), PICKER_POD]
    assert gateways_of(SERVED, [pool], [SERVICE], others) == (GatewayPod(PICKER_POD, PICKER, frozenset({"llama"})),)


def test_a_pool_in_both_versions_has_one_picker() -> None:
    second = {**V1, "metadata": {"name": "llama-too"}}
    (found,) = gateways_of(SERVED, [V1, OLD, second], [SERVICE], [PICKER_POD])
    assert found.pools == {"llama", "llama-too"}


@pytest.mark.parametrize(
    ("pool", "services"),
    [
        ({**V1, "spec": {**V1["spec"], "selector": {"matchLabels": {"app": "other"}}}}, [SERVICE]),
        ({**V1, "spec": {**V1["spec"], "selector": {"matchLabels": {}}}}, [SERVICE]),
        ({**V1, "spec": {**V1["spec"], "selector": {}}}, [SERVICE]),
        ({**V1, "spec": {**V1["spec"], "endpointPickerRef": {"kind": "Lambda", "name": "llama-epp"}}}, [SERVICE]),
        (V1, []),
        (V1, [{**SERVICE, "spec": {"selector": {}}}]),
        (V1, [{**SERVICE, "spec": None}]),
        ({"spec": "all"}, [SERVICE]),
    ],
)
def test_what_leads_to_no_picker(pool: Object, services: list[Object]) -> None:
    assert gateways_of(SERVED, [pool], services, [PICKER_POD]) == ()


GRAPH = {"nvidia.com/dynamo-graph-deployment-name": "llama"}


def test_the_frontend_of_a_dynamo_graph() -> None:
    front = pod("front", {**GRAPH, "nvidia.com/dynamo-component-type": "frontend"})
    worker = pod("w", {**GRAPH, "nvidia.com/dynamo-component-type": "worker"})
    other = pod("o", {"nvidia.com/dynamo-graph-deployment-name": "b", "nvidia.com/dynamo-component-type": "frontend"})
    assert gateways_of([worker], [], [], [front, worker, other]) == (GatewayPod(front, DYNAMO),)
    assert gateways_of(SERVED, [], [], [front]) == ()


@pytest.mark.parametrize(
    ("container", "port"),
    [
        ({}, 9090),
        ({"args": ["--pool-name", "llama", "--metrics-port", "9191"]}, 9191),
        ({"args": ["--metrics-port=70000"]}, 9090),
        ({"ports": [{"name": "grpc", "containerPort": 9002}, {"name": "metrics", "containerPort": 9292}]}, 9292),
    ],
)
def test_where_a_picker_serves_its_page(container: Object, port: int) -> None:
    endpoint = gateway_endpoint(GatewayPod(pod("epp", {}, container), PICKER))
    assert endpoint is not None
    assert (endpoint.port, endpoint.path, endpoint.kind, endpoint.exporter) == (port, "/metrics", "gateway", False)


def test_where_a_frontend_serves_its_page() -> None:
    named = pod("f", {}, {"ports": [{"name": "http", "containerPort": 8080}]})
    ports = [gateway_endpoint(GatewayPod(one, DYNAMO)) for one in (pod("f", {}), named)]
    assert [endpoint.port for endpoint in ports if endpoint] == [8000, 8080]
    assert gateway_endpoint(GatewayPod({"metadata": {}}, DYNAMO)) is None
