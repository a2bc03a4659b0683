"""`scalewarden explain NAME`: why a live service may or may not be scaled down, from what the operator found."""

import json
import time
from typing import Annotated

import typer

from scalewarden.cli.cluster import Cluster
from scalewarden.cli.output import Format, Output, console
from scalewarden.errors import ClusterError
from scalewarden.model.crd import InferenceDeployment
from scalewarden.surfaces.explain_text import show
from scalewarden.surfaces.explain_text_status import chain_of

Name = Annotated[str, typer.Argument(help="Name of the InferenceDeployment.", metavar="NAME")]
Namespace = Annotated[
    str | None, typer.Option("-n", "--namespace", help="Its namespace; the context's own by default.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]


Long = Annotated[bool, typer.Option("--long", help="Also every rule, and every number with its line and source.")]


def explain(
    name: Name,
    namespace: Namespace = None,
    context: Context = None,
    output: Output = Format.TEXT,
    long: Long = False,
) -> None:
    """Show why a live service may or may not be scaled down: signals, findings, diagnosis, verdict."""
    cluster = Cluster.connect(context)
    found = cluster.inference_deployment(name, namespace or cluster.namespace)
    if output is Format.JSON:
        typer.echo(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
        return
    if found.status.last_evaluation_time is None:
        hint = "`scalewarden run` evaluates it; `kubectl describe infd` shows its conditions"
        raise ClusterError("not evaluated yet", where=f"InferenceDeployment {found.key}", hint=hint)
    show(chain_of(found, time.time(), long=long), console())


def _as_json(found: InferenceDeployment) -> dict[str, object]:
    status = found.status.model_dump(by_alias=True, mode="json", exclude_none=True)
    return {"inferenceDeployment": found.key, "mode": found.spec.policy.mode, "status": status}
