"""`scalewarden crd`: print the CustomResourceDefinitions, ready for `kubectl apply -f -`."""

import typer


def crd() -> None:
    """Print the CustomResourceDefinitions as YAML."""
    from scalewarden.surfaces.crd_yaml import everything

    typer.echo(everything(), nl=False)
