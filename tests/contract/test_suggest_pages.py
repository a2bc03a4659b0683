"""What is suggested for a replica that shows a committed engine page is sound by our own rules, under its own names."""

import pytest

from scalewarden.model.finding import Status
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.workload import Engine
from scalewarden.signals.derive import replica_signals
from scalewarden.surfaces.suggest import Kind
from tests import builders as build
from tests.contract.engines.pages import ALL, Fixture
from tests.unit.surfaces.suggested import KINDS, judged, suggestion, written

SPAN, STEP = 600, 60


def observed(fixture: Fixture) -> Snapshot:
    """Two replicas that have shown the page for ten minutes."""
    scrapes = [fixture.scrape(build.AT, float(ago)) for ago in range(SPAN, -1, -STEP)]
    engine = Engine(fixture.engine)
    signals = replica_signals(scrapes, engine, build.AT, Thresholds(), float(SPAN))
    pods = [build.Replica(f"llama-70b-{number}", max_num_seqs=64, signals=signals) for number in range(2)]
    return build.snapshot(pods, engine=engine)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fixture", ALL, ids=lambda one: one.name)
def test_each_page_gets_a_sound_autoscaler(fixture: Fixture, kind: Kind) -> None:
    snapshot = observed(fixture)
    found = suggestion(snapshot, kind)
    findings = judged(written(found, kind), snapshot)
    assert [finding for finding in findings if finding.status is not Status.CLEAR] == []
    page = fixture.scrape(build.AT)
    assert [one.followed.name for one in found.metrics if one.followed.seen and not page.named(one.followed.name)] == []
