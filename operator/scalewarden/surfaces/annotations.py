"""The annotations on judged autoscalers and targets: what Scalewarden thinks of them, where people look first.

Their text holds no live number: it changes with the verdict, not with every sample.
"""

from collections.abc import Mapping

from scalewarden.judgement.evaluate import AutoscalerJudgement, Evaluation
from scalewarden.judgement.frontier import EXPLANATION
from scalewarden.model.finding import Finding, Status
from scalewarden.surfaces.events import REMEDIES

VERDICT = "scalewarden.dev/verdict"
FINDINGS = "scalewarden.dev/findings"

Annotations = dict[str, str]


def of_autoscaler(judged: AutoscalerJudgement) -> Annotations:
    """`Sound`, `Unsound` or `Unknown`, and the rules that say so with what to do."""
    word = {Status.FIRED: "Unsound", Status.CLEAR: "Sound", Status.UNKNOWN: "Unknown"}[judged.status]
    return _with_findings(word, [_told(finding) for finding in judged.findings if finding.fired])


def of_target(evaluation: Evaluation) -> Annotations:
    """The verdict on removing one replica, its reason and the safe count; the codes and names of what fired."""
    verdict = evaluation.verdict
    why = EXPLANATION.get(verdict.reason)
    text = f"{verdict.decision} {verdict.reason}: safe count {verdict.safe_replicas}" + (f"; {why}" if why else "")
    return _with_findings(text, [f"{one.rule} {one.name}" for one in evaluation.findings if _counts(one)])


def written(annotations: Mapping[str, str]) -> Annotations:
    """Those of ours that an object carries."""
    return {key: annotations[key] for key in (VERDICT, FINDINGS) if key in annotations}


def _told(finding: Finding) -> str:
    return f"{finding.rule} {finding.name}: {finding.message}. {REMEDIES.get(finding.rule, '')}".strip()


def _counts(finding: Finding) -> bool:
    return finding.fired and finding.autoscaler is None


def _with_findings(verdict: str, findings: list[str]) -> Annotations:
    return {VERDICT: verdict, FINDINGS: "; ".join(findings) or "none"}
