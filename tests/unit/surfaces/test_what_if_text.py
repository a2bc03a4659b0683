"""What a what-if's screen says below its table."""

from io import StringIO

import pytest
from rich.console import Console

from scalewarden.judgement.evaluate import evaluate
from scalewarden.judgement.what_if import what_if
from scalewarden.model.policy import Policy
from scalewarden.model.workload import Routing
from scalewarden.surfaces.what_if_text import show
from tests.builders import fleet, intent, snapshot


@pytest.mark.parametrize(("routing", "said"), [(Routing.STICKY, True), (Routing.EVEN, False)])
def test_what_lost_prefixes_cost_has_a_line(routing: Routing, said: bool) -> None:
    """Half is cached on each of two: 400 ms become 600."""
    asked = intent(2, 1)
    service = snapshot(fleet(2, prefix_hit=0.5), service={"ttft_p95": 0.4}, routing=routing, intent=asked)
    evaluation, out = evaluate(service, Policy()), StringIO()
    rows = what_if(service, evaluation.findings, Policy(), asked)
    show(evaluation, rows, Console(file=out, width=100, color_system=None, highlight=False, markup=False))
    assert ("TTFT p95 at 1: 600 (400–600) ms, cached prefixes being lost" in out.getvalue()) is said
