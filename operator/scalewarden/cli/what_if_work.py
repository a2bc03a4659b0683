"""A live service that was looked at, or a recording of one, with fewer replicas: judged and told."""

from dataclasses import replace
from pathlib import Path

import typer

from scalewarden.cli.evaluate_work import EXIT_CODES, judged
from scalewarden.cli.output import Format, console
from scalewarden.judgement.evaluate import Evaluation
from scalewarden.judgement.evaluate import evaluate as judge
from scalewarden.judgement.what_if import what_if as table
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import Snapshot
from scalewarden.sources.recording import load
from scalewarden.surfaces.what_if_json import to_json
from scalewarden.surfaces.what_if_text import show


def tell_recording(folder: Path, replicas: int, actor: Actor, output: Format) -> int:
    """Print what a recording comes to; its exit code."""
    recording = load(folder)
    return _told(judged(recording, replicas, actor), recording.declared.policy, (), output)


def tell(
    found: InferenceDeployment, looked: tuple[Snapshot, tuple[str, ...]], replicas: int, actor: Actor, output: Format
) -> int:
    """Print what a live service, looked at, comes to; the exit code."""
    snapshot, notes = looked
    evaluation = judge(replace(snapshot, intent=_intent(snapshot, replicas, actor)), found.policy)
    return _told(evaluation, found.policy, notes, output)


def _intent(snapshot: Snapshot, to: int, actor: Actor) -> Intent:
    return Intent(snapshot.replicas_desired, to, actor, f"{snapshot.target.resource}/scale")


def _told(evaluation: Evaluation, policy: Policy, notes: tuple[str, ...], output: Format) -> int:
    intent = evaluation.snapshot.intent
    if intent is None:
        raise AssertionError("an evaluation always carries the intent that it judged")
    rows = table(evaluation.snapshot, evaluation.findings, policy, intent)
    if output is Format.JSON:
        typer.echo(to_json(evaluation, rows, notes))
    else:
        show(evaluation, rows, console(), notes)
    return EXIT_CODES[evaluation.verdict.decision]
