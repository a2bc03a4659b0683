"""Options and arguments that several commands have."""

from typing import Annotated

import typer

from scalewarden.cli.completion import contexts, names, namespaces
from scalewarden.errors import BadInput
from scalewarden.model.duration import seconds

Name = Annotated[str, typer.Argument(help="Name of the InferenceDeployment.", metavar="NAME", autocompletion=names)]
Namespace = Annotated[
    str | None,
    typer.Option("-n", "--namespace", help="Its namespace; the context's own by default.", autocompletion=namespaces),
]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.", autocompletion=contexts)]
NameOrRecording = Annotated[
    str,
    typer.Argument(
        help="Name of the InferenceDeployment, or a folder with recording.yaml.",
        metavar="NAME|DIR",
        autocompletion=names,
    ),
]
For = Annotated[str, typer.Option("--for", help="How long pods are read, twice at least.", metavar="DURATION")]
Direct = Annotated[
    bool, typer.Option("--direct", help="Ask pods by their addresses, from inside the cluster's network.")
]


def positive(text: str, option: str) -> float:
    """A duration above zero, in seconds. Raises BadInput naming the option."""
    hint = "write a duration like 30s or 10m"
    try:
        found = seconds(text)
    except ValueError as error:
        raise BadInput(str(error), where=option, hint=hint) from None
    if found <= 0:
        raise BadInput(f"{text!r} is no time at all", where=option, hint=hint)
    return found
