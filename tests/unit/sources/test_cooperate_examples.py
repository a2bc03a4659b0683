"""The example autoscalers that read the safe count are sound by Scalewarden's own rules."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from scalewarden.judgement.evaluate import judge_autoscaler
from scalewarden.model.finding import Status
from scalewarden.sources.autoscalers import READERS
from tests import builders as build

EXAMPLES = Path(__file__).parents[3] / "examples" / "cooperate"


@pytest.mark.parametrize("name", ["hpa", "scaledobject"])
def test_no_rule_accuses_it(name: str) -> None:
    obj: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
    judged = judge_autoscaler(build.snapshot(build.fleet(4)), READERS[obj["kind"]](obj))
    assert {one.rule for one in judged.findings if one.status is not Status.CLEAR} == set()
