"""``python -m tools.fleet``: serve a simulated fleet beside a cluster, or watch the model alone."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tools.fleet.admin import administered
from tools.fleet.kube import KubeError
from tools.fleet.metrics_apis import MetricsApis
from tools.fleet.model import FleetModel, ReplicaSnapshot
from tools.fleet.replay import BadRecording
from tools.fleet.server import Fleet
from tools.fleet.spec import PRESETS, DcgmStyle, FleetSpec, Replay

app = typer.Typer(help="A simulated LLM inference fleet.", no_args_is_help=True, add_completion=False)


class Preset(StrEnum):
    """Ready-made fleets."""

    KV_BOUND = "kv-bound"
    COMFORTABLE = "comfortable"
    IDLE = "idle"


class Spelling(StrEnum):
    """dcgm-exporter's names."""

    UP_TO_4_8 = "4.8"
    FROM_4_9 = "4.9"


PresetOption = Annotated[Preset, typer.Option(help="Load and engine to start from.")]
ReplicasOption = Annotated[int, typer.Option(help="Replicas the preset's load is meant for.", min=1)]
UsersOption = Annotated[int | None, typer.Option(help="Closed-loop users, instead of the preset's.", min=0)]
BlocksOption = Annotated[int | None, typer.Option(help="KV blocks of a replica, instead of the preset's.", min=1)]


def _spec(preset: Preset, name: str, replicas: int, users: int | None, kv_blocks: int | None) -> FleetSpec:
    make = PRESETS[preset.value]
    spec = FleetSpec.idle(name) if preset is Preset.IDLE else make(name, replicas=replicas)
    if kv_blocks is not None:
        spec = replace(spec, kv_capacity_tokens=kv_blocks * spec.block_size)
    return spec if users is None else replace(spec, users=users)


@app.command()
def serve(
    kubeconfig: Annotated[Path, typer.Option(help="Cluster whose pods to serve.", exists=True, dir_okay=False)],
    fleet: Annotated[str, typer.Option(help="Value of the pods' label scalewarden.dev/fleet.")],
    namespace: Annotated[str, typer.Option(help="Only pods of this namespace (all when empty).")] = "",
    preset: PresetOption = Preset.KV_BOUND,
    replicas: ReplicasOption = 4,
    users: UsersOption = None,
    kv_blocks: BlocksOption = None,
    time_scale: Annotated[float, typer.Option(help="Simulated seconds a second.", min=0.1)] = 1.0,
    dcgm: Annotated[Spelling, typer.Option(help="Names of the GPU exporter.")] = Spelling.UP_TO_4_8,
    replay: Annotated[Path | None, typer.Option(help="Serve this recording instead of the model.")] = None,
    loop: Annotated[bool, typer.Option(help="Start the recording over at its end.")] = False,
    metrics_apis: Annotated[
        bool, typer.Option(help="Also register metrics.k8s.io and external.metrics.k8s.io, for HPAs.")
    ] = True,
    also: Annotated[
        list[str] | None,
        typer.Option(
            help="One more fleet, told of by the same GPU exporters; repeatable.", metavar="NAME=PRESET:REPLICAS"
        ),
    ] = None,
    admin_port: Annotated[int, typer.Option(help="Port of the admin endpoint on 127.0.0.1 (0: any).")] = 0,
) -> None:
    """Serve the metrics of every pod labelled with a fleet's name until interrupted."""
    try:
        spec = replace(
            _spec(preset, fleet, replicas, users, kv_blocks),
            namespace=namespace,
            time_scale=time_scale,
            dcgm=DcgmStyle(spelling="4.9" if dcgm is Spelling.FROM_4_9 else "4.8"),
            replay=Replay(replay, loop) if replay else None,
        )
        more = [_also(text, spec) for text in also or ()]
        asyncio.run(_serve(kubeconfig, [spec, *more], metrics_apis, admin_port))
    except (BadRecording, KubeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


def _also(text: str, like: FleetSpec) -> FleetSpec:
    """`NAME=PRESET:REPLICAS`, in the namespace and pace of the first fleet. Raises ValueError for anything else."""
    name, _, rest = text.partition("=")
    preset, _, replicas = rest.partition(":")
    if not name or preset not in set(Preset) or not replicas.isdecimal():
        raise ValueError(f"--also {text!r}: write NAME=PRESET:REPLICAS, with a preset of {', '.join(Preset)}")
    spec = _spec(Preset(preset), name, int(replicas), None, None)
    return replace(spec, namespace=like.namespace, time_scale=like.time_scale, dcgm=like.dcgm)


async def _serve(kubeconfig: Path, specs: Sequence[FleetSpec], metrics_apis: bool, admin_port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(Fleet(kubeconfig=kubeconfig, specs=specs))
        if metrics_apis:
            apis = await stack.enter_async_context(MetricsApis(fleet))
            await stack.enter_async_context(apis.registered(kubeconfig))
        port = await stack.enter_async_context(administered(fleet, admin_port))
        users = ", ".join(f"{spec.name} {spec.users} users" for spec in specs)
        print(f"serving {users}; admin at http://127.0.0.1:{port}/", file=sys.stderr)
        await stop.wait()


@app.command()
def preview(
    preset: PresetOption = Preset.KV_BOUND,
    replicas: ReplicasOption = 4,
    users: UsersOption = None,
    kv_blocks: BlocksOption = None,
    remove: Annotated[int, typer.Option(help="Replicas to take away half-way.", min=0)] = 1,
    seconds: Annotated[int, typer.Option(help="Simulated seconds to show.", min=20)] = 120,
    every: Annotated[int, typer.Option(help="Simulated seconds between rows.", min=1)] = 10,
) -> None:
    """Print what each replica would report over time, with some of them removed half-way. No cluster needed."""
    if remove >= replicas:
        raise typer.BadParameter(f"{remove} of {replicas} replicas leaves none", param_hint="--remove")
    try:
        spec = _spec(preset, "preview", replicas, users, kv_blocks)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    model = FleetModel(spec)
    names = [f"r{number}" for number in range(replicas)]
    for name in names:
        model.add(name)
    model.advance(spec.prewarm_seconds)
    table = Table(title=f"{preset.value}: {spec.users} users, {spec.capacity_tokens:,} KV tokens a replica")
    table.add_column("s", justify="right")
    for name in names:
        table.add_column(f"{name}: KV run+wait tok/s GPU", justify="right", no_wrap=True)
    for elapsed in range(0, seconds + 1, every):
        if elapsed == seconds // 2 // every * every:
            for name in names[replicas - remove :]:
                model.remove(name)
        rows = {replica.name: replica for replica in model.snapshot()}
        table.add_row(str(elapsed), *(_cell(rows.get(name)) for name in names))
        model.advance(every)
    Console(width=12 + 32 * replicas).print(table)


def _cell(replica: ReplicaSnapshot | None) -> str:
    if replica is None:
        return "gone"
    load = f"{replica.running}+{replica.waiting}"
    return f"{replica.kv_usage:.2f} {load:>7} {replica.tokens_per_second:5.0f} {replica.gpu_busy:4.0%}"


if __name__ == "__main__":
    app()
