"""`scalewarden replay`: what the guard would have done, over a Prometheus' history or recordings."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scalewarden.cli.options import Context
from scalewarden.cli.prometheus_flags import ALL_OF_RUN, PrometheusOptions, reads_prometheus
from scalewarden.errors import BadInput

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
    from scalewarden.cli.output import INTERRUPTED
    from scalewarden.cli.replay_report import When, Whose, of_folder, of_past, write

    when = When(since, until, step)
    if prometheus is not None:
        work = of_past(prometheus, Whose(service or (), objects or (), context, namespace), when, jobs)
    elif folder is not None:
        work = of_folder(folder, when)
    write(work.document, output, output_file)
    if work.interrupted:
        raise typer.Exit(INTERRUPTED)
