"""docs/reference/write-paths.md: who can lower a count, by which request, and what happens with parts gone."""

from pathlib import Path

from tools.docs.markdown import code, page, table
from tools.docs.write_paths_table import KINDS, PATHS, State

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


_KINDS = """\
## Kinds of targets

A target is anything that serves a scale subresource. Which kinds admission looks at is a fixed list, because each of
them costs a match at every write: the chart's values `guardedResources` and `extraGuardedResources`."""

_OTHERS = """\
Of a kind that is not looked at every decrease passes. The operator says so, once for each target: the event
`GuardBypassed` on the InferenceDeployment and the target, the message of the condition `Ready`, the metric
`scalewarden_unguarded_services`; `scalewarden doctor` says it too. To have it guarded, name it, which also lets the
operator read it:

```console
$ helm upgrade scalewarden charts/scalewarden -n scalewarden --reset-then-reuse-values \\
    --set-json 'extraGuardedResources=[{"apiGroup": "argoproj.io", "resource": "rollouts"}]'
```

A target without a scale subresource is not guarded at all; its InferenceDeployment says so (`Ready` is False,
`TargetNotScalable`). Where such a kind makes Deployments or LeaderWorkerSets, describe these; a refusal there does not
change the object above, which goes on asking."""


def render() -> dict[Path, str]:
    """The page by its path."""
    paths = table(
        ("who", "writes", *State),
        [(path.title, code(path.writes), *(path.outcome(state) for state in State)) for path in PATHS],
    )
    kinds = table(
        ("kind", "API group", "guarded", "note"),
        [(one.kind, code(one.group), one.guarded, one.note) for one in KINDS],
    )
    text = page("Write paths", _INTRODUCTION, paths, _REFUSALS, _KINDS, kinds, _OTHERS)
    return {Path("docs/reference/write-paths.md"): text}
