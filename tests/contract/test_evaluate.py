"""Every recording in examples/ gets the regime and verdict that its README names, in JSON that fits the schema."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from scalewarden.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "examples" / "recordings"
SCHEMA = json.loads((ROOT / "docs" / "reference" / "evaluate.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)
EXIT_CODES = {"Allow": 0, "Deny": 1, "Hold": 3}


@dataclass(frozen=True)
class Reading:
    """A right reading: regimes and decisions that are right, and the reason and safe count where they are named."""

    regimes: set[str]
    decisions: set[str]
    reason: str | None = None
    safe: int | None = None


READINGS = {
    "idle-fresh": Reading({"Idle"}, {"Allow"}, "GenuinelyIdle"),
    "light": Reading({"Underloaded", "Healthy"}, {"Deny"}, "RequestsInFlight", 1),
    "kv-pressured": Reading({"KVCacheBound"}, {"Deny"}, safe=1),
    "burst-drain": Reading({"KVCacheBound"}, {"Deny"}, safe=1),
    "scaledown-moderate": Reading({"Underloaded", "Healthy"}, {"Hold", "Allow"}),
    "scaledown-users-unsafe-drained": Reading({"KVCacheBound"}, {"Deny"}, "KVCachePressure", 2),
    "scaleup-rescue": Reading({"KVCacheBound"}, {"Deny"}, "KVCachePressure", 2),
}


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of the command."""
    monkeypatch.setattr(sys, "argv", ["scalewarden", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture(params=sorted(READINGS))
def name(request: pytest.FixtureRequest) -> str:
    """Each recording's name in turn."""
    return str(request.param)


def test_every_recording_has_a_right_reading() -> None:
    assert {folder.name for folder in RECORDINGS.iterdir() if folder.is_dir()} == set(READINGS)


def test_the_recording_is_read_as_its_readme_says(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["evaluate", str(RECORDINGS / name), "-o", "json"], monkeypatch)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    VALIDATOR.validate(document)
    right, verdict = READINGS[name], document["verdict"]
    assert document["diagnosis"]["regime"] in right.regimes
    assert verdict["decision"] in right.decisions
    assert code == EXIT_CODES[verdict["decision"]]
    assert right.reason in (None, verdict["reason"])
    assert right.safe in (None, verdict["safeReplicas"])


def test_the_recording_fits_on_a_screen(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["evaluate", str(RECORDINGS / name)], monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100


def test_the_schema_refuses_what_is_not_the_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["evaluate", str(RECORDINGS / "idle-fresh"), "-o", "json"], monkeypatch)
    good: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert VALIDATOR.is_valid(good)
    for wrong in (
        {**good, "verdict": {**good["verdict"], "decision": "Maybe"}},
        {**good, "verdict": {**good["verdict"], "safeReplicas": -1}},
        {**good, "at": "yesterday"},
        {**good, "extra": 1},
        {key: value for key, value in good.items() if key != "signals"},
    ):
        assert not VALIDATOR.is_valid(wrong)


def test_signals_are_values_or_causes_never_both(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["evaluate", str(RECORDINGS / name), "-o", "json"], monkeypatch)
    signals = json.loads(capsys.readouterr().out)["signals"]
    assert {signal["name"] for signal in signals} >= {"kv_usage", "waiting", "running"}
    assert [signal for signal in signals if (signal["value"] is None) == (signal["absent"] is None)] == []
