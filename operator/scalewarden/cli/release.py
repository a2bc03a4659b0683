"""`scalewarden release NAME`: break the glass. Works with every Scalewarden pod down."""

import time
from typing import Annotated

import typer

from scalewarden.cli.cluster import Cluster
from scalewarden.cli.explain import Context, Name, Namespace
from scalewarden.errors import BadInput
from scalewarden.model.crd_break_glass import BREAK_GLASS, BREAK_GLASS_UNTIL
from scalewarden.model.duration import rfc3339, seconds

Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded and shown.")]
For = Annotated[str, typer.Option("--for", help="How long, like 30m or 1h.", metavar="DURATION")]


def release(name: Name, reason: Reason, lasts: For, namespace: Namespace = None, context: Context = None) -> None:
    """Lift the refusals for one service for a while: annotates it with reason and end, and takes down its fence.

    Needs the verb `override` on inferencedeployments. Ends by itself; to end it sooner remove the annotations.
    """
    until = rfc3339(time.time() + _positive(lasts))
    if not reason.strip():
        raise BadInput("no glass is broken without a reason", where="--reason", hint="say what for: it is recorded")
    cluster = Cluster.connect(context)
    found = cluster.inference_deployment(name, namespace or cluster.namespace)
    cluster.annotate(found, {BREAK_GLASS: reason.strip(), BREAK_GLASS_UNTIL: until})
    cluster.remove_fence(found)
    typer.echo(f"{found.key} is released until {until}: {reason.strip()}")


def _positive(text: str) -> float:
    try:
        found = seconds(text)
    except ValueError as error:
        raise BadInput(str(error), where="--for", hint="write a duration like 30m or 1h") from None
    if found <= 0:
        raise BadInput(f"{text!r} is no time at all", where="--for", hint="write a duration like 30m or 1h")
    return found
