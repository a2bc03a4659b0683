"""`scalewarden version`: which version this is."""

import typer

from scalewarden import __version__


def version() -> None:
    """Print the version."""
    typer.echo(f"scalewarden {__version__}")
