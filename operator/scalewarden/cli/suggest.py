"""`scalewarden suggest NAME|PATH`: a sound HPA, or a KEDA ScaledObject, for what is there."""

from typing import Annotated

import typer

from scalewarden.cli.completion import names
from scalewarden.cli.options import Context, Direct, For, Namespace, positive
from scalewarden.cli.prometheus_flags import Prometheus, reads_prometheus

Subject = Annotated[
    str,
    typer.Argument(
        help="Name of the InferenceDeployment; a file or folder of manifests, - for stdin; or a recording's folder.",
        metavar="NAME|PATH",
        autocompletion=names,
    ),
]
Keda = Annotated[bool, typer.Option("--keda", help="A KEDA ScaledObject instead of an HPA.")]
Server = Annotated[str | None, typer.Option("--server-address", help="Prometheus as KEDA reaches it.", metavar="URL")]


@reads_prometheus()
def suggest(
    subject: Subject,
    keda: Keda = False,
    namespace: Namespace = None,
    context: Context = None,
    lasts: For = "60s",
    direct: Direct = False,
    prometheus: Prometheus = None,
    server: Server = None,
) -> None:
    """Print a sound autoscaler for a service: the engine's metrics, targets as observed, slow removals.

    YAML on stdout, above each number its source; what there is to do or to know on stderr. Nothing is written.
    """
    from scalewarden.cli.suggest_work import is_path, of_path, of_service
    from scalewarden.surfaces.suggest import Kind

    kind = Kind.SCALED_OBJECT if keda else Kind.HPA
    if is_path(subject):
        documents = of_path(subject, namespace, kind, server)
    else:
        span = positive(lasts, "--for")
        from scalewarden.cli.cluster import Cluster
        from scalewarden.cli.looking import look

        cluster = Cluster.connect(context)
        found = cluster.inference_deployment(subject, namespace or cluster.namespace)
        snapshot, notes = look(cluster, found, span, prometheus, direct=direct)
        documents = of_service(found, snapshot, notes, kind, server)
    typer.echo("---\n".join(documents), nl=False)
