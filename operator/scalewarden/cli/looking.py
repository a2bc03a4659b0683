"""A look at a live service: what its pods say for a while, with what its operator knows of the time before."""

import asyncio
import time

from rich.console import Console

from scalewarden.app.judging import as_judged
from scalewarden.app.live import Live
from scalewarden.cli.cluster import Cluster
from scalewarden.cli.reading import reading
from scalewarden.model.crd import InferenceDeployment
from scalewarden.model.snapshot import Snapshot
from scalewarden.sources.assemble import assemble
from scalewarden.sources.prometheus_options import PrometheusOptions
from scalewarden.surfaces.baseline import learned_of

PAUSE = 5.0
"""Seconds between two readings."""

Looked = tuple[Snapshot, tuple[str, ...]]
"""The service as it is, and what a reader must know of that."""


def look(
    cluster: Cluster, found: InferenceDeployment, span: float, options: PrometheusOptions | None, *, direct: bool
) -> Looked:
    """Read for `span` s, or at once from a Prometheus. Raises ClusterError and SourceError."""
    return asyncio.run(_look(cluster, found, 0.0 if options else span, options, direct=direct))


async def _look(
    cluster: Cluster, found: InferenceDeployment, span: float, options: PrometheusOptions | None, *, direct: bool
) -> Looked:
    async with reading(cluster, found, options, direct=direct) as (live, pages):
        snapshot, notes = await looked(live, found, span)
        return snapshot, ((pages.said,) if pages.said else ()) + notes


async def looked(
    live: Live, found: InferenceDeployment, span: float, *, quiet: bool = False
) -> tuple[Snapshot, tuple[str, ...]]:
    """Read for `span` s. The snapshot, and what a reader must know of it; what cannot be read is absent in it. quiet:
    without showing on stderr how long it still takes."""
    await live.look()
    await _read(live, span, quiet=quiet)
    now = time.time()
    history = as_judged(found.status, now, found.policy.stabilization)
    learned = learned_of(found.status.baseline, now)
    snapshot = assemble(live.service.declared, live.facts(), at=now, history=history, learned=learned)
    return snapshot, (*live.unread(), *live.notes.values(), _known(history is not None, span))


def _known(remembered: bool, span: float) -> str:
    read = f"Pods were read for {span:.0f} s; " if span else ""
    if remembered:
        return f"{read}the safe count is never below the one that the operator found over its whole window."
    return f"{read}no operator judged this service within the last minutes, so nothing is known of the time before."


async def _read(live: Live, span: float, *, quiet: bool) -> None:
    """At once, then every `PAUSE` until `span` (s) is over: once where it is 0."""
    errors, started = Console(stderr=True, highlight=False, quiet=quiet), time.monotonic()
    await live.read(time.time())
    with errors.status(f"reading {live.name} for {span:.0f} s") as shown:
        while (left := started + span - time.monotonic()) > 0:
            await asyncio.sleep(min(PAUSE, left))
            await live.read(time.time())
            shown.update(f"reading {live.name}: {max(0.0, left - PAUSE):.0f} s left")
