"""`scalewarden release NAME`: break the glass. Works with every Scalewarden pod down."""

import time
from typing import Annotated

import typer

from scalewarden.cli.options import Context, Name, Namespace, positive
from scalewarden.errors import BadInput
from scalewarden.model.duration import rfc3339

Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded and shown.")]
For = Annotated[str, typer.Option("--for", help="How long, like 30m or 1h.", metavar="DURATION")]


def release(name: Name, reason: Reason, lasts: For, namespace: Namespace = None, context: Context = None) -> None:
    """Lift the refusals for one service for a while: annotates it with reason and end, and takes down its fence.

    Needs the verb `override` on inferencedeployments. Ends by itself; to end it sooner remove the annotations.
    """
    until = rfc3339(time.time() + positive(lasts, "--for"))
    if not reason.strip():
        raise BadInput("no glass is broken without a reason", where="--reason", hint="say what for: it is recorded")
    from scalewarden.cli.cluster import Cluster
    from scalewarden.model.crd_break_glass import BREAK_GLASS, BREAK_GLASS_UNTIL

    cluster = Cluster.connect(context)
    found = cluster.inference_deployment(name, namespace or cluster.namespace)
    cluster.annotate(found, {BREAK_GLASS: reason.strip(), BREAK_GLASS_UNTIL: until})
    cluster.remove_fence(found)
    typer.echo(f"{found.key} is released until {until}: {reason.strip()}")
