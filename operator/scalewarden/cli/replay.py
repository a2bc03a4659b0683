"""`scalewarden replay`: what the guard would have done, over a Prometheus' history or recordings."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from scalewarden.app.replaying import FINEST, Span, Subject, of_prometheus, of_recording
from scalewarden.cli.options import Context
from scalewarden.cli.output import INTERRUPTED, console
from scalewarden.cli.replay_subjects import of_cluster, of_manifests
from scalewarden.errors import BadInput, SourceError
from scalewarden.model.duration import seconds, unix_seconds
from scalewarden.model.replayed import Replayed
from scalewarden.sources.past_fleet import PastFleet
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.prometheus_past import PastReader
from scalewarden.sources.recording import Recording, load
from scalewarden.surfaces.replay_json import About, document, to_json
from scalewarden.surfaces.replay_json_models import ReplayDocument

DAY = 86_400.0
DEADLINE = 60.0
"""Seconds that an answer about half an hour of raw samples may take."""

Told = Callable[[str, float], None]


class Format(StrEnum):
    """What `-o` takes."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


Folder = Annotated[Path | None, typer.Argument(help="A recording's folder, or one with several in it.", metavar="DIR")]
Url = Annotated[str | None, typer.Option("--prometheus", help="Read the past from there.", metavar="URL")]
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
    str | None, typer.Option("--from", help="RFC 3339, or so long ago: 90m, 24h, 7d. 24h ago by default.")
]
Until = Annotated[str | None, typer.Option("--to", help="RFC 3339, or so long ago; now by default.")]
Every = Annotated[
    str | None,
    typer.Option("--step", help="Time between two evaluations: 15s by default, longer where more than a day is asked "
                 "for, and then 15s around changes of the replica count."),
]  # fmt: skip
Output = Annotated[Format, typer.Option("-o", "--output", help="Text, one HTML page, or JSON.")]
Out = Annotated[Path | None, typer.Option("--output-file", "-O", help="Write there instead of to stdout.")]


