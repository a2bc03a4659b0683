"""`scalewarden run`: the operator."""

import asyncio
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from scalewarden.cli.guard import address
from scalewarden.cli.prometheus_flags import PrometheusOptions, reads_prometheus
from scalewarden.errors import BadInput
from scalewarden.model.duration import seconds
from scalewarden.model.policy import Mode, Way


@reads_prometheus(every=True)
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
    cooperate: Annotated[
        list[Way] | None,
        typer.Option(help="What services may ask for in policy.cooperate; repeatable.", show_default="nothing"),
    ] = None,
    prometheus: Annotated[
        PrometheusOptions | None,
        typer.Option(envvar="SCALEWARDEN_PROMETHEUS", help="URL to read metrics from.", show_default="scrape the pods"),
    ] = None,
    scrape_token_file: Annotated[
        Path | None, typer.Option(help="Bearer token for pods that are scraped over https.", show_default=False)
    ] = None,
    scrape_ca_file: Annotated[
        Path | None, typer.Option(help="Authorities that scraped pods are trusted by.", show_default=False)
    ] = None,
    scrape_cert_file: Annotated[
        Path | None, typer.Option(help="Client certificate for scraped pods.", show_default=False)
    ] = None,
    scrape_key_file: Annotated[
        Path | None, typer.Option(help="Its key, where not in the same file.", show_default=False)
    ] = None,
    scrape_server_name: Annotated[
        str | None, typer.Option(help="Name that the certificates of scraped pods carry.", show_default="their IP")
    ] = None,
    scrape_concurrency: Annotated[int, typer.Option(help="Pods that are scraped at once.", min=1)] = 64,
    scrape_timeout: Annotated[str, typer.Option(help="For one page of a pod.")] = "3s",
    interval: Annotated[str, typer.Option(envvar="SCALEWARDEN_INTERVAL", help="Between two evaluations.")] = "15s",
    scrape_interval: Annotated[
        str, typer.Option(envvar="SCALEWARDEN_SCRAPE_INTERVAL", help="Between two readings of the metrics.")
    ] = "15s",
    resync: Annotated[str, typer.Option(help="Between two lists of everything.")] = "5m",
    listen: Annotated[
        str, typer.Option(envvar="SCALEWARDEN_LISTEN", help="HOST:PORT of /livez, /readyz and /metrics.")
    ] = "0.0.0.0:8080",
    page: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of a read-only web page, such as 127.0.0.1:8088.", show_default="none"),
    ] = None,
    lease_namespace: Annotated[
        str | None, typer.Option(envvar="POD_NAMESPACE", help="Where the leader's Lease is.", show_default="its own")
    ] = None,
    lease: Annotated[str, typer.Option(help="Name of the leader's Lease.")] = "scalewarden-operator",
    lease_duration: Annotated[str, typer.Option(help="Silence after which a standby takes over.")] = "15s",
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Log what is only of use in search of a fault.")
    ] = False,
) -> None:
    """Run the operator: watch InferenceDeployments, judge them, write status, fence, events and annotations."""
    from scalewarden.app.operator import run as run_operator
    from scalewarden.app.settings import LeaseSettings, Settings, own_identity, own_namespace
    from scalewarden.cli.scrape_flags import scrape_options
    from scalewarden.sources.kubeconnection import Connect
    from scalewarden.sources.tls import Access

    _log(verbose=verbose)
    bound = address(listen, "--listen")
    shown = address(page, "--page") if page else None
    between = _seconds(scrape_interval, "--scrape-interval")
    duration = _seconds(lease_duration, "--lease-duration")
    settings = Settings(
        connect=Connect(kubeconfig, context),
        namespaces=tuple(namespace or ()),
        max_mode=max_mode,
        cooperate=frozenset(cooperate or ()),
        prometheus=prometheus and replace(prometheus, step=between),
        scrape=scrape_options(
            Access(
                ca_file=scrape_ca_file,
                cert_file=scrape_cert_file,
                key_file=scrape_key_file,
                token_file=scrape_token_file,
            ),
            scrape_server_name,
            scrape_concurrency,
            _seconds(scrape_timeout, "--scrape-timeout"),
        ),
        interval=_seconds(interval, "--interval"),
        scrape_interval=between,
        resync=_seconds(resync, "--resync"),
        host=bound.host,
        port=bound.port,
        page=(shown.host, shown.port) if shown else None,
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
