"""A check's report as GitHub annotations and as JUnit's XML."""

from collections.abc import Iterator

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from scalewarden.model.checked import Checked, Level, Report

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def to_github(report: Report) -> Iterator[str]:
    """Workflow commands: GitHub shows each beside its line of the pull request."""
    for one in report.findings:
        place = f"file={_property(one.place.file)},line={one.place.line},col={one.place.column}"
        yield f"::{_COMMANDS[one.level]} {place},title={_property(f'{one.rule} {one.name}')}::{_data(_said(one))}"
    for bad in report.errors:
        place = f"file={_property(bad.place.file)},line={bad.place.line}"
        yield f"::error {place},title=cannot be judged::{_data(bad.text)}"


def _said(one: Checked) -> str:
    return f"{one.message}\n{one.remedy}" + (f"\nWrite:\n{one.patch}" if one.patch else "")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def to_junit(report: Report) -> str:
    """One test case a finding: an error fails it, a warning and a note are told and pass. A file that cannot be judged
    is an error; a report without findings is one case that passed."""
    suite = TestSuite("scalewarden check")
    for one in report.findings:
        suite.add_testcase(_case(one))
    for bad in report.errors:
        case = TestCase(str(bad.place), classname=bad.place.file)
        case.result = [Error(bad.text, "cannot be judged")]
        suite.add_testcase(case)
    if not (report.findings or report.errors):
        suite.add_testcase(TestCase("no finding", classname="scalewarden"))
    xml = JUnitXml()
    xml.add_testsuite(suite)
    xml.update_statistics()  # type: ignore[no-untyped-call]
    return str(xml.tostring().decode())  # type: ignore[no-untyped-call]


def _case(one: Checked) -> TestCase:
    case = TestCase(f"{one.rule} {one.object} line {one.place.line}", classname=one.place.file)
    if one.level is Level.ERROR:
        case.result = [Failure(one.message, one.name)]
        case.result[0].text = _said(one)
    else:
        case.system_out = f"{one.level}: {_said(one)}"
    return case
