"""Where tools are looked for, in which order, and what is said when there are none."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.localcluster import BinaryMissingError, binaries, gobuild, pins
from tools.localcluster.cache import Cache, cache_root

from .conftest import PLATFORM, ArchiveServer, put

MakeFinder = Callable[..., binaries.Finder]


def test_asset_folders_come_before_path_and_path_before_the_cache(
    finder: MakeFinder, bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder().find(["etcd"])  # now in the cache
    on_path = put(bare_machine, "etcd", "etcd Version: 3.6.1")
    assert finder().find(["etcd"]) == {"etcd": on_path}
    for variable in reversed(binaries.ASSET_VARIABLES):
        asset = put(tmp_path / variable, "etcd", "etcd Version: 3.5.0")
        monkeypatch.setenv(variable, str(asset.parent))
        assert finder().find(["etcd"]) == {"etcd": asset}


def test_a_tool_of_another_version_is_passed_over_and_said(
    finder: MakeFinder, bare_machine: Path, lines: list[str]
) -> None:
    old = put(bare_machine, "kube-apiserver", "Kubernetes v1.31.0")
    found = finder().find(["kube-apiserver"])
    assert found["kube-apiserver"] != old
    assert f"not used: {old} is v1.31, needed is v1.36.x" in lines


def test_a_damaged_tool_in_the_cache_is_fetched_again(
    finder: MakeFinder, archive_server: ArchiveServer, lines: list[str]
) -> None:
    path = finder().find(["etcd"])["etcd"]
    sound = path.read_bytes()
    path.write_bytes(sound + b"#")
    assert finder().find(["etcd"])["etcd"].read_bytes() == sound
    assert f"{path} does not match its checksum: removed, will be fetched again" in lines
    assert len(archive_server.requests) == 2


def test_two_runs_at_once_download_once(finder: MakeFinder, archive_server: ArchiveServer) -> None:
    threads = [threading.Thread(target=finder().find, args=(["etcd"],)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(archive_server.requests) == 1


def test_a_missing_tool_is_one_error_with_every_way_to_get_it(
    finder: MakeFinder, archive_server: ArchiveServer
) -> None:
    archive_server.manner = "missing"
    with pytest.raises(BinaryMissingError) as caught:
        finder().find(["etcd", "kwok"])
    text = str(caught.value)
    assert text.startswith("The local cluster needs etcd, kwok. Tried:")
    assert "kwok: build: no `go` on PATH" in text
    for way in ("SCALEWARDEN_ASSETS", "SCALEWARDEN_ENVTEST_URL", "install Go 1.26 or newer"):
        assert way in text


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SCALEWARDEN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_root() == tmp_path / ".cache/scalewarden/localcluster"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_root() == Path("/x/scalewarden/localcluster")
    monkeypatch.setenv("SCALEWARDEN_CACHE", "/y")
    assert cache_root() == Path("/y/localcluster")


BUILDABLE = [tool for tool in pins.TOOLS.values() if tool.bundle]


@pytest.mark.parametrize("tool", BUILDABLE, ids=lambda tool: tool.name)
def test_every_tool_is_pinned_by_a_committed_module(tool: pins.Tool) -> None:
    assert tool.bundle is not None
    lines = (tool.bundle.folder / "go.mod").read_text().splitlines()
    assert any(line.removeprefix("tool").strip() == tool.package for line in lines)
    required = [line.removeprefix("require").split() for line in lines if tool.bundle.version in line]
    modules = [module for module, *_ in required if tool.package.startswith(module)]
    sums = (tool.bundle.folder / "go.sum").read_text()
    assert len(modules) == 1
    assert f"{modules[0]} {tool.bundle.version} h1:" in sums


class TestBuild:
    """With the real Go compiler, on a module of one file."""

    BUNDLE = pins.Bundle("tiny", "v1.2.3", ldflags="-X main.version=v1.2.3")
    TOOL = pins.Tool("tiny", ("--version",), (1, 2), None, BUNDLE, "example.test/tiny")

    @pytest.fixture
    def module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        go = shutil.which("go")
        if go is None:
            pytest.skip("no Go on this machine: the build is not tested")
        folder = tmp_path / "build" / "tiny"
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text("module example.test/tiny\n\ngo 1.26\n")
        (folder / "main.go").write_text(
            'package main\n\nvar version = "v0.0"\n\nfunc main() { println("tiny " + version) }\n'
        )
        monkeypatch.setattr(pins, "BUILD_DIR", folder.parent)
        monkeypatch.setitem(pins.TOOLS, "tiny", self.TOOL)
        return folder

    def test_a_tool_is_built_once_with_its_version_and_cached(
        self, module: Path, tmp_path: Path, lines: list[str]
    ) -> None:
        finder = binaries.Finder(Cache(tmp_path / "cache", PLATFORM), PLATFORM, lines.append)
        path = finder.find(["tiny"])["tiny"]
        assert binaries.ask_version(path, self.TOOL) == (1, 2)
        assert path == tmp_path / "cache" / "tiny-v1.2.3" / PLATFORM / "tiny"
        assert sum("building tiny" in line for line in lines) == 1
        assert finder.find(["tiny"])["tiny"] == path
        assert sum("building tiny" in line for line in lines) == 1

    def test_a_failed_build_shows_the_compiler_s_words(self, module: Path, tmp_path: Path, lines: list[str]) -> None:
        (module / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
        with pytest.raises(gobuild.BuildError, match="undefined: nonsense"):
            gobuild.build(self.BUNDLE, [self.TOOL], tmp_path, lines.append)
