"""A check's report as SARIF 2.1.0, for code scanning."""

from pathlib import PurePath
from urllib.parse import quote

from sarif_pydantic import (
    ArtifactLocation,
    Level,
    Location,
    Message,
    PhysicalLocation,
    Region,
    ReportingConfiguration,
    ReportingDescriptor,
    Result,
    Run,
    Sarif,
    Tool,
    ToolDriver,
)

from scalewarden import __version__
from scalewarden.model.checked import Checked, Report
from scalewarden.rules.catalogue import RULES
from scalewarden.surfaces.check_fingerprint import fingerprint

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(report: Report) -> str:
    """The log as indented JSON. Lines and columns are from 1, files relative to where the command ran."""
    used = sorted({one.rule for one in report.findings})
    rules = [_rule(code) for code in used]
    results = [_result(one, used.index(one.rule)) for one in report.findings]
    driver = ToolDriver(name="Scalewarden", version=__version__, rules=rules)
    log = Sarif(version="2.1.0", schema_uri=_SCHEMA, runs=[Run(tool=Tool(driver=driver), results=results)])
    return str(log.model_dump_json(by_alias=True, exclude_none=True, indent=2))


def _rule(code: str) -> ReportingDescriptor:
    rule = next(rule for rule, _ in RULES if rule.code == code)
    return ReportingDescriptor(
        id=code,
        name="".join(word.capitalize() for word in rule.name.split("-")),
        short_description=Message(text=rule.summary),
        help=Message(text=f"{rule.remedy} Check instead: {rule.check_instead}."),
        default_configuration=ReportingConfiguration(level=Level.WARNING),
    )


def _result(one: Checked, index: int) -> Result:
    region = Region(start_line=one.place.line, start_column=one.place.column, end_column=max(one.place.end, 2))
    artifact = ArtifactLocation(uri=quote(PurePath(one.place.file).as_posix(), safe="/"))
    text = f"{one.message}. {one.remedy}"
    return Result(
        rule_id=one.rule,
        rule_index=index,
        level=Level(str(one.level)),
        message=Message(text=text),
        locations=[Location(physical_location=PhysicalLocation(artifact_location=artifact, region=region))],
        partial_fingerprints={"scalewarden/v1": fingerprint(one)},
    )
