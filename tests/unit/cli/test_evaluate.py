"""`scalewarden evaluate` on written recordings: intents, history, text, and bad input."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.command import Command, Ran
from tests.unit.cli.synthetic import AT, Load, write

NOT_APPLIED = "stabilization not applied"


def verdict(ran: Ran) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ran.out)["verdict"]
    return found


def test_by_default_one_fewer_is_judged_for_an_autoscaler(scalewarden: Command, tmp_path: Path) -> None:
    ran = scalewarden("evaluate", write(tmp_path), "-o", "json")
    found = json.loads(ran.out)
    assert found["intent"] == {"from": 3, "to": 2, "actor": "autoscaler"}
    assert found["inferenceDeployment"] == "serving/svc"
    assert found["replicas"] == {"desired": 3, "ready": 3, "fresh": 3}


def test_the_recorded_intent_is_judged_unless_options_say_otherwise(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path, intent={"from": 3, "to": 1, "actor": "user"})
    for options, expected in (
        ([], {"from": 3, "to": 1, "actor": "user"}),
        (["--actor", "autoscaler"], {"from": 3, "to": 1, "actor": "autoscaler"}),
        (["--scale-to", "2"], {"from": 3, "to": 2, "actor": "user"}),
        (["--scale-to", "5", "--actor", "autoscaler"], {"from": 3, "to": 5, "actor": "autoscaler"}),
    ):
        assert json.loads(scalewarden("evaluate", folder, "-o", "json", *options).out)["intent"] == expected


def test_an_increase_passes_even_under_pressure(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path, Load(kv=lambda t: 0.97))
    ran = scalewarden("evaluate", folder, "--scale-to", 4, "-o", "json")
    assert (ran.code, verdict(ran)["reason"]) == (0, "NotADecrease")


def test_a_safe_removal_passes_once_the_recording_spans_the_stabilization(scalewarden: Command, tmp_path: Path) -> None:
    ran = scalewarden("evaluate", write(tmp_path, span=600), "-o", "json")
    assert (ran.code, verdict(ran)["decision"]) == (0, "Allow")
    assert NOT_APPLIED not in verdict(ran)["message"]


def test_a_short_recording_says_that_stabilization_was_not_applied(scalewarden: Command, tmp_path: Path) -> None:
    ran = scalewarden("evaluate", write(tmp_path, span=285), "-o", "json")
    assert (ran.code, verdict(ran)["decision"]) == (0, "Allow")
    assert NOT_APPLIED in verdict(ran)["message"]


def test_a_queue_of_three_minutes_ago_still_holds(scalewarden: Command, tmp_path: Path) -> None:
    queue = Load(waiting=lambda t: 30.0 if 180 <= t <= 270 else 0.0)
    ran = scalewarden("evaluate", write(tmp_path / "long", queue, span=600), "-o", "json")
    assert (ran.code, verdict(ran)["reason"]) == (3, "Stabilizing")
    assert verdict(ran)["safeReplicas"] == 3
    short = scalewarden("evaluate", write(tmp_path / "short", queue, span=285), "-o", "json")
    assert (short.code, verdict(short)["decision"]) == (0, "Allow")


def test_a_service_without_stabilization_needs_no_history(scalewarden: Command, tmp_path: Path) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "svc"}
    spec = {"targetRef": target, "policy": {"stabilization": "0s"}}
    declared = {"metadata": {"name": "svc", "namespace": "serving"}, "spec": spec}
    ran = scalewarden("evaluate", write(tmp_path, span=300, inferenceDeployment=declared), "-o", "json")
    assert NOT_APPLIED not in verdict(ran)["message"]


def test_a_replica_without_scrapes_is_absent_and_named(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path)
    for page in (folder / "scrapes" / "svc-1").iterdir():
        page.unlink()
    ran = scalewarden("evaluate", folder)
    assert ran.code == 3
    assert "Hold  PartialCoverage" in ran.out
    assert "– kv_usage of svc-1 is absent" in ran.out
    row = next(line for line in ran.out.splitlines() if line.startswith("  svc-1"))
    assert row.split() == ["svc-1", *["–"] * 7]


def test_a_large_fleet_shows_its_fullest_replicas(scalewarden: Command, tmp_path: Path) -> None:
    ran = scalewarden("evaluate", write(tmp_path, replicas=15, span=120))
    assert "and 3 more replicas with less KV-cache usage" in ran.out
    assert sum(line.startswith("  svc-") for line in ran.out.splitlines()) == 12


def test_the_text_goes_from_facts_to_advice(scalewarden: Command, tmp_path: Path) -> None:
    ran = scalewarden("evaluate", write(tmp_path, Load(kv=lambda t: 0.9), span=120))
    heads = ["What is measured", "What it means", "What would happen: 3 → 2 replicas", "What to do"]
    places = [ran.out.index(head) for head in heads]
    assert places == sorted(places)
    assert "Deny  KVCachePressure" in ran.out
    assert "Keep 3 replicas now." in ran.out
    assert "KVCacheUsage (binds)" in ran.out
    assert "\x1b" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100


def _no_document(folder: Path) -> None:
    (folder / "recording.yaml").unlink()


def _broken_gzip(folder: Path) -> None:
    page = folder / "scrapes" / "svc-0" / f"{AT}.prom"
    (page.parent / f"{AT + 15}.prom.gz").write_bytes(gzip.compress(page.read_bytes())[:-20])


def _no_exposition(folder: Path) -> None:
    (folder / "scrapes" / "svc-0" / f"{AT}.prom").write_text("<html>busy</html>\n", encoding="utf-8")


def _bad_policy(folder: Path) -> None:
    document = folder / "recording.yaml"
    text = document.read_text(encoding="utf-8")
    document.write_text(text.replace("targetRef:", "engine: vllm\n    targetRef:"), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (_no_document, "recording.yaml"),
        (_broken_gzip, f"svc-0/{AT + 15}.prom.gz"),
        (_no_exposition, f"svc-0/{AT}.prom"),
        (_bad_policy, "spec.engine: 'vllm' is not one of its values"),
    ],
)
def test_bad_input_is_named_in_two_lines_and_exits_with_2(
    scalewarden: Command, tmp_path: Path, spoil: Any, named: str
) -> None:
    folder = write(tmp_path)
    spoil(folder)
    ran = scalewarden("evaluate", folder, "-o", "json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert named in ran.err
    assert len(ran.err.splitlines()) <= 2
