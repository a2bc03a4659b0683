"""From the arguments of `scalewarden check` to a report, a baseline or an exit code."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from scalewarden.cli.check import CheckFormat
from scalewarden.cli.check_report import report_of
from scalewarden.cli.output import console
from scalewarden.errors import BadInput
from scalewarden.model.check_config import CheckConfig
from scalewarden.model.checked import Checked, Level, Report
from scalewarden.sources.manifests.config import read_baseline, read_config
from scalewarden.surfaces.check_fingerprint import fingerprint

if TYPE_CHECKING:
    from scalewarden.cli.check_live import Where

BAD_INPUT = 2


def judged(paths: list[str], base: str | None, config: Path | None, mode: str | None, asked: "Where | None") -> Report:
    """Everything found, at the levels that the configuration and the mode want; asked: who knows of lowered counts.

    Raises BadInput for a path, base or configuration that cannot be read.
    """
    wanted = read_config(config)
    return _with(wanted, mode or wanted.mode, report_of(paths, base, wanted, asked))


def known_by(baseline: Path | None) -> frozenset[str]:
    """The fingerprints in a baseline; none without one. Raises BadInput where it cannot be read."""
    return read_baseline(baseline) if baseline else frozenset()


def _with(wanted: CheckConfig, mode: str, report: Report) -> Report:
    """With the levels that the repository wants."""
    loud = [replace(one, level=Level(wanted.rules.get(one.rule, one.level)))
            for one in report.findings if wanted.rules.get(one.rule) != "off"]  # fmt: skip
    if mode == "warn":
        loud = [replace(one, level=Level.WARNING) if one.level is Level.ERROR else one for one in loud]
    return replace(report, findings=tuple(loud))


def without(known: frozenset[str], report: Report) -> Report:
    """Without the findings whose fingerprints are known."""
    new = tuple(one for one in report.findings if fingerprint(one) not in known)
    return replace(report, findings=new, baseline=len(report.findings) - len(new))


def write(path: Path, findings: Iterable[Checked]) -> None:
    """Write a baseline. Raises BadInput where that fails."""
    lines = sorted(f"{fingerprint(one)} {one.rule} {one.place.file} {one.object}" for one in findings)
    try:
        path.write_text("\n".join(["# scalewarden check --baseline: findings that were there", *lines, ""]), "utf-8")
    except OSError as error:
        raise BadInput(f"cannot be written: {(error.strerror or '').lower()}", where=str(path)) from None
    typer.echo(f"{len(lines)} findings written to {path}", err=True)


def tell(report: Report, output: CheckFormat) -> int:
    """Print a report; its exit code: 0 where nothing is worse than a warning, 1 for an error, 2 for bad input."""
    _print(report, output)
    if report.errors:
        return BAD_INPUT
    return 1 if report.count(Level.ERROR) else 0


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
