"""`scalewarden rules`: the whole catalogue, one rule, and what is none."""

import json

import pytest

from scalewarden.model.thresholds import CATALOGUE
from scalewarden.rules.catalogue import RULES
from tests.unit.cli.command import Command


def test_every_rule_and_threshold_is_listed(scalewarden: Command) -> None:
    ran = scalewarden("rules")
    assert ran.code == 0
    missing = [rule.code for rule, _ in RULES if f"{rule.code}  {rule.name}" not in ran.out]
    assert missing == []
    assert [name for name in CATALOGUE if f"\n{name} " not in ran.out] == []
    assert max(map(len, ran.out.splitlines())) <= 100


@pytest.mark.parametrize("code", ["KVC201", "kvc201", "kv-cache-pressure"])
def test_one_rule_by_code_or_name(scalewarden: Command, code: str) -> None:
    ran = scalewarden("rules", code)
    assert ran.out.startswith("KVC201 kv-cache-pressure\n\nFinds: ")
    for part in ("Fires when:", "Unknown when:", "Check instead:", "Remedy:", "kvUsageDeny"):
        assert part in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100


@pytest.mark.parametrize(("code", "hint"), [("SLC501", "did you mean SCL501?"), ("x", "lists the codes")])
def test_what_is_no_rule(scalewarden: Command, code: str, hint: str) -> None:
    ran = scalewarden("rules", code)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: there is no rule {code!r}\nhint: ")
    assert hint in ran.err


def test_json_of_all(scalewarden: Command) -> None:
    found = json.loads(scalewarden("rules", "-o", "json").out)
    assert [rule["code"] for rule in found["rules"]] == [rule.code for rule, _ in RULES]
    assert {line["name"]: line["default"] for line in found["thresholds"]} == {
        name: line.default for name, line in CATALOGUE.items()
    }


def test_json_of_one_rule_holds_its_own_lines(scalewarden: Command) -> None:
    found = json.loads(scalewarden("rules", "KVC201", "-o", "json").out)
    (rule,) = found["rules"]
    assert rule["misinterpretation"] == ["M1", "M3"]
    assert [line["name"] for line in found["thresholds"]] == rule["thresholds"]
