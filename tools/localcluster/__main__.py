"""`python -m tools.localcluster`: a local control plane that stays until it is told to go."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Literal

import typer

from . import binaries, state
from .cluster import LocalCluster, down
from .components import BINARIES, ORDER, Settings
from .errors import LocalClusterError
from .progress import to_stderr

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A real Kubernetes control plane on this machine, without containers.",
)

Output = Annotated[Literal["text", "json"], typer.Option("-o", "--output")]
Name = Annotated[str, typer.Argument(help="Which cluster; several can run at once.")]


@app.command()
def up(
    name: Name = "default",
    prometheus: Annotated[bool, typer.Option(help="Run Prometheus too.")] = True,
    nodes: Annotated[int, typer.Option(min=0, help="Simulated nodes.")] = 4,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs a node advertises.")] = 8,
) -> None:
    """Start a cluster that stays up; prints the path of its kubeconfig."""
    settings = Settings(nodes=nodes, gpus=gpus)
    cluster = LocalCluster.start(name, prometheus=prometheus, settings=settings, keep=True)
    to_stderr(f"use it:  export KUBECONFIG={cluster.kubeconfig}")
    to_stderr(f"end it:  python -m tools.localcluster down {name}")
    print(cluster.kubeconfig)


@app.command(name="down")
def down_command(
    name: Name = "default",
    everything: Annotated[bool, typer.Option("--all", help="End every cluster.")] = False,
) -> None:
    """End a cluster and delete its data; does nothing when it is not running."""
    for each in state.named() if everything else [name]:
        down(each)


@app.command()
def status(output: Output = "text") -> None:
    """List the clusters started with `up`, their addresses and the state of their processes."""
    found = [_report(name, each) for name, each in state.named().items()]
    if output == "json":
        print(json.dumps(found, indent=2))
    elif not found:
        to_stderr("no cluster is running")
    else:
        print("\n".join(_line(report) for report in found))


@app.command()
def kubeconfig(name: Name = "default") -> None:
    """Print the path of the administrator's kubeconfig."""
    print(LocalCluster.attach(name).kubeconfig)


@app.command()
def fetch(output: Output = "text") -> None:
    """Find, download or build every tool, so that later starts take seconds; prints where each one is."""
    found = binaries.find([*(BINARIES[component] for component in ORDER), "kubectl", "helm"])
    paths = {name: str(path) for name, path in found.items()}
    if output == "json":
        print(json.dumps(paths, indent=2))
    else:
        print("\n".join(f"{name}\t{path}" for name, path in paths.items()))


def _report(name: str, found: state.State | None) -> dict[str, object]:
    if found is None or not found.alive:
        return {"name": name, "running": False}
    cluster = LocalCluster.attach(name)
    return {
        "name": name,
        "running": True,
        "url": cluster.url,
        "prometheus": cluster.prometheus_url,
        "kubeconfig": str(cluster.kubeconfig),
        "podCIDR": cluster.pod_cidr,
        "supervisor": found.supervisor_pid,
        "processes": cluster.processes(),
    }


def _line(report: dict[str, object]) -> str:
    name = report["name"]
    if not report["running"]:
        return f"{name}\tgone (its supervisor was killed); `down {name}` removes what it left"
    processes = report["processes"]
    assert isinstance(processes, dict)
    ended = [component for component, process in processes.items() if process["exit"] is not None]
    health = f"down: {', '.join(ended)}" if ended else "all up"
    return f"{name}\t{report['url']}\t{health}\tKUBECONFIG={report['kubeconfig']}"


def main() -> int:
    """Run the command; a LocalClusterError is one message and exit status 1."""
    try:
        app(standalone_mode=True)
    except LocalClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
