"""How one operator process is set up; flags and environment are read in cli/run.py."""

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from scalewarden.model.policy import Mode, Way
from scalewarden.sources.kubeconnection import Connect
from scalewarden.sources.prometheus_api import PrometheusOptions
from scalewarden.sources.scrape import ScrapeOptions

OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
COMPONENT = "scalewarden-operator"


def own_namespace() -> str:
    """The namespace of the pod we run in, `scalewarden` outside of one."""
    return OWN_NAMESPACE.read_text(encoding="utf-8").strip() if OWN_NAMESPACE.exists() else "scalewarden"


def own_identity() -> str:
    """Unique for each process: what a Lease's holder is called."""
    return f"{socket.gethostname()}_{os.getpid()}"


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """The Lease that says who writes, and the guard's janitor that the operator lives; durations in seconds."""

    namespace: str = field(default_factory=own_namespace)
    name: str = COMPONENT
    identity: str = field(default_factory=own_identity)
    duration: float = 15.0
    renew_every: float = 5.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the operator is told at start; durations in seconds.

    namespaces: those that are watched, all where empty. max_mode: no policy is applied more strictly than this.
    cooperate: what services may ask for in spec.policy.cooperate.
    prometheus: None where pods are scraped directly. interval: between two evaluations. resync: between two lists of
    everything, which find deletions that a broken watch missed. host, port: metrics and health. page: host and port of
    the web page, None where there is none.
    """

    connect: Connect = Connect()
    namespaces: tuple[str, ...] = ()
    max_mode: Mode = Mode.ENFORCE
    cooperate: frozenset[Way] = frozenset()
    prometheus: PrometheusOptions | None = None
    scrape: ScrapeOptions = ScrapeOptions()
    interval: float = 15.0
    scrape_interval: float = 15.0
    resync: float = 300.0
    host: str = "0.0.0.0"  # noqa: S104
    port: int = 8080
    page: tuple[str, int] | None = None
    lease: LeaseSettings = field(default_factory=LeaseSettings)
