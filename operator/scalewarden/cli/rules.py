"""`scalewarden rules`: the catalogue of rules and thresholds, or one rule in full."""

from typing import Annotated

import typer

from scalewarden.cli.completion import codes
from scalewarden.cli.output import Format, Output

Code = Annotated[
    str | None,
    typer.Argument(help="Code or name of one rule, like KVC201.", show_default=False, autocompletion=codes),
]


def rules(code: Code = None, output: Output = Format.TEXT) -> None:
    """List the rules and thresholds, or explain one rule."""
    from scalewarden.cli.rules_work import tell

    tell(code, output)
