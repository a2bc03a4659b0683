"""`scalewarden what-if` on recordings: the table, the exit codes, and what is said where nothing can be."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.command import Command
from tests.unit.cli.synthetic import Load, write

FLEET = Load(kv=lambda t: 0.2)


def rows(out: str) -> dict[int, dict[str, Any]]:
    return {one["replicas"]: one["verdict"] for one in json.loads(out)["counts"]}


def test_every_count_on_the_way_down_is_judged(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path / "eight", FLEET, replicas=8)
    ran = scalewarden("what-if", folder, "--replicas", 2, "-o", "json")
    found = rows(ran.out)
    assert (ran.code, sorted(found)) == (1, [2, 3, 4, 5, 6, 7])
    assert [found[to]["decision"] for to in (7, 3, 2)] == ["Allow", "Allow", "Deny"]
    assert found[3]["predicted"]["kvCacheUsage"] == 0.5333
    document = json.loads(ran.out)
    assert (document["verdict"], document["verdict"]["safeReplicas"]) == (found[2], 3)
    assert document["intent"] == {"from": 8, "to": 2, "actor": "user"}


def test_evaluate_says_the_same(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path / "eight", FLEET, replicas=8)
    asked = ("--actor", "autoscaler", "-o", "json")
    one = json.loads(scalewarden("what-if", folder, "--replicas", 2, *asked).out)["verdict"]
    assert one == json.loads(scalewarden("evaluate", folder, "--scale-to", 2, *asked).out)["verdict"]


@pytest.mark.parametrize(("to", "code"), [(7, 0), (8, 0), (9, 0), (2, 1)])
def test_the_exit_code_is_the_verdict(scalewarden: Command, tmp_path: Path, to: int, code: int) -> None:
    assert scalewarden("what-if", write(tmp_path, FLEET, replicas=8), "--replicas", to).code == code


def test_a_hold_is_three(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path, Load(kv=lambda t: 0.36), replicas=2)
    ran = scalewarden("what-if", folder, "--replicas", 1)
    assert ran.code == 3 and "Hold  KVCachePressure" in ran.out


def test_a_large_fleet_is_thinned_out_and_keeps_what_matters(scalewarden: Command, tmp_path: Path) -> None:
    folder = write(tmp_path, Load(kv=lambda t: 0.2), replicas=40, span=300)
    ran = scalewarden("what-if", folder, "--replicas", 3, "-o", "json")
    found, safe = rows(ran.out), json.loads(ran.out)["verdict"]["safeReplicas"]
    assert len(found) <= 12 and {3, safe, safe - 1} <= set(found)
    assert found[safe]["decision"] == "Allow" and found[safe - 1]["decision"] != "Allow"


def test_the_screen_marks_the_safe_count(scalewarden: Command, tmp_path: Path) -> None:
    out = scalewarden("what-if", write(tmp_path, FLEET, replicas=8), "--replicas", 2).out
    assert "What would happen: 8 → 2 replicas, asked by a user" in out
    assert "3 (safe)" in out and "Go no lower than 3 replicas now." in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("to", ["-1", "many"])
def test_no_count_is_a_usage_error(scalewarden: Command, tmp_path: Path, to: str) -> None:
    assert scalewarden("what-if", write(tmp_path), "--replicas", to).code == 2


def test_a_folder_that_is_not_there(scalewarden: Command, tmp_path: Path) -> None:
    ran = scalewarden("what-if", tmp_path / "none", "--replicas", 1)
    assert (ran.code, ran.out) == (2, "") and "there is no such folder" in ran.err
