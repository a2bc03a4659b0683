"""`scalewarden what-if NAME|DIR --replicas N`: what fewer replicas would come to, judged as the operator judges."""

from pathlib import Path
from typing import Annotated

import typer

from scalewarden.cli.options import Context, Direct, For, NameOrRecording, Namespace, positive
from scalewarden.cli.output import Format, Output
from scalewarden.cli.prometheus_flags import Prometheus, reads_prometheus
from scalewarden.model.intent import Actor

Replicas = Annotated[int, typer.Option("--replicas", min=0, help="The count to go to.", metavar="N")]
Who = Annotated[Actor, typer.Option("--actor", help="Who would ask: an autoscaler is held where a user is warned.")]


@reads_prometheus()
def what_if(
    subject: NameOrRecording,
    replicas: Replicas,
    actor: Who = Actor.USER,
    namespace: Namespace = None,
    context: Context = None,
    output: Output = Format.TEXT,
    lasts: For = "60s",
    direct: Direct = False,
    prometheus: Prometheus = None,
) -> None:
    """Predict what going to fewer replicas would do to those that stay, and which count is safe.

    Nothing is written. Exits with 0 for Allow, 1 for Deny, 3 for Hold, 2 for bad input.
    """
    if Path(subject, "recording.yaml").is_file() or "/" in subject:
        from scalewarden.cli.what_if_work import tell_recording

        raise typer.Exit(tell_recording(Path(subject), replicas, actor, output))
    span = positive(lasts, "--for")
    from scalewarden.cli.cluster import Cluster
    from scalewarden.cli.looking import look
    from scalewarden.cli.what_if_work import tell

    cluster = Cluster.connect(context)
    found = cluster.inference_deployment(subject, namespace or cluster.namespace)
    seen = look(cluster, found, span, prometheus, direct=direct)
    raise typer.Exit(tell(found, seen, replicas, actor, output))
