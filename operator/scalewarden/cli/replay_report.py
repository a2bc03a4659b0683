"""From the arguments of `scalewarden replay` to its report, with progress."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from scalewarden.app.replay_jobs import Told
from scalewarden.app.replaying import Subject
from scalewarden.cli.output import console
from scalewarden.cli.replay import MOST_JOBS, Format
from scalewarden.cli.replay_span import of_history, of_recorded
from scalewarden.cli.replay_subjects import Subjects, of_cluster, of_manifests
from scalewarden.cli.replay_work import Work, began, of_prometheus, of_recordings, recordings
from scalewarden.errors import BadInput
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.surfaces.replay_json import to_json
from scalewarden.surfaces.replay_json_models import ReplayDocument


@dataclass(frozen=True, slots=True)
class When:
    """The texts of --from, --to and --step."""

    since: str | None
    until: str | None
    step: str | None


@dataclass(frozen=True, slots=True)
class Whose:
    """The services that are asked for: these names, in these manifests or else in a cluster, in this namespace."""

    names: Sequence[str]
    objects: Sequence[str]
    context: str | None
    namespace: str | None

    @property
    def subjects(self) -> Subjects:
        """Raises BadInput and ClusterError."""
        if self.objects:
            return of_manifests(self.objects, self.namespace)
        return asyncio.run(of_cluster(self.context, self.namespace))


def of_past(options: PrometheusOptions, whose: Whose, when: When, jobs: int | None) -> Work:
    """Out of a Prometheus. Raises BadInput, ClusterError and SourceError."""
    span = of_history(when.since, when.until, when.step, time.time())
    with _progress() as told:
        subjects, left_out = whose.subjects
        chosen = _chosen(subjects, whose.names)
        return of_prometheus(options, chosen, left_out, span, told, jobs or min(MOST_JOBS, os.cpu_count() or 1))


def of_folder(folder: Path, when: When) -> Work:
    """Out of recordings. Raises BadInput."""
    now = time.time()
    with _progress() as told:
        found = recordings(folder)
        whole = min(map(began, found)), max(one.at for one in found)
        span = of_recorded(when.since, when.until, when.step, whole, now)
        return of_recordings(found, folder.name, span, told)


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


def write(found: ReplayDocument, output: Format, file: Path | None) -> None:
    """Print the report, or write it into a file. Raises BadInput where that fails."""
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
