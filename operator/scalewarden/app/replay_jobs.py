"""The past of several services: one after the other, or each in a process of its own, since a replay computes more
than it waits. What was judged before a failure or an interruption stands."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from scalewarden.app.replaying import PrometheusReplay, Span, Subject
from scalewarden.errors import ScalewardenError, SourceError
from scalewarden.model.replayed import Replayed
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.sources.prometheus_past import PastReader

Told = Callable[[str, float], None]
"""Called with the service that is replayed, and which share of the time lies behind; 1 when it is done."""
TICK = 0.2
"""Seconds between two looks at what the processes say."""
ALMOST = 0.999
"""Share of the last instants: 1 says that a service is done."""


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one service. result is None where nothing was judged; came_to: the last instant that was, unix
    seconds. told_counts, told_ready: whether kube-state-metrics told them."""

    subject: Subject
    result: Replayed | None
    came_to: float | None
    told_counts: bool
    told_ready: bool
    error: SourceError | None = None
    interrupted: bool = False


def replay_all(
    options: PrometheusOptions, subjects: Sequence[Subject], span: Span, told: Told, jobs: int = 1
) -> list[Found]:
    """In the order of the subjects; fewer where it was interrupted. Raises BadInput for options that cannot be used,
    ScalewardenError where a process was killed."""
    if min(jobs, len(subjects)) > 1:
        return _side_by_side(options, subjects, span, told, jobs)
    found: list[Found] = []
    with closing(PastReader(options)) as reader, suppress(KeyboardInterrupt):
        for subject in subjects:
            found.append(_replayed(subject, reader, span, told))
            if found[-1].interrupted:
                break
    return found


def shares(told: Told, label: str, start: float, end: float) -> Callable[[float], None]:
    """Tells, of the instant that is judged (unix seconds), which share of the time lies behind it."""
    return lambda at: told(label, min(ALMOST, (at - start) / max(1.0, end - start)))


def _replayed(subject: Subject, reader: PastReader, span: Span, told: Told) -> Found:
    replay = PrometheusReplay(subject, span)
    error, interrupted = None, False
    try:
        replay.run(reader, shares(told, replay.name, span.start, span.end))
        told(replay.name, 1.0)
    except SourceError as failed:
        error = failed
    except KeyboardInterrupt:
        interrupted = True
    fleet = replay.fleet
    return Found(
        subject, replay.result(), replay.came_to, fleet.told_counts, fleet.told_ready, error, interrupted=interrupted
    )


def _side_by_side(
    options: PrometheusOptions, subjects: Sequence[Subject], span: Span, told: Told, jobs: int
) -> list[Found]:
    """Whatever ends it early, the processes are told to stop before they are waited for; without a lock, since one that
    is killed would keep it."""
    context = get_context("spawn")
    stop, behind = context.Value("b", lock=False), context.Array("d", len(subjects), lock=False)
    found: dict[int, Found] = {}
    with ProcessPoolExecutor(min(jobs, len(subjects)), context, _begin, (stop, behind)) as pool:
        try:
            with _deaf():
                going = {pool.submit(_work, place, options, one, span): place for place, one in enumerate(subjects)}
            _until_done(going, found, lambda place: told(subjects[place].declared.key, behind[place]), stop)
        finally:
            stop.value = True
            pool.shutdown(wait=False, cancel_futures=True)
    return [found[place] for place in sorted(found)]


def _until_done(
    going: dict[Future[Found], int], found: dict[int, Found], shown: Callable[[int], None], stop: Any
) -> None:
    """What has ended goes from `going` to `found`. Ctrl-C, at whatever line, asks for what there is; a second one
    ends the waiting."""
    try:
        _wait(going, found, shown)
    except KeyboardInterrupt:
        stop.value = True
        for one in going:
            one.cancel()
        _wait(going, found, shown)


def _wait(going: dict[Future[Found], int], found: dict[int, Found], shown: Callable[[int], None]) -> None:
    while going:
        ended, left = wait(going, TICK, FIRST_COMPLETED)
        for one in [*ended, *left]:
            shown(going[one])
        for one in ended:
            if not one.cancelled():
                found[going[one]] = _told(one)
            del going[one]


def _told(one: Future[Found]) -> Found:
    try:
        return one.result()
    except BrokenProcessPool:
        hint = "perhaps for want of memory: --jobs 1 takes the least"
        raise ScalewardenError("a process that replays a service was killed", hint=hint) from None


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that begin in it do not hear Ctrl-C: they are told to stop, and tell what they have."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_shared: dict[str, Any] = {}
"""Of this process, where it is one of several: what stops it, and where it says how far it is."""


def _begin(stop: Any, behind: Any) -> None:
    _shared.update(stop=stop, behind=behind)


def _work(place: int, options: PrometheusOptions, subject: Subject, span: Span) -> Found:
    def told(_: str, share: float) -> None:
        _shared["behind"][place] = share
        if share < 1.0 and _shared["stop"].value:
            raise KeyboardInterrupt

    with closing(PastReader(options)) as reader:
        return _replayed(subject, reader, span, told)
