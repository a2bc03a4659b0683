"""From paths, and what they are compared with, to the report of a check."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scalewarden.app.check_base import Lowered, finding, lowered
from scalewarden.app.checking import Checking
from scalewarden.cli.git_base import at_ref
from scalewarden.cli.uncollected import uncollected
from scalewarden.model.check_config import CheckConfig
from scalewarden.model.checked import Checked, Level, Place, Remark, Report
from scalewarden.sources.manifests.files import STDIN, Found, collect

if TYPE_CHECKING:
    from scalewarden.cli.check_live import Where

_UNSEEN = "whether that is safe is not known without the running service"


def report_of(paths: list[str], base: str | None, wanted: CheckConfig, asked: "Where | None") -> Report:
    """Everything found; asked: who answers for lowered counts. Raises BadInput for a path or base that is not there."""
    with uncollected():
        found = collect(paths, wanted.exclude)
        checking = Checking(found, dict(wanted.thresholds))
        findings = checking.findings()
        before = None if base is None else _earlier(base, paths, wanted.exclude)
    if base is not None and before is not None:
        findings += _of_base(checking, before, asked)
        if STDIN in paths and not Path(base).exists():
            what = f"has no earlier version at {base}: give --base a folder with what was rendered before"
            checking.remarks.append(Remark(Place("<stdin>", 1), what))
    return Report(
        tuple(sorted(findings, key=lambda one: (one.place.file, one.place.line, one.rule))),
        found.files, found.documents, checking.judged,
        remarks=(*found.remarks, *checking.remarks), errors=(*found.errors, *checking.errors),
    )  # fmt: skip


def _earlier(base: str, paths: list[str], exclude: Sequence[str]) -> Found:
    """The manifests as they are in a folder or at a git ref."""
    return collect([base], exclude) if Path(base).exists() else at_ref(base, paths, exclude)


def _of_base(checking: Checking, before: Found, asked: "Where | None") -> Iterator[Checked]:
    """Lowered counts: what the manifests alone say of them, or what the running services answer."""
    others = []
    for one in lowered(checking.found.manifests, before.manifests):
        known = _below_minimum(one, checking)
        if known is not None:
            yield known
        else:
            others.append(one)
    if asked is None:
        yield from (finding(one, _UNSEEN, Level.WARNING) for one in others if checking.concerns(one.manifest))
        return
    from scalewarden.cli.check_live import judged  # a check of manifests needs no cluster, nor its client

    findings, remarks = judged(others, asked, checking, before.manifests)
    checking.remarks += remarks
    yield from findings


def _below_minimum(one: Lowered, checking: Checking) -> Checked | None:
    minimum = checking.declared_minimum(one.manifest)
    if minimum is None or one.after >= minimum or one.field != "spec.replicas":
        return None
    return finding(one, f"its InferenceDeployment declares a minimum of {minimum}", Level.ERROR)
