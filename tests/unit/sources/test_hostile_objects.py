"""Anybody may write a pod, a ScaledObject or an annotation: numbers that no number type takes are no facts."""

from typing import Any

import pytest

from scalewarden.sources.autoscalers import autoscaler_of_scaledobject
from scalewarden.sources.container import integer
from scalewarden.sources.endpoints import exporter_endpoint
from scalewarden.sources.quantity import quantity

LONG = "9" * 5000


@pytest.mark.parametrize("text", ["1e999999k", "1e99999999999999999999", "1e999999", "-1e400", LONG, f"{LONG}e9"])
def test_a_quantity_beyond_every_number_is_none(text: str) -> None:
    assert quantity(text) is None


def test_a_whole_number_has_nine_digits_at_most() -> None:
    assert integer("999999999") == 999_999_999
    assert integer("1000000000") is None
    assert integer(LONG) is None
    assert integer("0") is None


@pytest.mark.parametrize("port", [LONG, "0", "65536", "-1", "http"])
def test_an_annotated_port_that_is_none_is_not_taken(port: str) -> None:
    pod: dict[str, Any] = {
        "metadata": {"name": "e", "namespace": "gpu", "annotations": {"prometheus.io/port": port}},
        "status": {"podIP": "127.0.0.9"},
    }
    found = exporter_endpoint(pod)
    assert found is not None
    assert found.port == 9400


def test_a_scaled_object_with_an_endless_threshold_is_still_read() -> None:
    triggers = [{"type": "prometheus", "metadata": {"threshold": "1e999999k"}}]
    spec = {"scaleTargetRef": {"name": "llama"}, "triggers": triggers}
    found = autoscaler_of_scaledobject({"metadata": {"name": "s"}, "spec": spec})
    assert [metric.target for metric in found.metrics] == [None]
