"""`scalewarden guard`: the admission server and the fence's janitor."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scalewarden.errors import BadInput
from scalewarden.model.intent import AUTOSCALER_IDENTITIES
from scalewarden.model.policy import Mode, Way

if TYPE_CHECKING:
    from scalewarden.app.guard import Address


def guard(
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Default: the pod's service account.", show_default=False)
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.", show_default=False)] = None,
    listen: Annotated[
        str, typer.Option(envvar="SCALEWARDEN_GUARD_LISTEN", help="HOST:PORT of the webhook.")
    ] = "0.0.0.0:9443",
    health: Annotated[
        str, typer.Option(envvar="SCALEWARDEN_GUARD_HEALTH", help="HOST:PORT of /livez, /readyz and /metrics.")
    ] = "0.0.0.0:8080",
    service: Annotated[
        str, typer.Option(help="Service that the API server calls; its name is in the certificate.")
    ] = "scalewarden-guard",
    namespace: Annotated[
        str, typer.Option(envvar="POD_NAMESPACE", help="Namespace of Scalewarden itself.")
    ] = "scalewarden",
    webhook: Annotated[str, typer.Option(help="MutatingWebhookConfiguration that gets the CA.")] = "scalewarden-guard",
    secret: Annotated[
        str, typer.Option(help="Secret that keeps the own CA and certificate.")
    ] = "scalewarden-guard-tls",  # noqa: S107 - a name
    cert_dir: Annotated[
        Path | None, typer.Option(help="Folder with tls.crt and tls.key, instead of an own CA.", show_default=False)
    ] = None,
    autoscaler_identity: Annotated[
        list[str] | None,
        typer.Option(
            help="User that counts as an autoscaler; repeatable.", show_default=", ".join(AUTOSCALER_IDENTITIES)
        ),
    ] = None,
    max_mode: Annotated[Mode, typer.Option(help="Ceiling over every service's mode.")] = Mode.ENFORCE,
    cooperate: Annotated[
        list[Way] | None,
        typer.Option(help="What is taken off once the operator is silent; repeatable.", show_default="nothing"),
    ] = None,
    operator_lease: Annotated[str, typer.Option(help="Lease that the operator renews.")] = "scalewarden-operator",
    operator_silent_after: Annotated[
        float, typer.Option(min=1, help="Seconds of operator silence that release fences.")
    ] = 100.0,
    drain: Annotated[float, typer.Option(min=0, help="Seconds to go on serving after SIGTERM.")] = 10.0,
) -> None:
    """Run the admission server and the fence's janitor."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    from scalewarden.app.guard import GuardSettings
    from scalewarden.app.guard import run as serve
    from scalewarden.sources.kubeconnection import Connect

    settings = GuardSettings(
        connect=Connect(kubeconfig, context),
        namespace=namespace,
        service=service,
        secret=secret,
        webhook=webhook,
        lease=operator_lease,
        listen=address(listen, "--listen"),
        health=address(health, "--health"),
        cert_dir=cert_dir,
        autoscaler_identities=tuple(autoscaler_identity or AUTOSCALER_IDENTITIES),
        max_mode=max_mode,
        cooperate=frozenset(cooperate or ()),
        silent_after=operator_silent_after,
        drain=drain,
    )
    asyncio.run(serve(settings))


def address(text: str, option: str) -> "Address":
    """`HOST:PORT`, `[IPv6]:PORT` or `:PORT`. Raises BadInput naming the option."""
    from scalewarden.app.guard import Address

    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadInput(f"{text!r} is no address", where=option, hint="write HOST:PORT, like 0.0.0.0:9443")
    return Address(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104
