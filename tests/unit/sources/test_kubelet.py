"""CPU rows that Prometheus scraped at kubelets, by the pod that they are about."""

from typing import Any

import pytest

from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals.cpu import PERIODS, THROTTLED, USAGE, cpu_signals
from scalewarden.sources.base import PodKey
from scalewarden.sources.kubelet import cpu_scrapes, cpu_selector
from scalewarden.sources.prometheus_query import Labels

X, Y = PodKey("a", "x"), PodKey("a", "y.1")
NOW = 10_000.0


def series(name: str, rate: float, *, pod: str = "x", container: str = "vllm", late: float = 0.0, **more: Any) -> Any:
    labels = {"__name__": name, "namespace": "a", "pod": pod, "container": container, "instance": "node-1:10250"}
    values = [[NOW - 300 + 30 * n + late, str(500 + rate * 30 * n)] for n in range(11)]
    return {"metric": labels | more, "values": values}


def test_one_query_for_all_pods():
    found = cpu_selector([Y, X], 300)
    assert found.endswith('container!="",container!="POD"}[300s]')
    assert 'namespace=~"a",pod=~"x|y\\\\.1"' in found
    assert all(name in found for name in (USAGE, PERIODS, THROTTLED))
    assert 'kubernetes_pod=~"x"' in cpu_selector([X], 60, Labels(pod="kubernetes_pod"))


def test_containers_with_times_of_their_own_add_up():
    rows = [
        series(USAGE, 2.0),
        series(USAGE, 1.0, container="proxy", late=-7.3),
        series(PERIODS, 10.0),
        series(THROTTLED, 4.0),
    ]
    scrapes = cpu_scrapes(rows, frozenset({X}))[X]
    found = cpu_signals(scrapes, {"vllm": 4.0, "proxy": 1.0}, NOW, Thresholds(), 600)
    ratio, stopped = found[SignalName.CPU_RATIO], found[SignalName.CPU_THROTTLED]
    assert isinstance(ratio, Reading) and isinstance(stopped, Reading)
    assert (ratio.value, stopped.value) == (pytest.approx(0.6), pytest.approx(0.4))
    assert ratio.series[-1].value == pytest.approx(0.6)


def test_rows_go_to_their_pods_and_other_rows_nowhere():
    rows = [series(USAGE, 2.0), series(USAGE, 1.0, pod="y.1"), series(USAGE, 9.0, pod="z"), series("up", 1.0)]
    found = cpu_scrapes(rows, frozenset({X, Y}))
    assert set(found) == {X, Y}
    assert {sample.name for scrape in found[X] for sample in scrape.samples} == {USAGE}
    assert [scrape.at for scrape in found[X]] == sorted(scrape.at for scrape in found[X])


def test_a_kubelet_that_is_scraped_twice_counts_once():
    one, two = series(USAGE, 2.0, job="kubelet"), series(USAGE, 2.0, job="cadvisor", late=3.0)
    two["values"] = two["values"][:5]
    found = cpu_scrapes([two, one], frozenset({X}))
    assert len(found[X]) == 11 and {len(scrape.samples) for scrape in found[X]} == {1}
    assert cpu_scrapes([], frozenset({X})) == {}
