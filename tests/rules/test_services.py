"""Services from public threads, against every rule that reads signals: what is not listed must not be found."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from scalewarden.rules import catalogue
from tests.rules import loader

SERVICES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("services.yaml").read_text(encoding="utf-8"))
CHECKS = {rule.code: check for rule, check in catalogue.RULES if not rule.code.startswith(("ASC", "SCL"))}


@pytest.mark.parametrize("entry", SERVICES, ids=[one["case"] for one in SERVICES])
def test_a_service_is_judged_by_every_rule(entry: dict[str, Any]) -> None:
    snapshot = loader.snapshot({"engine": "vLLM", **entry["given"]})
    found = {code: check(snapshot) for code, check in CHECKS.items()}
    fired = [code for code, finding in found.items() if finding.fired]
    told = {code: found[code].message for code in {*fired, *entry["fires"]}}
    assert sorted(fired) == sorted(entry["fires"]), (entry["why"], told)
    assert not set(entry.get("silent", ())) & set(fired)


def test_they_are_many_and_of_every_family() -> None:
    named = {code[:3] for one in SERVICES for code in (*one["fires"], *one.get("silent", ()))}
    assert named == {code[:3] for code in CHECKS} and len(SERVICES) >= 20
    assert all(one["why"] for one in SERVICES)
