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
from scalewarden.cli.metrics_flags import method, pairs, paths, prometheus_options, scrape_options
from scalewarden.errors import BadInput
from scalewarden.model.duration import seconds
from scalewarden.model.policy import Mode, Way
from scalewarden.sources.kubeconnection import Connect
from scalewarden.sources.prometheus_options import EVERYTHING, RECORDED_ONLY
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
    cooperate: Annotated[
        list[Way] | None,
        typer.Option(help="What services may ask for in policy.cooperate; repeatable.", show_default="nothing"),
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option(envvar="SCALEWARDEN_PROMETHEUS", help="URL to read metrics from.", show_default="scrape the pods"),
    ] = None,
    prometheus_token_file: Annotated[
        Path | None, typer.Option(help="Bearer token for Prometheus.", show_default=False)
    ] = None,
    prometheus_user: Annotated[
        str | None, typer.Option(help="User name for Prometheus, with a password file.", show_default=False)
    ] = None,
    prometheus_password_file: Annotated[
        Path | None, typer.Option(help="Password of that user.", show_default=False)
    ] = None,
    prometheus_ca_file: Annotated[
        Path | None, typer.Option(help="Authorities that Prometheus is trusted by.", show_default=False)
    ] = None,
    prometheus_cert_file: Annotated[
        Path | None, typer.Option(help="Client certificate for Prometheus.", show_default=False)
    ] = None,
    prometheus_key_file: Annotated[
        Path | None, typer.Option(help="Its key, where not in the same file.", show_default=False)
    ] = None,
    prometheus_insecure_skip_verify: Annotated[
        bool, typer.Option("--prometheus-insecure-skip-verify", help="Trust any certificate of Prometheus.")
    ] = False,
    prometheus_header: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE sent along, such as a tenant; repeatable.", show_default=False),
    ] = None,
    prometheus_header_file: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH of a header that is secret; repeatable.", show_default=False),
    ] = None,
    prometheus_param: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE sent along with each query; repeatable.", show_default=False),
    ] = None,
    prometheus_match: Annotated[
        list[str] | None,
        typer.Option(
            help="LABEL=VALUE that every series must carry, such as the cluster; repeatable.", show_default=False
        ),
    ] = None,
    prometheus_namespace_label: Annotated[str, typer.Option(help="What a pod's namespace is called.")] = "namespace",
    prometheus_pod_label: Annotated[str, typer.Option(help="What a pod is called.")] = "pod",
    prometheus_method: Annotated[str, typer.Option(help="POST, or GET where POST is not taken.")] = "POST",
    prometheus_recorded: Annotated[
        bool,
        typer.Option("--prometheus-recorded", help="Read what the recording rules made, for very large fleets."),
    ] = False,
    prometheus_timeout: Annotated[str, typer.Option(help="For one answer of Prometheus.")] = "10s",
    prometheus_max_query: Annotated[
        int | None, typer.Option(help="Bytes of one query.", min=1000, show_default="16000, by GET 6000")
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
    lease: Annotated[str, typer.Option(help="Name of the leader's Lease.")] = COMPONENT,
    lease_duration: Annotated[str, typer.Option(help="Silence after which a standby takes over.")] = "15s",
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Log what is only of use in search of a fault.")
    ] = False,
) -> None:
    """Run the operator: watch InferenceDeployments, judge them, write status, fence, events and annotations."""
    _log(verbose=verbose)
    bound = address(listen, "--listen")
    shown = address(page, "--page") if page else None
    access = Access(
        ca_file=prometheus_ca_file,
        cert_file=prometheus_cert_file,
        key_file=prometheus_key_file,
        skip_verify=prometheus_insecure_skip_verify,
        token_file=prometheus_token_file,
        username=prometheus_user,
        password_file=prometheus_password_file,
    )
    between = _seconds(scrape_interval, "--scrape-interval")
    duration = _seconds(lease_duration, "--lease-duration")
    settings = Settings(
        connect=Connect(kubeconfig, context),
        namespaces=tuple(namespace or ()),
        max_mode=max_mode,
        cooperate=frozenset(cooperate or ()),
        prometheus=prometheus_options(
            prometheus,
            access,
            headers=pairs(prometheus_header, "--prometheus-header"),
            header_files=paths(prometheus_header_file, "--prometheus-header-file"),
            parameters=pairs(prometheus_param, "--prometheus-param"),
            matchers=pairs(prometheus_match, "--prometheus-match"),
            namespace_label=prometheus_namespace_label,
            pod_label=prometheus_pod_label,
            method=method(prometheus_method),
            deadline=_seconds(prometheus_timeout, "--prometheus-timeout"),
            max_query=prometheus_max_query,
            wanted=RECORDED_ONLY if prometheus_recorded else EVERYTHING,
            step=between,
        ),
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
