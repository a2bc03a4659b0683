"""docs/reference/write-paths.md: who can lower a count, by which request, and what happens with parts gone."""

from pathlib import Path

from tools.docs.markdown import code, page, table
from tools.docs.write_paths_table import PATHS, State

_INTRODUCTION = """\
Every way to a lower count that we know of, for a service in mode Enforce whose namespace is opted in, and a count
below the floor of a Deny. Each cell is a test on a real API server (`tests/cluster/guard/test_write_paths.py`), made
from the same table as this page.

*Guard up*: everything runs. *Guard down*: no guard answers, the operator keeps the fence current. *All down*: guard and
operator are gone, the policies in the API server go on with the last fence, which does not expire by itself then:
[ways out](../concepts/fence-and-guard.md#ways-out)."""

_REFUSALS = """\
A refusal is 403 `Forbidden` with the same line from guard and policy: [read a refusal](../guides/read-a-refusal.md).
Between the two floors a person's decrease passes with a warning instead, an autoscaler's is refused as above. What a
policy refuses to an HPA shows in its condition `AbleToScale`. Nothing refuses an eviction or a deletion; a
[budget](../guides/cooperate.md#a-disruption-budget-at-the-fence) makes evictions wait. The controllers of Argo CD and
Flux are their requests here (server-side apply under their accounts and field managers), KEDA is its request; the HPA
controller is the real one."""


def render() -> dict[Path, str]:
    """The page by its path."""
    paths = table(
        ("who", "writes", *State),
        [(path.title, code(path.writes), *(path.outcome(state) for state in State)) for path in PATHS],
    )
    text = page("Write paths", _INTRODUCTION, paths, _REFUSALS)
    return {Path("docs/reference/write-paths.md"): text}
