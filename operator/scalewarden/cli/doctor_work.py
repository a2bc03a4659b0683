"""What a live service, or a recording of one, gives us: looked at, tested and told."""

import asyncio
import json
import time
from pathlib import Path

import typer

from scalewarden.app import self_test
from scalewarden.app.live import Live
from scalewarden.cli.cluster import Cluster
from scalewarden.cli.output import Format, console
from scalewarden.cli.reading import reading
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


def tell_recording(folder: Path, output: Format) -> None:
    """Print where each signal of a recording comes from."""
    _print(examine(load(folder).snapshot()), None, (), output)


def tell(
    cluster: Cluster,
    found: InferenceDeployment,
    output: Format,
    span: float,
    options: PrometheusOptions | None,
    *,
    direct: bool,
) -> None:
    """Read a live service for `span` s, or at once from a Prometheus; print it, and the test of its fence."""
    _print(*asyncio.run(_examined(cluster, found, span, options, direct=direct)), output)


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
