"""A check's report for programs; docs/reference/check.schema.json is generated from these models."""

from typing import Annotated

from pydantic import Field

from scalewarden.model.checked import Level, Remark, Report
from scalewarden.surfaces.evaluation_json_models import Document

Line = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]


class CheckFinding(Document):
    """One finding. object: `Kind/namespace/name`; patch: YAML below the object's root, null where there is none."""

    rule: str
    name: str
    level: Level
    file: str
    line: Line
    column: Line
    object: str
    field: str
    message: str
    remedy: str
    patch: str | None


class CheckRemark(Document):
    """What was not judged, or cannot be, and why."""

    file: str
    line: Line
    text: str


class CheckSummary(Document):
    """Counts. objects: Kubernetes objects read; judged: those that concern LLM inference; baseline: findings that the
    baseline file silenced."""

    errors: Count
    warnings: Count
    notes: Count
    files: Count
    objects: Count
    judged: Count
    baseline: Count


class CheckDocument(Document):
    """`scalewarden check -o json`. bad: files and objects that cannot be judged (exit code 2)."""

    findings: list[CheckFinding]
    summary: CheckSummary
    remarks: list[CheckRemark]
    bad: list[CheckRemark]


def document(report: Report) -> CheckDocument:
    """The report as a document."""
    findings = [
        CheckFinding(
            rule=one.rule, name=one.name, level=one.level, file=one.place.file, line=one.place.line,
            column=one.place.column, object=one.object, field=one.field, message=one.message, remedy=one.remedy,
            patch=one.patch or None,
        )
        for one in report.findings
    ]  # fmt: skip
    errors, warnings, notes = (report.count(level) for level in Level)
    summary = CheckSummary(
        errors=errors, warnings=warnings, notes=notes, files=report.files, objects=report.documents,
        judged=report.judged, baseline=report.baseline,
    )  # fmt: skip
    return CheckDocument(
        findings=findings, summary=summary, remarks=_remarks(report.remarks), bad=_remarks(report.errors)
    )


def to_json(report: Report) -> str:
    """The document as indented JSON."""
    return document(report).model_dump_json(by_alias=True, indent=2)


def _remarks(remarks: tuple[Remark, ...]) -> list[CheckRemark]:
    return [CheckRemark(file=one.place.file, line=one.place.line, text=one.text) for one in remarks]
