"""`python -m tools.permissions`: write docs/reference/permissions.md, what the chart's accounts may do, as asked of a
real API server with their own tokens (`kubectl auth can-i --list`)."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.docs.markdown import code, table
from tools.localcluster import LocalCluster

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "permissions.md"
ACCOUNTS = ("scalewarden-operator", "scalewarden-guard")
OWN, ANOTHER = "scalewarden", "default"
"""The namespace that the chart is installed in, and one that stands for all others."""
COOPERATES = "cooperate.pauseScaleIn=true,cooperate.podDeletionCost=true,cooperate.disruptionBudget=true"

_INTRODUCTION = """\
# Permissions

Everything that the two ServiceAccounts of the chart may do, as a real API server answers them: `kubectl auth can-i
--list` with their own tokens, without what every account may do (discovery and reviews of its own rights). A test asks
again and compares; `python -m tools.permissions` writes the page anew. What each right is for stands in the chart's
roles, what it would be worth to a thief in [security](../concepts/security.md).
"""

_ROW = re.compile(r"^(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]$")

_ADDED = """\
## What `cooperate` adds

Rows that are new or say more where the chart's values allow `pauseScaleIn`, `podDeletionCost` and `disruptionBudget`.
"""

Row = tuple[str, str, str]
Rights = set[tuple[str, str, str, str]]


def page(cluster: LocalCluster) -> str:
    """The page; the chart is installed or upgraded twice for it, and stays with every way to cooperate."""
    install(cluster, "")
    plain = {account: rights(cluster, account) for account in ACCOUNTS}
    install(cluster, COOPERATES)
    more = {account: rights(cluster, account) - plain[account] for account in ACCOUNTS}
    tables = [_table("##", account, plain[account]) for account in ACCOUNTS]
    return "\n".join([_INTRODUCTION, *tables, _ADDED, *(_table("###", f"{one}, too", more[one]) for one in ACCOUNTS)])


def install(cluster: LocalCluster, values: str) -> None:
    """The chart without pods."""
    chart = ("scalewarden", str(ROOT / "charts" / "scalewarden"), "-n", OWN, "--create-namespace")
    pods = ("--set", "guard.replicas=0,operator.replicas=0")
    cluster.helm("upgrade", "--install", *chart, *pods, *(("--set", values) if values else ()))


def rights(cluster: LocalCluster, account: str) -> Rights:
    """(namespace, resource, names, verbs) of an account, without what every account may do."""
    config = cluster.kubeconfig_for(cluster.token(OWN, account), f"may-{account}")
    bare = cluster.kubeconfig_for(cluster.token(ANOTHER, "default"), "may-nothing")
    anywhere = rows(cluster, config, ANOTHER) - rows(cluster, bare, ANOTHER)
    here = rows(cluster, config, OWN) - rows(cluster, bare, ANOTHER) - anywhere
    return {("every", *row) for row in anywhere} | {("its own", *row) for row in here}


def _table(level: str, heading: str, found: Rights) -> str:
    rows = [(where, code(what), code(names), verbs) for where, what, names, verbs in sorted(found)]
    return f"{level} {heading}\n\n{table(('namespace', 'resource', 'names', 'verbs'), rows)}\n"


def rows(cluster: LocalCluster, config: Path, namespace: str) -> set[Row]:
    """(resource, names, verbs) that an account may in a namespace."""
    listed = cluster.kubectl("auth", "can-i", "--list", "-n", namespace, kubeconfig=config).stdout
    return set(_parsed(listed))


def _parsed(listed: str) -> Iterator[Row]:
    """Verbs of one resource joined and sorted: releases of the API server merge rules in different ways."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for line in listed.splitlines()[1:]:
        found = _ROW.match(line)
        if found is None:
            raise ValueError(f"kubectl auth can-i --list says {line!r}, which is no row")
        resource, urls, names, allowed = found.groups()
        verbs.setdefault((resource or urls, names), set()).update(allowed.split())
    for (what, names), allowed_here in verbs.items():
        yield what, names, ", ".join(sorted(allowed_here))


def main() -> int:
    """Start a control plane, ask, write."""
    with LocalCluster.start("permissions") as cluster:
        PAGE.write_text(page(cluster), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
