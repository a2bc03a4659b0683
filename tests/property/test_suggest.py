"""Whatever a service shows and its owner declares, what is suggested is sound by the rules that judge it."""

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from scalewarden.model.finding import Status
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import Snapshot
from scalewarden.signals.engines import TABLES
from scalewarden.surfaces.suggest import Kind, Suggestion, suggest
from scalewarden.surfaces.suggest_lines import LONGEST_STABILIZATION
from scalewarden.surfaces.suggest_yaml import Said, document
from tests import builders as build
from tests.strategies import snapshots
from tests.unit.surfaces.suggested import ENGINES, judged, text, written

LINES = {"kvUsageDeny": (0.05, 1.0), "waitingPerReplicaDeny": (0.1, 50.0), "concurrencyAllow": (0.05, 1.0),
         "dwell": (0.0, LONGEST_STABILIZATION), "coldStart": (0.0, 20_000.0), "kvUsageLow": (0.0, 1.0)}  # fmt: skip
thresholds = st.fixed_dictionaries({}, optional={name: st.floats(*range_) for name, range_ in LINES.items()})
starts = st.one_of(st.none(), st.floats(1, LONGEST_STABILIZATION))


@st.composite
def services(draw: st.DrawFn) -> Snapshot:
    """A service of any engine on GPUs in any state."""
    limit = draw(st.one_of(st.none(), st.integers(1, 2000)))
    fixed: dict[str, Any] = {
        "engine": draw(st.sampled_from(ENGINES)),
        "thresholds": draw(thresholds),
        "cold_start": draw(starts),
        "workload": build.gpu_workload(max_num_seqs=limit),
    }
    return draw(snapshots(**fixed))


policies = st.builds(Policy, min_replicas=st.one_of(st.none(), st.integers(0, 30)))
safe_counts = st.one_of(st.none(), st.integers(0, 30))


@given(services(), st.sampled_from(Kind), policies, safe_counts)
def test_no_rule_fires_on_what_is_suggested(snapshot: Snapshot, kind: Kind, policy: Policy, safe: int | None) -> None:
    found = suggest(snapshot, TABLES[snapshot.engine], kind, policy, safe)
    assert isinstance(found, Suggestion)
    obj = written(found, kind)
    fired = [finding for finding in judged(obj, snapshot) if finding.status is not Status.CLEAR]
    assert fired == []
    assert found.maximum.whole >= max(found.minimum.whole, snapshot.replicas_desired, safe or 0, 1)
    assert found.minimum.whole >= 1 and all(one.target.value > 0 for one in found.metrics)
    assert text(found, kind) == text(found, kind)


scalars = st.one_of(st.text(), st.integers())
trees = st.recursive(
    st.one_of(scalars, st.builds(Said, scalars, st.text())),
    lambda inner: st.one_of(
        st.dictionaries(st.text(), inner, min_size=1, max_size=3), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def plain(node: Any) -> Any:
    """Without comments."""
    if isinstance(node, Said):
        return plain(node.value)
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    return [plain(item) for item in node] if isinstance(node, list) else node


@given(st.dictionaries(st.text(), trees, min_size=1, max_size=3), st.lists(st.text(), max_size=2))
def test_any_tree_is_read_back_whatever_its_comments_say(tree: dict[str, Any], head: list[str]) -> None:
    assert yaml.safe_load(document(tree, head)) == plain(tree)
