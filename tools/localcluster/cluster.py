"""`LocalCluster`: a real Kubernetes control plane for as long as a `with` block, or until `down`."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from . import binaries, bringup, control, objects, state
from .client import Client, Objects
from .components import BINARIES, CONTROL_PLANE, ORDER, Settings
from .errors import LocalClusterError
from .progress import Progress, to_stderr
from .waiting import wait_for

_RESTART_GRACE = 2.0


class LocalCluster(Client):
    """A running control plane. Make one with `start`, find one again with `attach`."""

    @classmethod
    def start(
        cls,
        name: str = "test",
        components: Sequence[str] = CONTROL_PLANE,
        *,
        prometheus: bool = False,
        progress: Progress = to_stderr,
        settings: Settings | None = None,
        keep: bool = False,
    ) -> Self:
        """Start a cluster and wait until it works: API served, service accounts made, nodes Ready.

        It ends with the `with` block, with `stop()`, or with this process however that ends; with `keep` it
        lives until `down(name)`. Raises BinaryMissingError when a tool cannot be had, LocalClusterError with
        the end of the log when a component does not come up.
        """
        chosen = _in_order([*components, *(["prometheus"] if prometheus else [])])
        tools = binaries.find([BINARIES[component] for component in chosen] + ["kubectl"], progress)
        with state.starting(name) if keep else contextlib.nullcontext():
            work_dir = _prepare_dir(name, keep=keep, progress=progress)
            plan = bringup.Plan(name, work_dir, chosen, settings or Settings(), tools, keep)
            try:
                cluster = cls(work_dir, bringup.bring_up(plan, progress), tools)
                cluster._settle(plan.settings, keep)
            except BaseException:
                bringup.tear_down(work_dir)
                raise
        progress(f"{name} is up at {cluster.url} (pods in {cluster.pod_cidr})")
        return cluster

    @classmethod
    def attach(cls, name: str) -> Self:
        """The running cluster that was started with `keep` under this name."""
        work_dir = state.named_dir(name)
        found = state.read(work_dir)
        if found is None or not found.alive:
            raise LocalClusterError(
                f"No local cluster {name!r} is running. Start it: `python -m tools.localcluster up {name}`"
            )
        return cls(work_dir, found, binaries.find(["kubectl"]))

    def stop(self) -> None:
        """End every process and delete the cluster's folder. Harmless when it has ended already."""
        bringup.tear_down(self.work_dir)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def kill(self, component: str) -> None:
        """`kill -9` a component; it stays down until `restart`."""
        self._stop(component, grace=0)

    def restart(self, component: str) -> None:
        """Stop a component if it runs and start it as it was: same port, same data; returns when it is up."""
        self._stop(component, grace=_RESTART_GRACE)
        bringup.start_again(self.work_dir, component)
        bringup.wait_until_up(self.work_dir, component)

    def processes(self) -> dict[str, dict[str, int | None]]:
        """`{component: {"pid": …, "exit": None while it runs}}`."""
        return control.ask(self.work_dir, {"do": "status"})

    def run(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Path:
        """Start a process beside the cluster that ends with it; returns the log that it writes.

        A name can be used again once its process has ended. env defaults to this process's own.
        """
        log = self.logs_dir / f"{name}.log"
        request = {"name": name, "argv": list(argv), "env": dict(os.environ if env is None else env), "log": str(log)}
        control.ask(self.work_dir, {"do": "start", **request})
        return log

    def end(self, name: str, grace: float = 0.0) -> None:
        """End a process that `run` started: SIGTERM and `grace` seconds to obey, then `kill -9`."""
        control.ask(self.work_dir, {"do": "stop", "name": name, "grace": grace})

    def add_nodes(self, count: int, gpus: int = 8, labels: Mapping[str, str] | None = None) -> Sequence[str]:
        """Add nodes that advertise `gpus` of `nvidia.com/gpu`, wait until they are Ready; returns their names."""
        taken = {item["metadata"]["name"] for item in self.list("nodes")}
        free = (name for name in map("node-{}".format, itertools.count()) if name not in taken)
        names = list(itertools.islice(free, count))
        self.apply([objects.node(name, gpus, labels or {}) for name in names])
        wait_for(
            lambda: not (set(names) - {item["metadata"]["name"] for item in self._ready_nodes()}),
            f"nodes {', '.join(names)} to be Ready",
            30,
        )
        return names

    def _stop(self, component: str, grace: float) -> None:
        if component not in self._state.components:
            raise LocalClusterError(f"This cluster has no {component}; it has {', '.join(self._state.components)}")
        control.ask(self.work_dir, {"do": "stop", "name": component, "grace": grace})

    def _settle(self, settings: Settings, keep: bool) -> None:
        if "controller-manager" in self._state.components:
            wait_for(
                lambda: self.get("serviceaccount", "default", "default"),
                "the service account default/default",
                30,
            )
        if "kwok" in self._state.components and settings.nodes:
            self.add_nodes(settings.nodes, settings.gpus)
        if keep:
            control.ask(self.work_dir, {"do": "release"})

    def _ready_nodes(self) -> Objects:
        return [item for item in self.list("nodes") if objects.is_ready(item)]


def down(name: str, progress: Progress = to_stderr) -> bool:
    """End the cluster started with `keep` under this name; False when there was none. Always safe to call."""
    work_dir = state.named_dir(name)
    found = state.read(work_dir)
    running = found is not None and found.alive
    bringup.tear_down(work_dir)
    progress(f"{name} is down" if running else f"{name} was not running")
    return running


def _in_order(components: Sequence[str]) -> list[str]:
    if unknown := set(components) - set(ORDER):
        raise LocalClusterError(f"No component {', '.join(sorted(unknown))}; there are {', '.join(ORDER)}")
    return [component for component in ORDER if component in components]


def _prepare_dir(name: str, *, keep: bool, progress: Progress) -> Path:
    named = state.named_dir(name)  # also checks the name
    for path in state.remove_stale_temporary():
        progress(f"removed {path}, left by a cluster that was killed")
    if not keep:
        return state.new_temporary_dir(name)
    found = state.read(named)
    if found is not None and found.alive:
        raise LocalClusterError(
            f"A local cluster {name!r} is running already: `python -m tools.localcluster down {name}` ends it"
        )
    if named.exists():
        progress(
            f"removed the stale state of {name}: its supervisor (pid {found.supervisor_pid}) is gone"
            if found
            else f"removed damaged state of {name}"
        )
        shutil.rmtree(named)
    named.mkdir(parents=True, mode=0o700)
    return named
