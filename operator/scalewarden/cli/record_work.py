"""From a live service to a recording, with progress."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from scalewarden.app.live import Live
from scalewarden.app.recording_run import Plan, Round, Told
from scalewarden.app.recording_run import record as run
from scalewarden.cli.cluster import Cluster
from scalewarden.cli.reading import reading
from scalewarden.errors import ClusterError
from scalewarden.model.crd import InferenceDeployment
from scalewarden.sources.bundle import Bundle
from scalewarden.sources.podproxy import PodPages
from scalewarden.surfaces.bundle_text import Contents, contents

PLAIN_EVERY = 60.0
"""Seconds between two lines of progress where stderr is no terminal."""


def recorded(
    cluster: Cluster,
    found: InferenceDeployment,
    folder: Path,
    span: float,
    pause: float,
    *,
    direct: bool,
    models: bool,
) -> str:
    """Record for `span` s, each `pause` s; what is in the folder then, for people. models: with their names.

    Raises BadInput for a folder that cannot be used, ClusterError where no pod gave a page.
    """
    plan, bundle = Plan(span, pause), Bundle.begin(folder, models=models)
    return contents(asyncio.run(_record(cluster, found, bundle, plan, direct=direct)))


async def _record(
    cluster: Cluster, found: InferenceDeployment, bundle: Bundle, plan: Plan, *, direct: bool
) -> Contents:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with reading(cluster, found, direct=direct) as (live, pages):
        with _progress(live, pages, plan) as told:
            readings = await run(live, bundle, plan, stop, told)
    if not bundle.pages:
        trouble = next((f"{pod}: {cause}" for pod, cause in live.trouble().items()), "the target has no pods that run")
        raise ClusterError("no pod gave a page, so there is nothing to judge", where=found.key, hint=trouble)
    return Contents(
        folder=bundle.folder,
        key=found.key,
        readings=readings,
        pods=len(live.service.pods),
        sources=bundle.pages,
        size=bundle.size,
        left_out=bundle.left_out,
        aliases=bundle.keeper.aliases,
        trouble=live.trouble(),
        notes=tuple(live.notes.values()),
    )


@contextmanager
def _progress(live: Live, pages: PodPages, plan: Plan) -> Iterator[Told]:
    """A bar on a terminal, now and then a line elsewhere; what must be said is said once."""
    errors = Console(stderr=True, highlight=False, markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(f"recording {live.name}", total=plan.rounds, state="")
        spoken: set[str] = set()
        each = max(1, round(PLAIN_EVERY / plan.pause))

        def told(done: Round) -> None:
            state = f"{done.answered} of {done.asked} pages"
            bar.update(task, completed=done.number, state=state)
            for text in (pages.said, *live.notes.values()):
                if text and text not in spoken:
                    spoken.add(text)
                    errors.print(f"note: {text}", soft_wrap=True)
            if bar.disable and (done.number % each == 1 or done.number == plan.rounds):
                errors.print(f"reading {done.number} of {plan.rounds}: {state}")

        yield told
