"""The command line, environment and health check of every component. Pure: nothing is started here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .pki import KeyPair

CONTROL_PLANE = ("etcd", "apiserver", "controller-manager", "scheduler", "kwok")
"""What a cluster runs unless told otherwise, in the order of starting."""

ORDER = (*CONTROL_PLANE, "prometheus")

BINARIES = {
    "etcd": "etcd",
    "apiserver": "kube-apiserver",
    "controller-manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
    "kwok": "kwok",
    "prometheus": "prometheus",
}


@dataclass(frozen=True)
class Settings:
    """What a caller may choose. Durations are written as Kubernetes and Prometheus write them."""

    nodes: int = 4
    gpus: int = 8
    hpa_sync_period: str = "2s"
    hpa_downscale_stabilization: str = "1s"
    scrape_interval: str = "2s"


@dataclass(frozen=True)
class Layout:
    """Where everything of one cluster is: addresses and files."""

    work_dir: Path
    host: str
    pod_cidr: str
    ports: Mapping[str, int]

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.work_dir / "pki"

    @property
    def logs(self) -> Path:
        """One file a component."""
        return self.work_dir / "logs"

    def pair(self, name: str) -> KeyPair:
        """The files of a certificate by name."""
        return KeyPair(self.pki / f"{name}.crt", self.pki / f"{name}.key")

    def kubeconfig(self, name: str) -> Path:
        """The kubeconfig of one component or user."""
        return self.work_dir / "kubeconfigs" / name

    def url(self, name: str) -> str:
        """The base address of a component."""
        scheme = "http" if name in ("etcd", "kwok", "prometheus") else "https"
        return f"{scheme}://{self.host}:{self.ports[name]}"


@dataclass(frozen=True)
class Component:
    """One process: its arguments (without the program) and the address that answers 200 when it is up."""

    name: str
    args: tuple[str, ...]
    health: str


def describe(name: str, layout: Layout, settings: Settings, *, service_accounts: bool) -> Component:
    """The component called `name`. `service_accounts` says whether a controller will create them."""
    match name:
        case "etcd":
            return _etcd(layout)
        case "apiserver":
            return _apiserver(layout, service_accounts)
        case "controller-manager":
            return _controller_manager(layout, settings)
        case "scheduler":
            return _scheduler(layout)
        case "kwok":
            return _kwok(layout)
        case "prometheus":
            return _prometheus(layout)
    raise ValueError(f"no component {name!r}; there are {', '.join(ORDER)}")


def _etcd(layout: Layout) -> Component:
    client, peer = layout.url("etcd"), f"http://{layout.host}:{layout.ports['etcd-peer']}"
    args = (
        f"--data-dir={layout.work_dir / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    )
    return Component("etcd", args, f"{client}/health")


def _apiserver(layout: Layout, service_accounts: bool) -> Component:
    serving, proxy = layout.pair("apiserver"), layout.pair("aggregator")
    args: tuple[str, ...] = (
        f"--etcd-servers={layout.url('etcd')}",
        f"--bind-address={layout.host}",
        f"--secure-port={layout.ports['apiserver']}",
        f"--tls-cert-file={serving.cert}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={layout.pair('ca').cert}",
        "--authorization-mode=RBAC",
        "--allow-privileged",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={layout.pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={layout.pki / 'service-accounts.key'}",
        # The aggregation layer: how extension API servers recognise calls made through this one.
        f"--requestheader-client-ca-file={layout.pair('aggregator-ca').cert}",
        "--requestheader-allowed-names=aggregator",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={proxy.cert}",
        f"--proxy-client-key-file={proxy.key}",
        # A loopback address may not be written into the Endpoints of the `kubernetes` Service.
        "--endpoint-reconciler-type=none",
    )
    if not service_accounts:
        args += ("--disable-admission-plugins=ServiceAccount",)
    return Component("apiserver", args, f"{layout.url('apiserver')}/readyz")


def _controller_manager(layout: Layout, settings: Settings) -> Component:
    args = (
        f"--kubeconfig={layout.kubeconfig('controller-manager')}",
        f"--bind-address={layout.host}",
        f"--secure-port={layout.ports['controller-manager']}",
        f"--cert-dir={layout.pki / 'controller-manager'}",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={layout.pki / 'service-accounts.key'}",
        f"--root-ca-file={layout.pair('ca').cert}",
        f"--horizontal-pod-autoscaler-sync-period={settings.hpa_sync_period}",
        f"--horizontal-pod-autoscaler-downscale-stabilization={settings.hpa_downscale_stabilization}",
        "--horizontal-pod-autoscaler-initial-readiness-delay=1s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=1s",
        # A busy test machine is no reason to evict pods.
        "--node-monitor-grace-period=5m",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    )
    return Component("controller-manager", args, f"{layout.url('controller-manager')}/healthz")


def _scheduler(layout: Layout) -> Component:
    args = (
        f"--kubeconfig={layout.kubeconfig('scheduler')}",
        f"--bind-address={layout.host}",
        f"--secure-port={layout.ports['scheduler']}",
        f"--cert-dir={layout.pki / 'scheduler'}",
        "--leader-elect=false",
    )
    return Component("scheduler", args, f"{layout.url('scheduler')}/healthz")


def _kwok(layout: Layout) -> Component:
    args = (
        f"--kubeconfig={layout.kubeconfig('kwok')}",
        f"--config={Path(__file__).with_name('stages.yaml')}",
        "--manage-all-nodes",
        f"--cidr={layout.pod_cidr}",
        f"--node-ip={layout.host}",
        "--node-lease-duration-seconds=40",
        f"--server-address={layout.host}:{layout.ports['kwok']}",
    )
    return Component("kwok", args, f"{layout.url('kwok')}/healthz")


def _prometheus(layout: Layout) -> Component:
    args = (
        f"--config.file={layout.work_dir / 'prometheus.yml'}",
        f"--storage.tsdb.path={layout.work_dir / 'prometheus'}",
        f"--web.listen-address={layout.host}:{layout.ports['prometheus']}",
        "--web.enable-lifecycle",
    )
    return Component("prometheus", args, f"{layout.url('prometheus')}/-/ready")
