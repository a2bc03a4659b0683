"""From a plan to a running control plane: certificates, kubeconfigs, processes, health checks."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import control, kubeconfigs, prometheus, state
from .components import BINARIES, Component, Layout, Settings, describe
from .errors import LocalClusterError
from .network import claim_block, free_ports
from .pki import Authority, KeyPair, write_signing_key
from .progress import Progress
from .waiting import wait_for

_UP_SECONDS = 90.0
_PROBE_SECONDS = 2.0
_LOG_LINES = 15
_PORTS = ("etcd", "etcd-peer", "apiserver", "controller-manager", "scheduler", "kwok", "prometheus")
_LAUNCH_FILE = "launch.json"

_USERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "admin": ("admin", ("system:masters",)),
    "controller-manager": ("system:kube-controller-manager", ()),
    "scheduler": ("system:kube-scheduler", ()),
    "kwok": ("kwok", ("system:masters",)),
    "prometheus": ("prometheus", ("system:masters",)),
}
"""Who each kubeconfig speaks as: the user and the groups. The real controllers get only their own roles."""


@dataclass(frozen=True)
class Plan:
    """What to start, with which executables, in which folder, and whether it outlives this process."""

    name: str
    work_dir: Path
    components: Sequence[str]
    settings: Settings
    tools: Mapping[str, Path]
    keep: bool


def bring_up(plan: Plan, progress: Progress) -> state.State:
    """Start everything in order, each healthy before the next. The caller tears down if this raises."""
    found = _claim_and_supervise(plan)
    layout = found.layout(plan.work_dir)
    _write_files(plan, layout)
    service_accounts = "controller-manager" in plan.components
    for name in plan.components:
        progress(f"starting {name}")
        component = describe(name, layout, plan.settings, service_accounts=service_accounts)
        _launch(plan.work_dir, component, plan.tools[BINARIES[name]])
        wait_until_up(plan.work_dir, name)
    return found


def tear_down(work_dir: Path) -> None:
    """End every process of the cluster in this folder and delete the folder. Always safe to call."""
    found = state.read(work_dir)
    if found is not None:
        control.end(found.supervisor_pid, found.supervisor_ticks)
    shutil.rmtree(work_dir, ignore_errors=True)


def start_again(work_dir: Path, component: str) -> None:
    """Start a stopped component with the arguments it had."""
    control.ask(work_dir, {"do": "start", **_recorded(work_dir, component)["start"]})


def wait_until_up(work_dir: Path, component: str) -> None:
    """Return once its health address answers; raises with the end of its log when it exits or never does."""
    health: str = _recorded(work_dir, component)["health"]
    context = _tls(KeyPair(work_dir / "pki" / "admin.crt", work_dir / "pki" / "admin.key"))

    def answers() -> bool:
        ended = _exit_status(work_dir, component)
        if ended is not None:
            raise _Ended(f"{component} exited with {ended}. Its last lines:\n{_log_end(work_dir, component)}")
        return _healthy(health, context)

    try:
        wait_for(answers, f"{component} to answer at {health}", _UP_SECONDS)
    except _Ended as ended:
        raise LocalClusterError(str(ended)) from None
    except LocalClusterError as error:
        raise LocalClusterError(f"{error}\nIts last lines:\n{_log_end(work_dir, component)}") from None


class _Ended(Exception):
    """A component, or the supervisor, ended while it was waited for: no use in waiting on."""


def _exit_status(work_dir: Path, component: str) -> int | None:
    try:
        status: int | None = control.ask(work_dir, {"do": "status"})[component]["exit"]
    except LocalClusterError as error:
        raise _Ended(str(error)) from error
    return status


def _claim_and_supervise(plan: Plan) -> state.State:
    block = claim_block()
    with block.claim:
        layout_dirs = [plan.work_dir / part for part in ("pki", "logs", "kubeconfigs", "home")]
        for folder in layout_dirs:
            folder.mkdir()
        pid = control.spawn(
            plan.work_dir,
            log=plan.work_dir / "logs" / "supervisor.log",
            owner=os.getpid(),
            ephemeral=not plan.keep,
            keep=[block.claim.fileno()],
        )
    ports = dict(zip(_PORTS, free_ports(block.host, len(_PORTS)), strict=True))
    found = state.State(
        name=plan.name,
        supervisor_pid=pid,
        supervisor_ticks=control.start_ticks(pid) or 0,
        number=block.number,
        host=block.host,
        pod_cidr=block.pod_cidr,
        ports=ports,
        components=list(plan.components),
    )
    state.write(plan.work_dir, found)
    return found


def _write_files(plan: Plan, layout: Layout) -> None:
    authority = Authority(layout.pki)
    authority.server(
        "apiserver",
        [layout.host, "127.0.0.1", "10.96.0.1", "localhost", "kubernetes", "kubernetes.default.svc"],
    )
    Authority(layout.pki, "aggregator-ca").client("aggregator", "aggregator")
    write_signing_key(layout.pki / "service-accounts.key", layout.pki / "service-accounts.pub")
    for name, (user, groups) in _USERS.items():
        pair = authority.client(name, user, groups)
        kubeconfigs.write(
            layout.kubeconfig(name),
            server=layout.url("apiserver"),
            ca_pem=authority.files.cert.read_bytes(),
            user=kubeconfigs.with_certificate(pair),
            name=plan.name if name == "admin" else name,
        )
    config = prometheus.config(layout.kubeconfig("prometheus"), plan.settings.scrape_interval)
    (plan.work_dir / "prometheus.yml").write_text(config)


def _launch(work_dir: Path, component: Component, program: Path) -> None:
    start = {
        "name": component.name,
        "argv": [str(program), *component.args],
        "env": {"PATH": os.environ.get("PATH", ""), "HOME": str(work_dir / "home")},
        "log": str(work_dir / "logs" / f"{component.name}.log"),
    }
    file = work_dir / _LAUNCH_FILE
    recorded = json.loads(file.read_text()) if file.exists() else {}
    recorded[component.name] = {"start": start, "health": component.health}
    file.write_text(json.dumps(recorded, indent=2))
    control.ask(work_dir, {"do": "start", **start})


def _recorded(work_dir: Path, component: str) -> dict[str, Any]:
    recorded = json.loads((work_dir / _LAUNCH_FILE).read_text())
    found: dict[str, Any] = recorded[component]
    return found


def _healthy(url: str, context: ssl.SSLContext) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=_PROBE_SECONDS, context=context) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError) as error:
        raise LocalClusterError(f"{url}: {error}") from error


def _tls(admin: KeyPair) -> ssl.SSLContext:
    """For health checks only: some components make their own certificate, so it is not verified."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(admin.cert, admin.key)
    return context


def _log_end(work_dir: Path, component: str) -> str:
    log = work_dir / "logs" / f"{component}.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line}" for line in lines[-_LOG_LINES:]) or "  (nothing)"
