"""`scalewarden doctor NAME|DIR`: where every signal comes from, or why it is missing and what to switch on."""

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated

import typer

from scalewarden.app import self_test
from scalewarden.app.live import Live
from scalewarden.cli.cluster import Cluster
from scalewarden.cli.completion import names
from scalewarden.cli.options import Context, Namespace, positive
from scalewarden.cli.output import Format, Output, console
from scalewarden.cli.prometheus_flags import ALL_OF_RUN, reads_prometheus
from scalewarden.cli.reading import Direct, reading
from scalewarden.model.crd import InferenceDeployment
from scalewarden.sources.assemble import assemble
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.recording import load
from scalewarden.surfaces.examination import Examination, examine
from scalewarden.surfaces.examination_json import document
from scalewarden.surfaces.examination_text import show
from scalewarden.surfaces.self_test import SelfTest

PAUSE = 5.0
"""Seconds between two readings: rates need two."""

Subject = Annotated[
    str,
    typer.Argument(
        help="Name of the InferenceDeployment, or a folder with recording.yaml.",
        metavar="NAME|DIR",
        autocompletion=names,
    ),
]
For = Annotated[str, typer.Option("--for", help="How long pods are read, twice at least.", metavar="DURATION")]
Prometheus = Annotated[
    PrometheusOptions | None,
    typer.Option(help=f"Read this Prometheus, as the operator does where it has one. {ALL_OF_RUN}", metavar="URL"),
]


@reads_prometheus()
def doctor(
    subject: Subject,
    namespace: Namespace = None,
    context: Context = None,
    output: Output = Format.TEXT,
    lasts: For = "15s",
    direct: Direct = False,
    prometheus: Prometheus = None,
) -> None:
    """Say of every signal where it comes from, or why it is missing and what to switch on; and test the fence.

    The fence is tested by dry runs of one replica fewer and one more: nothing is written.
    """
    if Path(subject, "recording.yaml").is_file() or "/" in subject:
        _print(examine(load(Path(subject)).snapshot()), None, (), output)
        return
    span = positive(lasts, "--for")
    cluster = Cluster.connect(context)
    found = cluster.inference_deployment(subject, namespace or cluster.namespace)
    _print(*asyncio.run(_examined(cluster, found, span, prometheus, direct=direct)), output)


async def _examined(
    cluster: Cluster, found: InferenceDeployment, span: float, options: PrometheusOptions | None, *, direct: bool
) -> tuple[Examination, SelfTest, tuple[str, ...]]:
    async with reading(cluster, found, options, direct=direct) as (live, pages):
        await live.look()
        await _read(live, 0.0 if options else span)
        snapshot = assemble(live.service.declared, live.facts(), at=time.time())
        notes = tuple(note for note in (pages.said, *live.notes.values()) if note)
        return examine(snapshot), await self_test.run(live), notes


async def _read(live: Live, span: float) -> None:
    """At once and then every `PAUSE` until `span` (s) is over: twice at least, but once where it is 0."""
    started = time.monotonic()
    await live.read(time.time())
    while (left := started + span - time.monotonic()) > 0:
        await asyncio.sleep(min(PAUSE, left))
        await live.read(time.time())


def _print(examination: Examination, test: SelfTest | None, notes: tuple[str, ...], output: Format) -> None:
    if output is Format.JSON:
        typer.echo(json.dumps(document(examination, test, notes), indent=2, ensure_ascii=False))
    else:
        show(examination, console(), test, notes)
