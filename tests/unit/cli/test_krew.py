"""The archive and the manifest for krew: what krew asks of them, and that the launcher starts what is installed."""

import hashlib
import os
import re
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml

from scalewarden import __version__
from tools.krew import LAUNCHER, ROOT, build

MOST_SHORT = 50
"""Characters of a short description, by krew's rules for its index."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(tmp_path_factory.mktemp("krew"))


@pytest.fixture(scope="module")
def unpacked(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    with tarfile.open(built[0]) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_the_manifest_is_as_krew_wants_it(built: tuple[Path, Path]) -> None:
    archive, manifest = built
    found = yaml.safe_load(manifest.read_text())
    assert (found["apiVersion"], found["kind"]) == ("krew.googlecontainertools.github.com/v1alpha2", "Plugin")
    assert found["metadata"]["name"] == manifest.stem == "scalewarden"
    spec = found["spec"]
    assert set(spec) == {"version", "homepage", "shortDescription", "description", "caveats", "platforms"}
    assert spec["version"] == f"v{__version__}" and re.fullmatch(r"v\d+\.\d+\.\d+", spec["version"])
    assert len(spec["shortDescription"]) <= MOST_SHORT and not spec["shortDescription"].endswith(".")
    (platform,) = spec["platforms"]
    assert platform["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert platform["uri"].startswith("https://") and platform["uri"].endswith(f"/v{__version__}/{archive.name}")


def test_the_archive_holds_what_the_manifest_starts(built: tuple[Path, Path], unpacked: Path) -> None:
    (platform,) = yaml.safe_load(built[1].read_text())["spec"]["platforms"]
    assert os.access(unpacked / platform["bin"], os.X_OK)
    assert sorted(path.name for path in unpacked.iterdir()) == [
        "LICENSE", "kubectl-scalewarden", "requirements.lock", f"scalewarden-{__version__}-py3-none-any.whl",
    ]  # fmt: skip
    assert all("to" in one and "from" in one for one in platform["files"])


def test_the_same_checkout_gives_the_same_archive(built: tuple[Path, Path], tmp_path: Path) -> None:
    assert build(tmp_path)[0].read_bytes() == built[0].read_bytes()


def started(unpacked: Path, home: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    link = home / name
    link.symlink_to(unpacked / "kubectl-scalewarden")
    own = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(home), **environment}
    return subprocess.run([link, "version", "x y"], capture_output=True, text=True, check=False, env=own)


@pytest.mark.parametrize("name", ["kubectl-scalewarden", "kubectl_complete-scalewarden"])
def test_an_installed_one_is_started_by_the_name_it_was_called_by(unpacked: Path, tmp_path: Path, name: str) -> None:
    bins = tmp_path / "scalewarden" / f"krew-{__version__}" / "bin"
    bins.mkdir(parents=True)
    (bins.parent / ".whole").touch()
    (bins / name).write_text(f'#!/bin/sh\necho "{name}:$1:$2"\n')
    (bins / name).chmod(0o755)
    assert started(unpacked, tmp_path, name).stdout == f"{name}:version:x y\n"


def test_without_python_it_says_what_to_install(unpacked: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname", "basename", "readlink"):
        (tools / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
    ran = started(unpacked, tmp_path, "kubectl-scalewarden", PATH=str(tools))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: Python 3.11 or newer is needed\nhint: ")


def test_what_it_starts_is_an_entry_point_of_the_package() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    started = re.findall(r"bin/(kubectl\S+scalewarden)", LAUNCHER.read_text(encoding="utf-8"))
    assert len(started) == 2 and set(started) <= set(scripts)
