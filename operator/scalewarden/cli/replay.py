"""`scalewarden replay`: what the guard would have done, over a Prometheus' history or recordings."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from scalewarden.app.replay_jobs import Told
from scalewarden.app.replaying import Subject
from scalewarden.cli.options import Context
from scalewarden.cli.output import INTERRUPTED, console
from scalewarden.cli.prometheus_flags import ALL_OF_RUN, reads_prometheus
from scalewarden.cli.replay_span import of_history, of_recorded
from scalewarden.cli.replay_subjects import of_cluster, of_manifests
from scalewarden.cli.replay_work import began, of_prometheus, of_recordings, recordings
from scalewarden.errors import BadInput
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.surfaces.replay_json import to_json
from scalewarden.surfaces.replay_json_models import ReplayDocument

MOST_JOBS = 4
"""By default: as many queries are asked at once."""


class Format(StrEnum):
    """What `-o` takes."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


Folder = Annotated[Path | None, typer.Argument(help="A recording's folder, or one with several in it.", metavar="DIR")]
Server = Annotated[
    PrometheusOptions | None,
    typer.Option("--prometheus", help=f"Read the past from there. {ALL_OF_RUN}", metavar="URL"),
]
Names = Annotated[
    list[str] | None,
    typer.Option("--service", help="Only this InferenceDeployment, NAME or NAMESPACE/NAME; may be repeated."),
]
Objects = Annotated[
    list[str] | None,
    typer.Option("--objects", help="Files or folders with InferenceDeployments, workloads and autoscalers, in place of "
                 "a cluster; may be repeated.", metavar="PATH"),
]  # fmt: skip
Namespace = Annotated[
    str | None, typer.Option("-n", "--namespace", help="Only there; all namespaces of the cluster by default.")
]
Since = Annotated[
    str | None, typer.Option("--from", help="RFC 3339, or so long ago: 90m, 24h, 7d. A day before --to by default.")
]
Until = Annotated[str | None, typer.Option("--to", help="RFC 3339, or so long ago; 2 minutes ago by default.")]
Every = Annotated[
    str | None,
    typer.Option("--step", help="Time between two evaluations: 15s by default, longer where more than a day is asked "
                 "for, and then 15s around changes of the replica count."),
]  # fmt: skip
Jobs = Annotated[
    int | None,
    typer.Option("-j", "--jobs", min=1, help="Services that are replayed at once, each by a process; by default as "
                 f"many as there are processors, {MOST_JOBS} at most."),
]  # fmt: skip
Output = Annotated[Format, typer.Option("-o", "--output", help="Text, one HTML page, or JSON.")]
Out = Annotated[Path | None, typer.Option("--output-file", "-O", help="Write there instead of to stdout.")]


@reads_prometheus(timeout="60s")
def replay(
    folder: Folder = None,
    prometheus: Server = None,
    service: Names = None,
    objects: Objects = None,
    namespace: Namespace = None,
    context: Context = None,
    since: Since = None,
    until: Until = None,
    step: Every = None,
    jobs: Jobs = None,
    output: Output = Format.TEXT,
    output_file: Out = None,
) -> None:
    """Say what the guard would have done: every decrease, what it would have said, and what really followed.

    Out of recordings, or of a Prometheus that has scraped the engines. Nothing is written but the report.
    """
    if (folder is None) == (prometheus is None):
        hint = "such as `scalewarden replay --prometheus http://localhost:9090 --from 7d`"
        raise BadInput("give a recording's folder or --prometheus URL, one of them", hint=hint)
    now = time.time()
    with _progress() as told:
        if prometheus is not None:
            span = of_history(since, until, step, now)
            subjects, left_out = (
                of_manifests(objects, namespace) if objects else asyncio.run(of_cluster(context, namespace))
            )
            work = of_prometheus(
                prometheus,
                _chosen(subjects, service or []),
                left_out,
                span,
                told,
                jobs or min(MOST_JOBS, os.cpu_count() or 1),
            )
        elif folder is not None:
            found = recordings(folder)
            whole = min(map(began, found)), max(one.at for one in found)
            work = of_recordings(found, folder.name, of_recorded(since, until, step, whole, now), told)
    _write(work.document, output, output_file)
    if work.interrupted:
        raise typer.Exit(INTERRUPTED)


def _chosen(subjects: list[Subject], names: Sequence[str]) -> list[Subject]:
    """Those of these names, in their order. Raises BadInput for one that is not there."""
    known = ", ".join(one.declared.key for one in subjects[:10])
    for name in names:
        if not any(name in (one.declared.name, one.declared.key) for one in subjects):
            raise BadInput(f"there is no InferenceDeployment {name}", hint=f"there are: {known}" if known else "")
    return [one for one in subjects if not names or one.declared.name in names or one.declared.key in names]


@contextmanager
def _progress() -> Iterator[Told]:
    """A line for each service, on stderr where that is a terminal."""
    errors = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def told(label: str, share: float) -> None:
            if label not in tasks:
                tasks[label] = progress.add_task(f"replaying {label}", total=1.0)
            progress.update(tasks[label], completed=max(0.0, share), visible=share < 1.0)

        yield told


def _write(found: ReplayDocument, output: Format, file: Path | None) -> None:
    if output is Format.TEXT and file is None:
        from scalewarden.surfaces.replay_text import show

        show(found, console())
        return
    text = _text(found, output)
    if file is None:
        typer.echo(text)
        return
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot be written: {error.strerror}", where=str(file)) from None
    typer.echo(f"wrote {file}", err=True)


def _text(found: ReplayDocument, output: Format) -> str:
    if output is Format.JSON:
        return to_json(found)
    if output is Format.HTML:
        from scalewarden.surfaces.report import to_html

        return to_html(found)
    from scalewarden.surfaces.replay_text import text

    return text(found)
