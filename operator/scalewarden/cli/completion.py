"""What a shell completes with: names out of the cluster and the kubeconfig.

Once the client is imported it takes `PATIENCE` at most, and it says nothing where it fails.
"""

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

PATIENCE = 2.0
"""Seconds that somebody who pressed TAB waits at most."""
MOST = 500
"""Names that are asked for."""

Lookup = Callable[[], list[str]]


def names(ctx: Any, incomplete: str) -> list[str]:
    """InferenceDeployments of the namespace that was typed, else of the context's own."""
    from scalewarden.cli.cluster import Cluster

    def look() -> list[str]:
        cluster = Cluster.connect(_typed(ctx, "context"))
        found = cluster.inference_deployments(_typed(ctx, "namespace") or cluster.namespace, PATIENCE, MOST)
        return [str(one["metadata"]["name"]) for one in found]

    return _of(look, incomplete)


def namespaces(ctx: Any, incomplete: str) -> list[str]:
    """Namespaces of the cluster."""
    from scalewarden.cli.cluster import Cluster

    def look() -> list[str]:
        found = Cluster.connect(_typed(ctx, "context")).namespaces(PATIENCE, MOST)
        return [str(one["metadata"]["name"]) for one in found]

    return _of(look, incomplete)


def contexts(incomplete: str) -> list[str]:
    """Contexts of the kubeconfig."""
    from kubernetes import config

    def look() -> list[str]:
        found, _ = config.list_kube_config_contexts()  # type: ignore[no-untyped-call]
        return [str(one["name"]) for one in found]

    return _of(look, incomplete)


def codes(incomplete: str) -> list[str]:
    """Codes of rules."""
    from scalewarden.rules.catalogue import RULES

    return [rule.code for rule, _ in RULES if rule.code.startswith(incomplete)]


def _typed(ctx: Any, option: str) -> str | None:
    found = ctx.params.get(option)
    return str(found) if found else None


class _TooLong(BaseException):
    """`PATIENCE` is over. No Exception, or clients would take it for a failure that they try again."""


def _of(look: Lookup, incomplete: str) -> list[str]:
    """What was found in time; nothing for anything that goes wrong, since a shell has no place for an error."""

    def end(*_: object) -> NoReturn:
        raise _TooLong

    found: list[str] = []
    before = signal.signal(signal.SIGALRM, end)
    with suppress(Exception, _TooLong):  # a cluster, a plugin for credentials, a file: whatever it is, no names
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        found = look()
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, before)
    return sorted(name for name in found if name.startswith(incomplete))
