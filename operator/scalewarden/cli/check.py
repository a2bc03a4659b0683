"""`scalewarden check PATH…`: judge manifests before they are merged."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from scalewarden.cli.check_report import report_of
from scalewarden.cli.completion import namespaces
from scalewarden.cli.options import Context, positive
from scalewarden.cli.output import console
from scalewarden.cli.prometheus_flags import ALL_OF_RUN, reads_prometheus
from scalewarden.errors import BadInput
from scalewarden.model.check_config import CheckConfig
from scalewarden.model.checked import Checked, Level, Report
from scalewarden.sources.manifests.config import read_baseline, read_config
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.surfaces.check_fingerprint import fingerprint

if TYPE_CHECKING:
    from scalewarden.cli.check_live import Where

BAD_INPUT = 2
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
    wanted = read_config(config)
    known = read_baseline(baseline) if baseline else frozenset()
    report = _with(wanted, mode or wanted.mode, report_of(paths, base, wanted, asked))
    if write_baseline:
        _write(write_baseline, report.findings)
        return
    report = _without(known, report)
    _print(report, output)
    if report.errors:
        raise typer.Exit(BAD_INPUT)
    raise typer.Exit(1 if report.count(Level.ERROR) else 0)


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


def _with(wanted: CheckConfig, mode: str, report: Report) -> Report:
    """With the levels that the repository wants."""
    loud = [replace(one, level=Level(wanted.rules.get(one.rule, one.level)))
            for one in report.findings if wanted.rules.get(one.rule) != "off"]  # fmt: skip
    if mode == "warn":
        loud = [replace(one, level=Level.WARNING) if one.level is Level.ERROR else one for one in loud]
    return replace(report, findings=tuple(loud))


def _without(known: frozenset[str], report: Report) -> Report:
    new = tuple(one for one in report.findings if fingerprint(one) not in known)
    return replace(report, findings=new, baseline=len(report.findings) - len(new))


def _write(path: Path, findings: Iterable[Checked]) -> None:
    lines = sorted(f"{fingerprint(one)} {one.rule} {one.place.file} {one.object}" for one in findings)
    try:
        path.write_text("\n".join(["# scalewarden check --baseline: findings that were there", *lines, ""]), "utf-8")
    except OSError as error:
        raise BadInput(f"cannot be written: {(error.strerror or '').lower()}", where=str(path)) from None
    typer.echo(f"{len(lines)} findings written to {path}", err=True)


def _print(report: Report, output: CheckFormat) -> None:
    """On stdout; each format is imported only when it is asked for."""
    if output is CheckFormat.TEXT:
        from scalewarden.surfaces.check_text import show

        show(report, console())
        return
    typer.echo(_rendered(report, output), nl=output is not CheckFormat.GITHUB or bool(report.findings))
    for remark in (*report.errors, *report.remarks):
        print(f"{remark.place}: {remark.text}", file=sys.stderr)  # noqa: T201


def _rendered(report: Report, output: CheckFormat) -> str:
    if output is CheckFormat.JSON:
        from scalewarden.surfaces.check_json import to_json

        return to_json(report)
    if output is CheckFormat.SARIF:
        from scalewarden.surfaces.check_sarif import to_sarif

        return to_sarif(report)
    from scalewarden.surfaces.check_ci import to_github, to_junit

    return to_junit(report) if output is CheckFormat.JUNIT else "\n".join(to_github(report))
