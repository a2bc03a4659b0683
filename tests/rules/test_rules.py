"""Every rule against its cases, and what all rules have in common."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings

from scalewarden.model.snapshot import Snapshot
from scalewarden.model.thresholds import CATALOGUE
from scalewarden.rules import catalogue
from scalewarden.rules.rule import Check, Rule
from tests.rules.loader import HERE, STATUS, Case, cases
from tests.strategies import snapshots

PACKAGE = Path(catalogue.__file__).parent
SECTIONS = ("Finds", "Why", "Reads", "Fires when", "Clear when", "Unknown when", "Do", "References")
RULES = [pytest.param(rule, check, id=rule.code) for rule, check in catalogue.RULES]


def module(check: Check) -> Path:
    """`<family>/<rule>` of a check's module."""
    return Path(*check.__module__.split(".")[-2:])


CASES = [
    pytest.param(case, check, id=f"{rule.code} {case.name}")
    for rule, check in catalogue.RULES
    for case in cases(rule.code, HERE / module(check))
]


@pytest.mark.parametrize(("case", "check"), CASES)
def test_case(case: Case, check: Check) -> None:
    finding = check(case.snapshot)
    assert (finding.status, finding.message) == (case.status, case.message)
    if case.severity is not None:
        assert finding.severity is case.severity
    assert len(finding.evidence) == len(case.evidence)
    got = [{key: getattr(one, key) for key in want} for one, want in zip(finding.evidence, case.evidence, strict=True)]
    assert got == [dict(want) for want in case.evidence]


def test_catalogue_is_what_is_on_disk() -> None:
    written = {path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.glob("*/*.py") if path.stem != "__init__"}
    assert {module(check) for _, check in catalogue.RULES} == written


def test_codes_are_unique_and_in_order_of_families() -> None:
    families = ["SIG", "UTL", "KVC", "THR", "TOP", "SCL", "ASC"]
    codes = [rule.code for rule, _ in catalogue.RULES]
    assert codes == sorted(set(codes), key=lambda code: (families.index(code[:3]), code))


@pytest.mark.parametrize(("rule", "check"), RULES)
def test_identity(rule: Rule, check: Check) -> None:
    assert module(check).stem == rule.name.replace("-", "_")
    assert re.fullmatch(r"[A-Z]{3}\d{3}", rule.code)
    for sentence in (rule.summary, rule.remedy):
        assert sentence.endswith(".") and "\n" not in sentence
    assert rule.check_instead and rule.reads
    assert set(rule.thresholds) <= set(CATALOGUE)


@pytest.mark.parametrize(("rule", "check"), RULES)
def test_docstring_has_its_sections_in_order(rule: Rule, check: Check) -> None:
    text = __import__(check.__module__, fromlist=["check"]).__doc__ or ""
    assert text.splitlines()[0] == f"{rule.code} {rule.name}"
    found = [name for line in text.splitlines() for name in SECTIONS if line.startswith(f"{name}: ")]
    assert tuple(found) == SECTIONS


@pytest.mark.parametrize(("rule", "check"), RULES)
def test_docstring_names_the_thresholds_it_uses(rule: Rule, check: Check) -> None:
    source = Path(__import__(check.__module__, fromlist=["check"]).__file__ or "").read_text(encoding="utf-8")
    named = set(re.findall(r'(?:limits|thresholds)\["(\w+)"\]', source))
    assert named <= set(rule.thresholds)


@pytest.mark.parametrize(("rule", "check"), RULES)
def test_every_status_has_a_case(rule: Rule, check: Check) -> None:
    assert {case.status for case in cases(rule.code, HERE / module(check))} == set(STATUS.values())


@settings(max_examples=150)
@given(snapshot=snapshots())
def test_any_service_gets_one_sentence_from_every_rule(snapshot: Snapshot) -> None:
    for rule, check in catalogue.RULES:
        finding = check(snapshot)
        assert finding.rule == rule.code and finding == check(snapshot)
        assert finding.message and "\n" not in finding.message and len(finding.message.encode()) <= 1024
