"""`scalewarden record NAME`: a recording of a live service, to be judged offline and to be handed on."""

from pathlib import Path
from typing import Annotated

import typer

from scalewarden.cli.options import Context, Direct, Name, Namespace, positive

For = Annotated[str, typer.Option("--for", help="How long, like 90s or 10m.", metavar="DURATION")]
Every = Annotated[str, typer.Option("--every", help="Between two readings of every pod.", metavar="DURATION")]
Folder = Annotated[
    Path | None, typer.Option("-o", "--output", help="A new or empty folder.", show_default="NAME-recording")
]
Models = Annotated[bool, typer.Option("--keep-model-names", help="Show names of models; by default model_name~1.")]


def record(
    name: Name,
    namespace: Namespace = None,
    context: Context = None,
    lasts: For = "10m",
    every: Every = "5s",
    output: Folder = None,
    direct: Direct = False,
    keep_model_names: Models = False,
) -> None:
    """Record a live service into a folder that `scalewarden evaluate` judges: a support bundle.

    Nothing secret and no prompt can be in it: it is written from a list of fields, flags, labels and words; whatever is
    not on the list is left out. Ctrl-C ends it early; what was read until then is kept.
    """
    span, pause = positive(lasts, "--for"), positive(every, "--every")
    from scalewarden.cli.cluster import Cluster
    from scalewarden.cli.record_work import recorded

    cluster = Cluster.connect(context)
    found = cluster.inference_deployment(name, namespace or cluster.namespace)
    bundle = output or Path(f"{name}-recording")
    typer.echo(recorded(cluster, found, bundle, span, pause, direct=direct, models=keep_model_names))
