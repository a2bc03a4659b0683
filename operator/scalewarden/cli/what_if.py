"""`scalewarden what-if NAME|DIR --replicas N`: what fewer replicas would come to, judged as the operator judges."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scalewarden.app.judging import as_judged
from scalewarden.app.live import Live
from scalewarden.cli.cluster import Cluster
from scalewarden.cli.doctor import For, Prometheus, Subject
from scalewarden.cli.evaluate import EXIT_CODES, judged
from scalewarden.cli.options import Context, Namespace, positive
from scalewarden.cli.output import Format, Output, console
from scalewarden.cli.prometheus_flags import reads_prometheus
from scalewarden.cli.reading import Direct, reading
from scalewarden.judgement.evaluate import Evaluation
from scalewarden.judgement.evaluate import evaluate as judge
from scalewarden.judgement.what_if import what_if as table
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.intent import Actor, Intent
from scalewarden.model.policy import Policy
from scalewarden.model.snapshot import Snapshot
from scalewarden.sources.assemble import assemble
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.recording import load
from scalewarden.surfaces.baseline import learned_of
from scalewarden.surfaces.what_if_json import to_json
from scalewarden.surfaces.what_if_text import show

PAUSE = 5.0
"""Seconds between two readings."""

Replicas = Annotated[int, typer.Option("--replicas", min=0, help="The count to go to.", metavar="N")]
Who = Annotated[Actor, typer.Option("--actor", help="Who would ask: an autoscaler is held where a user is warned.")]


@reads_prometheus()
def what_if(
    subject: Subject,
    replicas: Replicas,
    actor: Who = Actor.USER,
    namespace: Namespace = None,
    context: Context = None,
    output: Output = Format.TEXT,
    lasts: For = "60s",
    direct: Direct = False,
    prometheus: Prometheus = None,
) -> None:
    """Predict what going to fewer replicas would do to those that stay, and which count is safe.

    Nothing is written. Exits with 0 for Allow, 1 for Deny, 3 for Hold, 2 for bad input.
    """
    if Path(subject, "recording.yaml").is_file() or "/" in subject:
        recording = load(Path(subject))
        notes: tuple[str, ...] = ()
        evaluation, policy = judged(recording, replicas, actor), recording.declared.policy
    else:
        span = positive(lasts, "--for")
        cluster = Cluster.connect(context)
        found = cluster.inference_deployment(subject, namespace or cluster.namespace)
        snapshot, notes = asyncio.run(_looked(cluster, found, 0.0 if prometheus else span, prometheus, direct=direct))
        policy = found.policy
        evaluation = judge(replace(snapshot, intent=_intent(snapshot, replicas, actor)), policy)
    _print(evaluation, policy, notes, output)
    raise typer.Exit(EXIT_CODES[evaluation.verdict.decision])


def _intent(snapshot: Snapshot, to: int, actor: Actor) -> Intent:
    return Intent(snapshot.replicas_desired, to, actor, f"{snapshot.target.resource}/scale")


async def _looked(
    cluster: Cluster, found: InferenceDeployment, span: float, options: PrometheusOptions | None, *, direct: bool
) -> tuple[Snapshot, tuple[str, ...]]:
    """The service as it is, with what its operator knows of the time before."""
    async with reading(cluster, found, options, direct=direct) as (live, pages):
        snapshot, notes = await looked(live, found, span)
        return snapshot, ((pages.said,) if pages.said else ()) + notes


async def looked(
    live: Live, found: InferenceDeployment, span: float, *, quiet: bool = False
) -> tuple[Snapshot, tuple[str, ...]]:
    """Read for `span` s. The snapshot, and what a reader must know of it; what cannot be read is absent in it. quiet:
    without showing on stderr how long it still takes."""
    await live.look()
    await _read(live, span, quiet=quiet)
    now = time.time()
    history = as_judged(found.status, now, found.policy.stabilization)
    learned = learned_of(found.status.baseline, now)
    snapshot = assemble(live.service.declared, live.facts(), at=now, history=history, learned=learned)
    return snapshot, (*live.unread(), *live.notes.values(), _known(history is not None, span))


def _known(remembered: bool, span: float) -> str:
    read = f"Pods were read for {span:.0f} s; " if span else ""
    if remembered:
        return f"{read}the safe count is never below the one that the operator found over its whole window."
    return f"{read}no operator judged this service within the last minutes, so nothing is known of the time before."


async def _read(live: Live, span: float, *, quiet: bool) -> None:
    """At once, then every `PAUSE` until `span` (s) is over: once where it is 0."""
    errors, started = Console(stderr=True, highlight=False, quiet=quiet), time.monotonic()
    await live.read(time.time())
    with errors.status(f"reading {live.name} for {span:.0f} s") as shown:
        while (left := started + span - time.monotonic()) > 0:
            await asyncio.sleep(min(PAUSE, left))
            await live.read(time.time())
            shown.update(f"reading {live.name}: {max(0.0, left - PAUSE):.0f} s left")


def _print(evaluation: Evaluation, policy: Policy, notes: tuple[str, ...], output: Format) -> None:
    intent = evaluation.snapshot.intent
    if intent is None:
        raise AssertionError("an evaluation always carries the intent that it judged")
    rows = table(evaluation.snapshot, evaluation.findings, policy, intent)
    if output is Format.JSON:
        typer.echo(to_json(evaluation, rows, notes))
    else:
        show(evaluation, rows, console(), notes)
