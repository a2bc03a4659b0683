"""A line that is called looser never turns a permission into a refusal."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from scalewarden.judgement.decide import decide
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.looser import ABOVE, BELOW
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import CATALOGUE, Thresholds
from tests.strategies import snapshots

FARTHER = st.sampled_from([1.01, 1.2, 2.0, 20.0])


@given(snapshots(least=1), st.sampled_from(sorted(ABOVE | BELOW)), FARTHER, st.integers(1, 3), st.sampled_from(Actor))
def test_a_looser_line_never_refuses_more(
    snapshot: Snapshot, name: str, factor: float, fewer: int, actor: Actor
) -> None:
    now = snapshot.replicas_desired
    intent = Intent(now, max(0, now - fewer), actor)
    line = CATALOGUE[name].default
    moved = (line + 1.0) * factor - 1.0 if name in ABOVE else line / factor
    after = replace(snapshot, thresholds=Thresholds({name: moved}))
    verdicts = [decide(one, (), intent, Policy()) for one in (snapshot, after)]
    assert verdicts[1].decision.level <= verdicts[0].decision.level
