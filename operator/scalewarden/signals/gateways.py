"""Requests queued in front of a service, by gateways that say so: only a queue that no engine counts too.

Endpoint pickers (Gateway API inference extension, llm-d) hold requests in flow control; a page without it has no
queue of its own. `inference_pool_average_queue_size` is the mean of the engines' own queues, and Dynamo's
`dynamo_frontend_queued_requests` counts until the first token, what waits and runs in the engine included: neither is
read. Names are from these projects' documentation and unverified on a page of theirs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scalewarden.model.signal import Absent, Point, Reading, Signal, Unit
from scalewarden.model.thresholds import Thresholds
from scalewarden.signals import windows
from scalewarden.signals.pages import Pages, first_named
from scalewarden.signals.sample import Scrape
from scalewarden.signals.staleness import is_stale, stale
from scalewarden.signals.together import joined

NO_GATEWAY = Absent("no gateway in front of it is known")


@dataclass(frozen=True, slots=True)
class GatewayTable:
    """One kind of gateway: its queue's spellings, newest first, the label that names the pool, and why a page of it
    may show no queue."""

    name: str
    queue: tuple[str, ...]
    pool_label: str | None
    silent: str


PICKER = GatewayTable(
    "endpoint picker",
    ("llm_d_epp_flow_control_queue_size", "inference_extension_flow_control_queue_size"),
    "inference_pool",
    "the endpoint picker shows no queue: its flow control is off, or nothing ever waited in it",
)
DYNAMO = GatewayTable(
    "Dynamo frontend",
    ("dynamo_frontend_router_queue_pending_requests",),
    None,
    "the Dynamo frontend shows no router queue: `--router-queue-threshold` switches it on",
)
TABLES: tuple[GatewayTable, ...] = (PICKER, DYNAMO)
NAMES: frozenset[str] = frozenset(name for table in TABLES for name in table.queue)


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway pod: its scrapes, or why there are none; pools are the names of pools that send to the service."""

    table: GatewayTable
    scrapes: Sequence[Scrape] | Absent
    pools: frozenset[str] = frozenset()


def gateway_waiting(gateways: Sequence[Gateway], now: float, limits: Thresholds, window: float) -> Signal:
    """Requests that wait in all gateways together at `now` (unix seconds).

    Absent while one of them does not say: a part of a queue is no queue.
    """
    if not gateways:
        return NO_GATEWAY
    found = [_waiting(gateway, now, limits, window) for gateway in gateways]
    readings = [one for one in found if isinstance(one, Reading)]
    if len(readings) < len(found):
        return next(one for one in found if isinstance(one, Absent))
    series = windows.total([reading.series for reading in readings])
    return joined(readings, sum(reading.value for reading in readings), Unit.REQUESTS, series)


def _waiting(gateway: Gateway, now: float, limits: Thresholds, window: float) -> Signal:
    if isinstance(gateway.scrapes, Absent):
        return gateway.scrapes
    pages = Pages.of(gateway.scrapes, now, window)
    if not pages.scrapes:
        return Absent(f"no scrape of the {gateway.table.name}'s metrics page")
    if is_stale(pages.scrapes[-1].at, now, limits):
        return stale(limits)
    name = first_named(pages, gateway.table.queue)
    points = _points(pages, name, gateway) if name else ()
    if name is None or not points:
        return Absent(gateway.table.silent)
    if is_stale(points[-1].at, now, limits):
        return stale(limits)
    return Reading(points[-1].value, Unit.REQUESTS, points[-1].at, name, points[-1].at - points[0].at, points)


def _points(pages: Pages, name: str, gateway: Gateway) -> tuple[Point, ...]:
    """The queue of the service's pools on every page that shows one; a page with a value that is no number is left."""
    label, points = gateway.table.pool_label, []
    for scrape in pages.scrapes:
        rows = scrape.named(name)
        mine = [row.value for row in rows if label is None or row.labels.get(label, "") in (*gateway.pools, "")]
        if mine and all(0 <= value < math.inf for value in mine):
            points.append(Point(scrape.at, math.fsum(mine)))
    return tuple(points)
