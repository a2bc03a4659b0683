"""`scalewarden evaluate DIR`: judge a recording offline, with the same functions as the operator."""

from pathlib import Path
from typing import Annotated

import typer

from scalewarden.cli.output import Format, Output
from scalewarden.model.intent import Actor

Folder = Annotated[Path, typer.Argument(help="Folder with recording.yaml.")]
ScaleTo = Annotated[
    int | None, typer.Option(min=0, help="Replica count to judge; the recorded intent, else one fewer, by default.")
]
Who = Annotated[Actor | None, typer.Option(help="Who asks; the recorded intent's actor, else autoscaler, by default.")]
Long = Annotated[bool, typer.Option("--long", help="Also every rule, and every number with age, line and source.")]


def evaluate(
    folder: Folder,
    scale_to: ScaleTo = None,
    actor: Who = None,
    output: Output = Format.TEXT,
    long: Long = False,
) -> None:
    """Judge a recording offline: is it safe to remove replicas?

    Exits with 0 for Allow, 1 for Deny, 3 for Hold, 2 for bad input.
    """
    from scalewarden.cli.evaluate_work import tell

    raise typer.Exit(tell(folder, scale_to, actor, output, long=long))
