"""SARIF against the schema of the standard, out of the package that its authors publish for tests."""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from scalewarden.model.checked import Report
from scalewarden.surfaces.check_sarif import to_sarif
from tests.unit.check.manifests import CPU, checked, deployment, hpa, prometheus, scaled
from tools.localcluster.cache import cache_root

PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
SCHEMA = "package/lib/schemas/sarif-2.1.0-rtm.5.json"


@pytest.fixture(scope="module")
def schema() -> Any:
    """The schema; the tests are skipped where the package cannot be had."""
    kept = cache_root().parent / "schemas" / "sarif-2.1.0-rtm.5.json"
    if not kept.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed: SARIF is not held against the standard's schema here")
        _fetch(kept)
    return _without_bad_patterns(json.loads(kept.read_text(encoding="utf-8")))


def _fetch(kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=kept.parent, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{PACKAGE} cannot be had: SARIF is not held against the standard's schema here")
    archive = kept.parent / done.stdout.strip().splitlines()[-1]
    with tarfile.open(archive) as opened:
        inner = opened.extractfile(SCHEMA)
        assert inner is not None
        kept.write_bytes(inner.read())
    archive.unlink()


def _without_bad_patterns(node: Any) -> Any:
    """Two patterns of language codes in the published schema have a bracket too many."""
    if isinstance(node, dict):
        return {key: _without_bad_patterns(value) for key, value in node.items() if not _is_bad(key, value)}
    return [_without_bad_patterns(one) for one in node] if isinstance(node, list) else node


def _is_bad(key: str, value: Any) -> bool:
    return key == "pattern" and isinstance(value, str) and value.endswith("]?$")


def test_a_report_with_findings_is_as_the_standard_says(schema: Any) -> None:
    found = checked(
        deployment(args=["--disable-log-stats"]), hpa(CPU), scaled(prometheus("avg(vllm_num_requests_waiting)"))
    )
    log = json.loads(to_sarif(Report(tuple(found), 1, 3, 3)))
    assert len(log["runs"][0]["results"]) >= 5
    jsonschema_rs.validator_for(schema).validate(log)


def test_a_report_without_findings_is_as_the_standard_says(schema: Any) -> None:
    jsonschema_rs.validator_for(schema).validate(json.loads(to_sarif(Report((), 0, 0, 0))))
