"""What a suggested autoscaler asks, asked of a real Prometheus that scraped every engine's page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from scalewarden.judgement.evaluate import evaluate
from scalewarden.model.policy import Policy
from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.engines.table import carries
from scalewarden.surfaces.metrics import OperatorMetrics
from scalewarden.surfaces.suggest import Kind, Metric
from tests import builders as build
from tests.cluster.engine_prometheus import HISTORY, NAMESPACE, Api, Pages, scraping
from tests.contract.engines.pages import ALL, Fixture
from tests.prometheus_process import pages as pages_of
from tests.prometheus_process import prometheus, scrape_config, until
from tests.unit.surfaces.suggested import suggestion, text, written
from tools.localcluster import BinaryMissingError
from tools.localcluster.binaries import find

pytestmark = pytest.mark.cluster
PODS = re.compile(r'pod=~"[^"]*"')
ROUNDED = {"sglang:token_usage": 0.005}
"""How far a series may be from the signal, which is made of more exact ones."""
NOT_SHOWN = {("triton_two_models", SignalName.KV_USAGE)}
"""Made of two series on pages of old releases, under the name of one that newer ones show (limits)."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Pages]]:
    try:
        binary = find(["prometheus"])["prometheus"]
    except BinaryMissingError as error:
        pytest.skip(f"NO PROMETHEUS, queries not run. {error}")
    with scraping(Path(binary), tmp_path_factory.mktemp("prometheus"), ALL, "groups: []") as started:
        yield started


def observed(fixture: Fixture, pages: Pages) -> Snapshot:
    """A service whose only replica shows this page."""
    engine = Engine(fixture.engine)
    signals = replica_signals(pages.scrapes(fixture.name), engine, float(pages.start), Thresholds(), float(HISTORY))
    pod = build.replica(fixture.name, kv=None, waiting=None, running=None, max_num_seqs=64)
    workload, shown = build.gpu_workload(max_num_seqs=64), replace(pod, signals=signals)
    return build.snapshot([shown], engine=engine, workload=workload, at=float(pages.start), namespace=NAMESPACE)


def known(snapshot: Snapshot, metric: Metric) -> float | None:
    """What the derivation says of the replica; None where its page does not show the series that is followed."""
    found = snapshot.replicas[0].signal(metric.followed.signal)
    return found.value if isinstance(found, Reading) and metric.followed.seen else None


def added(fixture: Fixture, metric: Metric) -> float:
    """What other series of the page add to the signal: an HPA follows the one in which most requests are."""
    page = fixture.scrape(0.0)
    found = (
        one
        for beside in metric.followed.series.plus
        for one in page.named(beside.name)
        if carries(one.labels, beside.only)
    )
    return sum(one.value for one in found)


WITH_PAGES = [one for one in ALL if one.engine not in {"Unknown"}]


@pytest.mark.parametrize("fixture", WITH_PAGES, ids=lambda one: one.name)
def test_queries_of_keda_and_of_the_adapter_give_what_is_derived(running: tuple[Api, Pages], fixture: Fixture) -> None:
    api, pages = running
    snapshot = observed(fixture, pages)
    found = suggestion(snapshot, Kind.SCALED_OBJECT)
    triggers = written(found, Kind.SCALED_OBJECT)["spec"]["triggers"]
    rules = adapter_rules(text(suggestion(snapshot), Kind.HPA))
    wrong, compared = {}, 0
    for metric, trigger, rule in zip(found.metrics, triggers, rules, strict=False):
        answer = known(snapshot, metric)
        if answer is None or (fixture.name, metric.followed.signal) in NOT_SHOWN:
            continue
        wanted = pytest.approx(answer - added(fixture, metric), abs=ROUNDED.get(metric.followed.name, 1e-6))
        keda = PODS.sub(f'pod="{fixture.name}"', trigger["metadata"]["query"])
        for who, query in (("keda", keda), ("adapter", rule_query(rule, metric, fixture))):
            assert fixture.name in {one["metric"]["pod"] for one in api.instant(rule["seriesQuery"], pages.start)}
            values = [float(one["value"][1]) for one in api.instant(query, pages.start)]
            compared += 1
            if values != [wanted]:
                wrong[who, metric.followed.name] = (values, answer)
    assert wrong == {}
    assert compared or fixture.name in {"trtllm_serve_no_gauges", "dynamo_frontend"}


def adapter_rules(printed: str) -> list[dict[str, str]]:
    """The rules in the comments at the top, read as prometheus-adapter's configuration."""
    head = [line[2:] for line in printed.splitlines() if line.startswith("# ") or line == "#"]
    start, end = head.index("rules:"), next(at for at, line in enumerate(head) if line.startswith("("))
    configuration = yaml.safe_load("\n".join(head[start:end]))
    assert [rule["seriesQuery"] for rule in configuration["externalRules"]] == ["scalewarden_safe_replicas"]
    found: list[dict[str, str]] = configuration["rules"]
    return found


def rule_query(rule: dict[str, str], metric: Metric, fixture: Fixture) -> str:
    """As the adapter fills it in for one pod: its matchers, and those of the HPA's selector."""
    only = [
        f'{label}=~"{"|".join(value)}"' if isinstance(value, tuple) else f'{label}="{value}"'
        for label, value in metric.followed.series.only.items()
    ]
    matchers = ",".join([f'namespace="{NAMESPACE}"', f'pod=~"{fixture.name}"', *only])
    query = rule["metricsQuery"].replace("<<.Series>>", metric.followed.name)
    return query.replace("<<.LabelMatchers>>", matchers).replace("<<.GroupBy>>", "pod")


def operators_page() -> str:
    """What the operator exposes of two services of one name: four replicas in `serving`, two in its own namespace."""
    metrics, policy = OperatorMetrics(), Policy()
    served = [
        build.snapshot(build.fleet(count, kv=0.9), namespace=namespace)
        for namespace, count in (("serving", 4), ("scalewarden", 2))
    ]
    metrics.show([(evaluate(snapshot, policy), {}) for snapshot in served])
    return metrics.page({}, leader=True, suppressed=0).decode()


@pytest.mark.parametrize("honors", [True, False])
async def test_the_safe_count_is_found_whether_or_not_the_scrape_job_honors_labels(
    tmp_path: Path, honors: bool
) -> None:
    found = suggestion(build.snapshot(desired=4), Kind.SCALED_OBJECT)
    query = written(found, Kind.SCALED_OBJECT)["spec"]["triggers"][-1]["metadata"]["query"]
    page = operators_page()
    async with pages_of(lambda: page) as port:
        targets = [{"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": "scalewarden", "pod": "operator-0"}}]
        job = scrape_config(port, honor_labels=honors, static_configs=targets)
        async with prometheus(tmp_path, [job]) as address:
            api = Api(f"http://{address}")

            async def answered() -> list[str]:
                return [one["value"][1] for one in await asyncio.to_thread(api.instant, query)]

            assert await until("the operator to be scraped", answered) == ["4"]
