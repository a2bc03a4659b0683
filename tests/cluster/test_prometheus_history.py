"""History out of a real Prometheus: every expression runs, and says what the derivation from the pages says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scalewarden.model.signal import Reading, SignalName
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.signals.engines import LATE, TABLES
from scalewarden.sources.past import Past
from scalewarden.sources.prometheus_history import TOLD, PrometheusHistory
from scalewarden.sources.prometheus_options import PrometheusOptions
from tests.cluster.engine_prometheus import HISTORY, NAMESPACE, Api, Pages, scraping
from tests.contract.engines.pages import ALL
from tools.localcluster import BinaryMissingError
from tools.localcluster.binaries import find

pytestmark = pytest.mark.cluster
STEP = 60.0
QUANTILES = frozenset({SignalName.TTFT_P95, SignalName.ITL_P95, SignalName.E2E_P99})
WITHOUT_TOTAL = "vllm_0_6_v0_no_total"
"""Its counters have names that expressions do not ask for."""
KNOWN = [one for one in ALL if one.name != WITHOUT_TOTAL]
BORN = {("sglang_0_5_8_dp2", SignalName.PREEMPTIONS), ("ray_serve_two_replicas", SignalName.PREEMPTIONS)}
"""A counter that appears with its first event: PromQL has no sample before it, and so no increase."""
NEAR = 0.03
"""Relative: `rate` extrapolates, and a step lies up to a minute before the last sample."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Pages]]:
    try:
        binary = find(["prometheus"])["prometheus"]
    except BinaryMissingError as error:
        pytest.skip(f"NO PROMETHEUS, history not read. {error}")
    with scraping(Path(binary), tmp_path_factory.mktemp("prometheus"), ALL, "groups: []\n") as started:
        yield started


@pytest.mark.parametrize("engine", [engine for engine, table in TABLES.items() if table.rows], ids=str)
async def test_history_says_what_the_pages_say(running: tuple[Api, Pages], engine: Engine) -> None:
    api, pages = running
    fixtures = [one for one in KNOWN if one.engine == engine]
    history = PrometheusHistory(PrometheusOptions(api.url))
    wrong, compared = {}, 0
    for fixture in fixtures:
        past = Past(NAMESPACE, f'"{fixture.name}"', engine, {}, QUANTILES)
        found = await history(past, float(pages.start), float(HISTORY), STEP)
        direct = replica_signals(pages.scrapes(fixture.name), Engine.AUTO, pages.start, Thresholds(), HISTORY)
        if not isinstance(direct[SignalName.RUNNING], Reading):
            assert found == {}
            continue
        assert list(found) == [fixture.name]
        for name in (*TOLD, *QUANTILES):
            told, signal = found[fixture.name].get(name, ()), direct[name]
            late = name is SignalName.GEN_TPS and isinstance(signal, Reading) and signal.source in LATE
            if (fixture.name, name) in BORN:
                continue
            if not isinstance(signal, Reading) or late:
                if told:
                    wrong[fixture.name, name] = (told[-1], signal)
                continue
            value = signal.value * STEP / HISTORY if name is SignalName.PREEMPTIONS else signal.value
            compared += 1
            if not told or told[-1].value != pytest.approx(value, rel=NEAR):
                wrong[fixture.name, name] = (told[-1:], value)
    history.close()
    assert not wrong
    assert compared >= 4 or not fixtures
