"""Service after service of a replay, and what a reader must know of each. Ctrl-C ends it with what is known by then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from scalewarden.app.replay_jobs import Found, Told, replay_all, shares
from scalewarden.app.replaying import Span, Subject, of_recording
from scalewarden.errors import BadInput
from scalewarden.model.duration import rfc3339
from scalewarden.model.replayed import Bucket, Replayed
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.recording import Recording, load
from scalewarden.surfaces.replay_json import About, document
from scalewarden.surfaces.replay_json_models import ReplayDocument


@dataclass(slots=True)
class Work:
    """What was found so far. interrupted: somebody ended it."""

    span: Span
    source: str
    notes: list[str]
    done: list[Replayed] = field(default_factory=list)
    interrupted: bool = False

    @property
    def document(self) -> ReplayDocument:
        """For every output."""
        span = self.span
        return document(About(self.source, span.start, span.end, span.step, tuple(self.notes)), self.done)


def recordings(folder: Path) -> list[Recording]:
    """The recording, or those in the folder, in the order of their names. Raises BadInput."""
    if (folder / "recording.yaml").is_file() or not folder.is_dir():
        return [load(folder)]
    inside = sorted(one.parent for one in folder.glob("*/recording.yaml"))
    if not inside:
        raise BadInput("no recording.yaml is in it, nor in a folder below", where=str(folder))
    return [load(one) for one in inside]


def began(recording: Recording) -> float:
    """Its first instant, unix seconds."""
    return recording.instants[0] if recording.instants else recording.at


def of_recordings(found: Sequence[Recording], folder: str, span: Span, told: Told) -> Work:
    """Each recording is a service of its own."""
    several = len(found) > 1
    work = Work(span, f"recording {folder}", [])
    if several:
        work.notes.append(f"Read from {len(found)} recordings; each is a service of its own.")
    try:
        for one in found:
            label = one.folder.name if several else one.declared.key
            result = of_recording(one, span, shares(told, label, began(one), one.at))
            told(label, 1.0)
            if result is None:
                work.notes.append(f"{one.folder.name}: nothing of it lies between the two instants.")
            else:
                work.done.append(replace(result, key=f"{result.key} ({label})") if several else result)
    except KeyboardInterrupt:
        _interrupted(work)
    return work


def of_prometheus(
    options: PrometheusOptions, subjects: Sequence[Subject], left_out: Sequence[str], span: Span, told: Told, jobs: int
) -> Work:
    """The past of each service. Raises SourceError where that of none could be read."""
    found = replay_all(options, subjects, span, told, jobs)
    notes = ["Objects (flags, limits, autoscalers) are taken as they are now, for the whole time.", *left_out]
    work = Work(span, f"Prometheus {options.where}", notes)
    for one in found:
        _add(work, one)
    failed = [one.error for one in found if one.error is not None]
    if len(failed) == len(subjects) and not work.done:
        raise failed[0]
    if len(found) < len(subjects) or any(one.interrupted for one in found):
        _interrupted(work)
    return work


def _add(work: Work, found: Found) -> None:
    key, result = found.subject.declared.key, found.result
    if found.error is not None or found.interrupted:
        judged = result is not None and found.came_to is not None
        part = f"replayed only until {rfc3339(found.came_to or 0.0)}" if judged else "left out"
        work.notes.append(f"{key} is {part}: {found.error or 'it was ended before its time.'}")
    if result is None:
        return
    if not any(_seen(bucket) for bucket in result.timeline):
        work.notes.append(f"{key} is left out: Prometheus has no samples of its engines from that time.")
        return
    work.notes.extend(f"{key}: {said}" for said in _said(found, work.span.start))
    work.done.append(result)


def _seen(bucket: Bucket) -> bool:
    """An engine said something: kube-state-metrics alone tells of pods whose engine nobody scraped."""
    return any(value is not None for value in (bucket.kv_high, bucket.waiting, bucket.running))


def _said(found: Found, start: float) -> Iterator[str]:
    if not found.told_counts:
        yield "no kube-state-metrics tells the wanted replica count: pods that were scraped are counted."
    if not found.told_ready:
        yield "no kube-state-metrics tells which pods were ready: those that could be scraped count as ready."
    glass = found.subject.declared.policy.break_glass_until
    if glass is not None and glass > start:
        yield "its break-glass annotation is of now and is left out: each decrease is judged as without it."


def _interrupted(work: Work) -> None:
    work.interrupted = True
    work.notes.append("Ended before its time: services that are not listed were not replayed.")
