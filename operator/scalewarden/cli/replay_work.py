"""Service after service of a replay, and what a reader must know of each. Ctrl-C ends it with what is known by then."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from scalewarden.app.replaying import PrometheusReplay, Span, Subject, of_recording
from scalewarden.errors import BadInput, SourceError
from scalewarden.model.duration import rfc3339
from scalewarden.model.replayed import Bucket, Replayed
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.prometheus_past import PastReader
from scalewarden.sources.recording import Recording, load
from scalewarden.surfaces.replay_json import About, document
from scalewarden.surfaces.replay_json_models import ReplayDocument

Told = Callable[[str, float], None]
"""Called with the service that is replayed, and which share of the time lies behind."""


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
            result = of_recording(one, span, _share(told, label, began(one), one.at))
            if result is None:
                work.notes.append(f"{one.folder.name}: nothing of it lies between the two instants.")
            else:
                work.done.append(replace(result, key=f"{result.key} ({label})") if several else result)
    except KeyboardInterrupt:
        _interrupted(work)
    return work


def of_prometheus(
    options: PrometheusOptions, subjects: Sequence[Subject], left_out: Sequence[str], span: Span, told: Told
) -> Work:
    """The past of each service. Raises SourceError where that of none could be read."""
    failed: list[SourceError] = []
    with closing(PastReader(options)) as reader:
        notes = ["Objects (flags, limits, autoscalers) are taken as they are now, for the whole time.", *left_out]
        work = Work(span, f"Prometheus {reader.where}", notes)
        for one in subjects:
            replay, key = PrometheusReplay(one, span), one.declared.key
            try:
                replay.run(reader, _share(told, key, span.start, span.end))
            except SourceError as error:
                failed.append(error)
                work.notes.append(f"{key} is {_part(replay)}: {error}")
            except KeyboardInterrupt:
                _interrupted(work, f"{key} is {_part(replay)}.")
            _add(work, one, replay)
            if work.interrupted:
                break
    if len(failed) == len(subjects) and not work.done:
        raise failed[0]
    return work


def _add(work: Work, subject: Subject, replay: PrometheusReplay) -> None:
    key, result = subject.declared.key, replay.result()
    if result is None:
        return
    if not any(_seen(bucket) for bucket in result.timeline):
        work.notes.append(f"{key} is left out: Prometheus has no samples of its engines from that time.")
        return
    work.notes.extend(f"{key}: {said}" for said in _said(subject, replay, work.span.start))
    work.done.append(result)


def _seen(bucket: Bucket) -> bool:
    """An engine said something: kube-state-metrics alone tells of pods whose engine nobody scraped."""
    return any(value is not None for value in (bucket.kv_high, bucket.waiting, bucket.running))


def _said(subject: Subject, replay: PrometheusReplay, start: float) -> Iterator[str]:
    if not replay.fleet.told_counts:
        yield "no kube-state-metrics tells the wanted replica count: pods that were scraped are counted."
    if not replay.fleet.told_ready:
        yield "no kube-state-metrics tells which pods were ready: those that could be scraped count as ready."
    glass = subject.declared.policy.break_glass_until
    if glass is not None and glass > start:
        yield "its break-glass annotation is of now and is left out: each decrease is judged as without it."


def _part(replay: PrometheusReplay) -> str:
    """How far it came."""
    judged = replay.result() is not None and replay.came_to is not None
    return f"replayed only until {rfc3339(replay.came_to)}" if judged and replay.came_to else "left out"


def _interrupted(work: Work, *more: str) -> None:
    work.interrupted = True
    work.notes += [*more, "Ended before its time: services that are not listed were not replayed."]


def _share(told: Told, label: str, start: float, end: float) -> Callable[[float], None]:
    """Tells, of the instant that is judged, which share of the time lies behind it."""
    return lambda at: told(label, (at - start) / max(1.0, end - start))
