"""Scalewarden as its Helm chart installs it, with both processes running beside the local control plane.

The chart brings CRDs, policies, webhook configuration, ServiceAccounts and their RBAC; the processes run here under
tokens of those ServiceAccounts, so that they may do exactly what a user's installation may do.
"""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.localcluster import LocalCluster

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "scalewarden"
NAMESPACE = "scalewarden"
RELEASE = "scalewarden"


class Installed:
    """The chart, the operator and the guard; `with` ends all three.

    operator_args and guard_args are added to the command lines; values are Helm values by path.
    """

    def __init__(
        self,
        cluster: LocalCluster,
        *,
        operator_args: Sequence[str] = (),
        guard_args: Sequence[str] = (),
        values: Mapping[str, str] | None = None,
    ) -> None:
        self.cluster = cluster
        self.webhook_port, self.guard_port, self.operator_port = free_ports(3)
        self._values = dict(values or {})
        self._extra = {"operator": tuple(operator_args), "guard": tuple(guard_args)}

    def __enter__(self) -> Self:
        self.install()
        self.start("operator")
        self.start("guard")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in ("guard", "operator"):
            if self.runs(name):
                self.cluster.end(name)
        self.uninstall()

    def install(self) -> None:
        """`helm install`, with the webhook's Service pointing at this machine."""
        local = {
            "guard.service.externalName": "localhost",
            "guard.service.port": str(self.webhook_port),
            "guard.replicas": "0",
            "operator.replicas": "0",
            "crds.keep": "false",
        }
        sets = [f"--set={path}={value}" for path, value in {**local, **self._values}.items()]
        self.cluster.helm("install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--create-namespace", *sets)

    def uninstall(self) -> None:
        """`helm uninstall`."""
        self.cluster.helm("uninstall", RELEASE, "--namespace", NAMESPACE, check=False)

    def start(self, name: str) -> None:
        """Start the operator or the guard under its ServiceAccount and wait until it says that it is ready."""
        account = f"{RELEASE}-{name}"
        kubeconfig = self.cluster.kubeconfig_for(self.cluster.token(NAMESPACE, account, "4h"), account)
        log = self.cluster.run(name, [*self._command(name, kubeconfig), *self._extra[name]])
        port = self.operator_port if name == "operator" else self.guard_port
        self.cluster.wait_for(lambda: ready(port) or self._ended(name, log), f"the {name} to be ready (log: {log})", 60)

    def kill(self, name: str) -> None:
        """`kill -9` the operator or the guard."""
        self.cluster.end(name)

    def runs(self, name: str) -> bool:
        """True while the process lives."""
        found = self.cluster.processes().get(name)
        return found is not None and found["exit"] is None

    def _ended(self, name: str, log: Path) -> bool:
        if not self.runs(name):
            raise RuntimeError(f"the {name} ended:\n{log.read_text()[-2000:]}")
        return False

    def _command(self, name: str, kubeconfig: Path) -> list[str]:
        scalewarden = str(Path(sys.executable).parent / "scalewarden")
        own = [scalewarden, "run" if name == "operator" else "guard", "--kubeconfig", str(kubeconfig)]
        if name == "operator":
            return [*own, "--lease-namespace", NAMESPACE, "--listen", f"127.0.0.1:{self.operator_port}"]
        listen = [
            "--listen",
            f"127.0.0.1:{self.webhook_port}",
            "--health",
            f"127.0.0.1:{self.guard_port}",
            "--drain",
            "0",
        ]
        return [*own, "--namespace", NAMESPACE, *listen]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def ready(port: int) -> bool:
    """Does /readyz on this port say 200?"""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
