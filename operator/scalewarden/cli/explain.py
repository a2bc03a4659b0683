"""`scalewarden explain [NAME]`: why live services may or may not be scaled down, from what the operator found."""

from enum import StrEnum
from typing import Annotated

import typer

from scalewarden.cli.completion import names
from scalewarden.cli.options import Context, Namespace
from scalewarden.errors import BadInput

OneOrAll = Annotated[
    str | None,
    typer.Argument(help="Name of the InferenceDeployment; all are listed without one.", metavar="NAME",
                   autocompletion=names),
]  # fmt: skip
Everywhere = Annotated[bool, typer.Option("-A", "--all-namespaces", help="List those of every namespace.")]
Watch = Annotated[
    bool, typer.Option("-w", "--watch", help="Show it again whenever the status changes; Ctrl-C ends it.")
]
Long = Annotated[bool, typer.Option("--long", help="Also every rule, and every number with its line and source.")]


class As(StrEnum):
    """What `-o` takes."""

    TEXT = "text"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[
    As, typer.Option("-o", "--output", help="Text for people, wide with more of it; JSON or YAML for programs.")
]


def explain(
    name: OneOrAll = None,
    namespace: Namespace = None,
    everywhere: Everywhere = False,
    context: Context = None,
    output: Output = As.TEXT,
    long: Long = False,
    again: Watch = False,
) -> None:
    """Show why a live service may or may not be scaled down: signals, findings, diagnosis, verdict.

    Without NAME, or with -A, all services are listed in the columns of `kubectl get infd`.
    """
    if everywhere and (name or namespace):
        raise BadInput("it lists every namespace", where="-A", hint="leave out NAME and -n, or leave out -A")
    if again and output in (As.JSON, As.YAML):
        raise BadInput("what is watched is shown as text", where="--watch", hint="leave out -o, or write -o wide")
    from scalewarden.cli.explain_work import tell

    tell(name, namespace, context, output, everywhere=everywhere, long=long, again=again)