def replay(
    folder: Folder = None,
    prometheus: Url = None,
    service: Names = None,
    objects: Objects = None,
    namespace: Namespace = None,
    context: Context = None,
    since: Since = None,
    until: Until = None,
    step: Every = None,
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
    every = _step(step)
    with _progress() as told:
        if folder is not None:
            found, interrupted = _of_recordings(folder, _instant(since, now), _instant(until, now), every, told)
        else:
            span = Span.of(_instant(since, now) or now - DAY, _instant(until, now) or now, every)
            subjects, left_out = (
                of_manifests(objects, namespace) if objects else asyncio.run(of_cluster(context, namespace))
            )
            chosen = _chosen(subjects, service or [])
            found, interrupted = _of_prometheus(prometheus or "", chosen, left_out, span, told)
    _write(found, output, output_file)
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _of_recordings(
    folder: Path, since: float | None, until: float | None, step: float | None, told: Told
) -> tuple[ReplayDocument, bool]:
    recordings = list(_recordings(folder))
    ends = [one.at for one in recordings]
    starts = [one.instants[0] if one.instants else one.at for one in recordings]
    span = _ordered(
        Span(min(starts) if since is None else since, max(ends) if until is None else until, step or FINEST)
    )
    done: list[Replayed] = []
    notes = [f"Read from {len(recordings)} recordings; each is a service of its own."] if len(recordings) > 1 else []

    def work() -> None:
        for one, began in zip(recordings, starts, strict=True):
            label = one.folder.name if len(recordings) > 1 else one.declared.key
            result = of_recording(one, span, _share(told, label, began, one.at))
            if result is None:
                notes.append(f"{one.folder.name}: nothing of it lies between the two instants.")
            else:
                done.append(replace(result, key=f"{result.key} ({label})") if len(recordings) > 1 else result)

    interrupted = _until_interrupted(work, notes)
    return document(About(f"recording {folder.name}", span.start, span.end, span.step, tuple(notes)), done), interrupted


def _of_prometheus(
    url: str, subjects: Sequence[Subject], left_out: Sequence[str], span: Span, told: Told
) -> tuple[ReplayDocument, bool]:
    _ordered(span)
    reader = PastReader(PrometheusOptions(url, deadline=DEADLINE))
    done: list[Replayed] = []
    failed: list[SourceError] = []
    notes = ["Objects (flags, limits, autoscalers) are taken as they are now, for the whole time.", *left_out]

    def work() -> None:
        for one in subjects:
            key = one.declared.key
            try:
                result, fleet = of_prometheus(one, reader, span, _share(told, key, span.start, span.end))
            except SourceError as error:
                failed.append(error)
                notes.append(f"{key} is left out: {error}")
                continue
            notes.extend(_unseen(key, result, fleet))
            if result is not None:
                done.append(result)

    try:
        interrupted = _until_interrupted(work, notes)
    finally:
        reader.close()
    if failed and not done:
        raise failed[0]
    return document(
        About(f"Prometheus {reader.where}", span.start, span.end, span.step, tuple(notes)), done
    ), interrupted


def _share(told: Told, label: str, start: float, end: float) -> Callable[[float], None]:
    """Tells, of the instant that is judged, which share of the time lies behind it."""
    return lambda at: told(label, (at - start) / max(1.0, end - start))


def _unseen(key: str, result: Replayed | None, fleet: PastFleet) -> Iterator[str]:
    if result is None or not any(bucket.ready for bucket in result.timeline):
        yield f"{key}: Prometheus has no samples of its pods from that time."
        return
    if not fleet.told_counts:
        yield f"{key}: no kube-state-metrics tells the wanted replica count: pods that were scraped are counted."
    if not fleet.told_ready:
        yield f"{key}: no kube-state-metrics tells which pods were ready: those that could be scraped count as ready."


def _until_interrupted(work: Callable[[], None], notes: list[str]) -> bool:
    """True where somebody ended it: what was done until then is told."""
    try:
        work()
    except KeyboardInterrupt:
        notes.append("Ended before its time: services that are not listed were not replayed.")
        return True
    return False


def _recordings(folder: Path) -> Iterator[Recording]:
    """The recording, or those in the folder, in the order of their names."""
    if (folder / "recording.yaml").is_file() or not folder.is_dir():
        yield load(folder)
        return
    inside = sorted(one.parent for one in folder.glob("*/recording.yaml"))
    if not inside:
        raise BadInput("no recording.yaml is in it, nor in a folder below", where=str(folder))
    yield from map(load, inside)


def _chosen(subjects: list[Subject], names: Sequence[str]) -> list[Subject]:
    """Those of these names, in their order. Raises BadInput for one that is not there."""
    known = ", ".join(one.declared.key for one in subjects[:10])
    for name in names:
        if not any(name in (one.declared.name, one.declared.key) for one in subjects):
            raise BadInput(f"there is no InferenceDeployment {name}", hint=f"there are: {known}" if known else "")
    return [one for one in subjects if not names or one.declared.name in names or one.declared.key in names]


def _instant(text: str | None, now: float) -> float | None:
    """Unix seconds. Raises BadInput saying what to write."""
    if text is None:
        return None
    try:
        if re.fullmatch(r"[0-9]{1,4}d", text):
            return now - DAY * int(text[:-1])
        return now - seconds(text) if text[-1:] in "smh" else unix_seconds(text)
    except ValueError:
        hint = 'write RFC 3339 like "2026-11-21T23:00:00Z", or how long ago: 90m, 24h, 7d'
        raise BadInput(f"{text!r} is no instant", where="--from or --to", hint=hint) from None


def _step(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        found = seconds(text)
    except ValueError as error:
        raise BadInput(str(error), where="--step") from None
    if found < 1.0:
        raise BadInput(f"{text} is less than a second", where="--step", hint="an operator evaluates every 15s")
    return found


def _ordered(span: Span) -> Span:
    if span.end <= span.start:
        raise BadInput("the replay would end before it begins", where="--from and --to", hint="--from is the earlier")
    return span


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
        tasks: dict[str, object] = {}

        def told(label: str, share: float) -> None:
            if label not in tasks:
                for earlier in tasks.values():
                    progress.remove_task(earlier)  # type: ignore[arg-type]
                tasks.clear()
                tasks[label] = progress.add_task(f"replaying {label}", total=1.0)
            progress.update(tasks[label], completed=min(1.0, max(0.0, share)))  # type: ignore[arg-type]

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
