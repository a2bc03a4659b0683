"""`scalewarden run`: the operator."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from scalewarden.app.operator import run as run_operator
from scalewarden.app.settings import COMPONENT, LeaseSettings, Settings, own_identity, own_namespace
from scalewarden.cli.guard import address
from scalewarden.errors import BadInput
from scalewarden.model.duration import seconds
from scalewarden.model.policy import Mode
from scalewarden.sources.kubeconnection import Connect
from scalewarden.sources.prometheus_api import PrometheusOptions
from scalewarden.sources.scrape import ScrapeOptions
from scalewarden.sources.tls import Access


def run(
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Default: the pod's service account.", show_default=False)
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.", show_default=False)] = None,
    namespace: Annotated[
        list[str] | None, typer.Option("-n", "--namespace", help="Watch this one; repeatable.", show_default="all")
    ] = None,
    max_mode: Annotated[
        Mode, typer.Option(envvar="SCALEWARDEN_MAX_MODE", help="Ceiling over every service's mode.")
    ] = Mode.ENFORCE,
    prometheus: Annotated[
        str | None,
        typer.Option(envvar="SCALEWARDEN_PROMETHEUS", help="URL to read metrics from.", show_default="scrape the pods"),
    ] = None,
    prometheus_token_file: Annotated[
        Path | None, typer.Option(help="Bearer token for Prometheus.", show_default=False)
    ] = None,
    prometheus_ca_file: Annotated[
        Path | None, typer.Option(help="Authorities that Prometheus is trusted by.", show_default=False)
    ] = None,
    interval: Annotated[str, typer.Option(envvar="SCALEWARDEN_INTERVAL", help="Between two evaluations.")] = "15s",
    scrape_interval: Annotated[
        str, typer.Option(envvar="SCALEWARDEN_SCRAPE_INTERVAL", help="Between two readings of the metrics.")
    ] = "15s",
    resync: Annotated[str, typer.Option(help="Between two lists of everything.")] = "5m",
    listen: Annotated[
        str, typer.Option(envvar="SCALEWARDEN_LISTEN", help="HOST:PORT of /livez, /readyz and /metrics.")
    ] = "0.0.0.0:8080",
    lease_namespace: Annotated[
        str | None, typer.Option(envvar="POD_NAMESPACE", help="Where the leader's Lease is.", show_default="its own")
    ] = None,
    lease: Annotated[str, typer.Option(help="Name of the leader's Lease.")] = COMPONENT,
    lease_duration: Annotated[str, typer.Option(help="Silence after which a standby takes over.")] = "15s",
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Log what is only of use in search of a fault.")
    ] = False,
) -> None:
    """Run the operator: watch InferenceDeployments, judge them, write status, fence, events and annotations."""
    _log(verbose=verbose)
    bound = address(listen, "--listen")
    access = Access(ca_file=prometheus_ca_file, token_file=prometheus_token_file)
    duration = _seconds(lease_duration, "--lease-duration")
    settings = Settings(
        connect=Connect(kubeconfig, context),
        namespaces=tuple(namespace or ()),
        max_mode=max_mode,
        prometheus=PrometheusOptions(prometheus, access=access) if prometheus else None,
        scrape=ScrapeOptions(),
        interval=_seconds(interval, "--interval"),
        scrape_interval=_seconds(scrape_interval, "--scrape-interval"),
        resync=_seconds(resync, "--resync"),
        host=bound.host,
        port=bound.port,
        lease=LeaseSettings(lease_namespace or own_namespace(), lease, own_identity(), duration, duration / 3),
    )
    asyncio.run(run_operator(settings))


def _seconds(text: str, option: str) -> float:
    try:
        found = seconds(text)
    except ValueError as error:
        raise BadInput(str(error), where=option) from None
    if found <= 0:
        raise BadInput(f"{text!r} is no time at all", where=option, hint="write 1s or more")
    return found


def _log(*, verbose: bool) -> None:
    """On stderr."""
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
