"""From a recording to an evaluation: judged at its instant, after each of its earlier ones in turn."""

import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import track

from scalewarden.cli.output import Format, console
from scalewarden.judgement.evaluate import Evaluation, default_intent
from scalewarden.judgement.evaluate import evaluate as judge
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import History
from scalewarden.model.thresholds import Thresholds
from scalewarden.model.verdict import Decision
from scalewarden.sources.recording import Recording, load
from scalewarden.surfaces.evaluation_json import to_json
from scalewarden.surfaces.explain_text import show
from scalewarden.surfaces.explain_text_evaluation import chain_of

EXIT_CODES = {Decision.ALLOW: 0, Decision.DENY: 1, Decision.HOLD: 3}

STEP = 15.0
"""Seconds between two replayed instants: how often the operator evaluates by default."""


def tell(folder: Path, scale_to: int | None, actor: Actor | None, output: Format, *, long: bool) -> int:
    """Print what a recording comes to; its exit code."""
    evaluation = judged(load(folder), scale_to, actor)
    if output is Format.JSON:
        typer.echo(to_json(evaluation))
    else:
        show(chain_of(evaluation, long=long), console())
    return EXIT_CODES[evaluation.verdict.decision]


def judged(recording: Recording, scale_to: int | None = None, actor: Actor | None = None) -> Evaluation:
    """The evaluation at the recording's instant, with the history that the recording itself spans."""
    policy = recording.declared.policy
    snapshot = recording.snapshot(history=history_of(recording, policy))
    intent = snapshot.intent or default_intent(snapshot)
    who = actor or intent.actor
    if scale_to is not None:
        intent = Intent(snapshot.replicas_desired, scale_to, who, f"{snapshot.target.resource}/scale")
    return judge(recording.snapshot(history=snapshot.history, intent=_asked_by(intent, who)), policy)


def _asked_by(intent: Intent, actor: Actor) -> Intent:
    return Intent(intent.from_, intent.to, actor, intent.path, intent.identity, intent.dry_run)


def history_of(recording: Recording, policy: Policy) -> History | None:
    """The record of the earlier instants, each judged in turn; None where it would not span the stabilization."""
    earlier = list(_instants(recording))
    if not earlier or recording.at - recording.instants[0] < policy.stabilization:
        return None
    history: History | None = History(since=recording.instants[0])
    errors = Console(stderr=True)
    for at in track(earlier, "replaying", console=errors, transient=True, disable=not sys.stderr.isatty()):
        history = judge(recording.snapshot(at=at, history=history), policy).history
    return history


def _instants(recording: Recording) -> Iterator[float]:
    """Earlier instants, `STEP` apart, from the first on that has enough data to be judged."""
    if not recording.instants:
        return
    due = recording.instants[0] + Thresholds()["shortSpan"]
    for at in recording.instants:
        if due <= at < recording.at:
            yield at
            due = at + STEP
