"""Whole screens, as they are on a terminal of 80 columns without colour: what moved on one shows as a difference here.

`tests/unit/cli/screens/*.txt` are the screens; only blanks at the ends of lines are left out.
"""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from scalewarden.cli.evaluate_work import judged
from scalewarden.judgement.what_if import what_if
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.intent import Actor
from scalewarden.sources.recording import load
from scalewarden.surfaces import explain_text_evaluation, explain_text_status, what_if_text
from scalewarden.surfaces.explain_text import Chain, show
from tests.unit.cli.test_explain import NOW, STATUS
from tests.unit.model.objects import deployment

SCREENS = Path(__file__).parent / "screens"
RECORDINGS = Path(__file__).parents[3] / "examples" / "recordings"
LOOKED_AT = 6
"""Lines in which the answer and the first thing to do must have been said."""


def printed(chain: Chain) -> str:
    out = StringIO()
    show(chain, Console(file=out, width=80, color_system=None, highlight=False, markup=False, emoji=False))
    return trimmed(out.getvalue())


def trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def evaluated(name: str) -> str:
    return printed(explain_text_evaluation.chain_of(judged(load(RECORDINGS / name))))


def explained() -> str:
    found = InferenceDeployment.parse({**deployment({}), "status": STATUS})
    return printed(explain_text_status.chain_of(found, NOW))


def asked(name: str, to: int) -> str:
    recording, out = load(RECORDINGS / name), StringIO()
    evaluation = judged(recording, to, Actor.USER)
    intent = evaluation.snapshot.intent
    assert intent is not None
    rows = what_if(evaluation.snapshot, evaluation.findings, recording.declared.policy, intent)
    what_if_text.show(evaluation, rows, Console(file=out, width=80, color_system=None, highlight=False, markup=False))
    return trimmed(out.getvalue())


def screens() -> Iterator[tuple[str, str]]:
    """File name and screen."""
    yield "evaluate-deny", evaluated("scaleup-rescue")
    yield "evaluate-hold", evaluated("scaledown-moderate")
    yield "evaluate-idle", evaluated("idle-fresh")
    yield "explain-refused", explained()
    yield "what-if-hold", asked("scaledown-moderate", 1)


@pytest.fixture(scope="module")
def now() -> dict[str, str]:
    """Every screen as the code prints it."""
    return dict(screens())


@pytest.mark.parametrize("name", sorted(path.stem for path in SCREENS.glob("*.txt")))
def test_a_screen_is_as_it_was(now: dict[str, str], name: str) -> None:
    assert now[name] == (SCREENS / f"{name}.txt").read_text(encoding="utf-8")


def test_every_screen_is_kept(now: dict[str, str]) -> None:
    assert sorted(now) == sorted(path.stem for path in SCREENS.glob("*.txt"))


@pytest.mark.parametrize("name", sorted(path.parent.name for path in RECORDINGS.glob("*/recording.yaml")))
def test_the_answer_and_what_to_do_come_first(name: str) -> None:
    said = explain_text_evaluation.chain_of(judged(load(RECORDINGS / name)))
    first = " ".join(" ".join(printed(said).splitlines()[:LOOKED_AT]).split())
    assert f"{said.verdict.status} {said.verdict.subject} {said.question}" in first
    assert f"Do {said.to_do[0]}" in first


def test_a_refused_removal_says_first_which_count_to_keep() -> None:
    assert "  Refused  KVCachePressure  fewer than 4 replicas\n  Do       Keep 4 replicas now. Add KV" in explained()
