"""`scalewarden`, also as `kubectl scalewarden`: one command a module, errors in two lines instead of a traceback."""

import sys
from io import TextIOWrapper
from pathlib import PurePath
from typing import Annotated, ClassVar

import typer

from scalewarden import __version__
from scalewarden.cli.lazy import SETTINGS, LazyCommand, LazyGroup
from scalewarden.errors import BadInput, ScalewardenError

BAD_INPUT = 2
PROGRAM = "scalewarden"
COMPLETE = "_SCALEWARDEN_COMPLETE"
"""Variable by which a shell asks for completions, under whatever name we were started."""


SUMMARIES = {
    "evaluate": "Judge a recording offline: is it safe to remove replicas?",
    "explain": "Show why a live service may or may not be scaled down.",
    "what-if": "Predict what fewer replicas would do; which count is safe.",
    "check": "Judge manifests before they are merged.",
    "suggest": "Print a sound HPA or ScaledObject for a service.",
    "replay": "Say what the guard would have done, over the past.",
    "doctor": "Say what brings each missing signal; test the fence.",
    "record": "Record a live service: a support bundle without secrets.",
    "release": "Break the glass: lift refusals for a while, on the record.",
    "rules": "List the rules and thresholds, or explain one rule.",
    "run": "Run the operator.",
    "guard": "Run the admission server and the fence's janitor.",
    "crd": "Print the CustomResourceDefinitions as YAML.",
    "version": "Print the version.",
}
"""Every command in the order of `--help`; each is the function of its name in the module of its name."""


def module(name: str) -> str:
    """The module of a command, and the function in it: `what-if` is no name in Python."""
    return name.replace("-", "_")


class Commands(LazyGroup):
    """The commands of `SUMMARIES`, imported when they are used."""

    lazy: ClassVar = {
        name: LazyCommand(f"scalewarden.cli.{module(name)}", module(name), said) for name, said in SUMMARIES.items()
    }


app = typer.Typer(
    cls=Commands,
    help="Keeps LLM inference services on Kubernetes from being scaled on a misread metric.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=SETTINGS,
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"scalewarden {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")
]


@app.callback()
def _root(version: Version = False) -> None:
    """Keeps LLM inference services on Kubernetes from being scaled on a misread metric."""


def called() -> str:
    """How usage lines name us: as a plugin of kubectl where we were started as one."""
    started = PurePath(sys.argv[0]).name
    return "kubectl scalewarden" if started.startswith("kubectl-scalewarden") else PROGRAM


def _refuse_completion_of_kubectl() -> None:
    """A script for a program of two words would be none, and would be written into somebody's shell."""
    asked = {"--install-completion", "--show-completion"} & {word.partition("=")[0] for word in sys.argv[1:2]}
    if asked and called() != PROGRAM:
        hint = "put kubectl_complete-scalewarden into your PATH; `scalewarden --install-completion` is for scalewarden"
        raise BadInput("kubectl itself completes its plugins", where=min(asked), hint=hint)


def main() -> None:
    """Run a command; what went wrong goes to stderr with what to do about it, and the exit code is 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show `→` gets `?`, not a traceback
    try:
        _refuse_completion_of_kubectl()
        app(prog_name=called(), complete_var=COMPLETE)
    except ScalewardenError as error:
        typer.echo(f"error: {error}", err=True)
        if error.hint:
            typer.echo(f"hint: {error.hint}", err=True)
        sys.exit(BAD_INPUT)


if __name__ == "__main__":
    main()
