"""`scalewarden check PATH…`: judge manifests before they are merged."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from scalewarden.cli.completion import namespaces
from scalewarden.cli.options import Context, positive
from scalewarden.cli.prometheus_flags import ALL_OF_RUN, PrometheusOptions, reads_prometheus
from scalewarden.errors import BadInput

if TYPE_CHECKING:
    from scalewarden.cli.check_live import Where

_ASKS = "--live and --prometheus ask what a lowered count would do"


class CheckFormat(StrEnum):
    """What `-o` takes."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


Paths = Annotated[list[str], typer.Argument(help="Files, folders, or - for stdin.", metavar="PATH...")]
As = Annotated[CheckFormat, typer.Option("-o", "--output", help="Text for people; the others for pipelines.")]
Mode = Annotated[
    Literal["warn", "enforce"] | None, typer.Option(help="warn: errors count as warnings and the exit code is 0.")
]
Base = Annotated[
    str | None, typer.Option(help="Folder or git ref to compare with: lowered replica counts are judged too.")
]
Config = Annotated[Path | None, typer.Option(help="Configuration; .scalewarden.yaml of this folder by default.")]
Baseline = Annotated[Path | None, typer.Option(help="File of known findings, which are not shown.")]
WriteBaseline = Annotated[Path | None, typer.Option(help="Write the findings into such a file and exit with 0.")]
Live = Annotated[
    bool,
    typer.Option("--live", help="Put lowered counts to the services that run in the cluster; --context implies it."),
]
Namespace = Annotated[
    str | None, typer.Option("-n", "--namespace", help="Of manifests that name none.", autocompletion=namespaces)
]
Prometheus = Annotated[
    PrometheusOptions | None,
    typer.Option(
        help=f"Read this Prometheus for lowered counts; without --live no cluster is asked. {ALL_OF_RUN}", metavar="URL"
    ),
]
For = Annotated[str, typer.Option("--for", help="How long pods are read without a Prometheus.", metavar="DURATION")]
Direct = Annotated[bool, typer.Option("--direct", help="Ask pods by their addresses, inside the cluster's network.")]


@reads_prometheus()
def check(
    paths: Paths,
    output: As = CheckFormat.TEXT,
    mode: Mode = None,
    base: Base = None,
    config: Config = None,
    baseline: Baseline = None,
    write_baseline: WriteBaseline = None,
    live: Live = False,
    context: Context = None,
    namespace: Namespace = None,
    prometheus: Prometheus = None,
    lasts: For = "60s",
    direct: Direct = False,
) -> None:
    """Judge manifests before they are merged: autoscalers of LLM inference, and what they scale.

    Reads rendered YAML and JSON; Helm templates and Kustomize patches are skipped with a remark.

    Exits with 0 where nothing is worse than a warning, 1 for an error, 2 for bad input.
    """
    asked = None
    if live or context or prometheus:
        if base is None:
            raise BadInput(_ASKS, where="--base", hint="give a folder or a git ref to compare with")
        asked = _where(live or bool(context), context, namespace, prometheus, positive(lasts, "--for"), direct=direct)
    # Imported only now: it takes longer than `--help` may.
    from scalewarden.cli.check_work import judged, known_by, tell, without, write

    known = known_by(baseline)
    report = judged(paths, base, config, mode, asked)
    if write_baseline:
        write(write_baseline, report.findings)
        return
    raise typer.Exit(tell(without(known, report), output))


def _where(
    cluster: bool,
    context: str | None,
    namespace: str | None,
    prometheus: PrometheusOptions | None,
    span: float,
    *,
    direct: bool,
) -> "Where":
    """Whom to ask; imported only now, since a check of manifests needs no cluster."""
    from scalewarden.cli.check_live import Where

    return Where(cluster, context, namespace, prometheus, span, direct)
