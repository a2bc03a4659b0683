"""Finding every tool the cluster needs: what is installed, what is cached, what is published, what can be built.

In this order:
1. the folders named by `SCALEWARDEN_ASSETS` and `KUBEBUILDER_ASSETS`, the folder of this Python, PATH,
   if the version fits the set;
2. the cache;
3. the published archive (etcd, kube-apiserver, kubectl), from `SCALEWARDEN_ENVTEST_URL` if set (empty: never);
4. a build from Go modules.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import download, gobuild
from .cache import Cache, cache_root, this_platform
from .errors import BinaryMissingError, LocalClusterError
from .pins import ENVTEST, TOOLS, Archive, Bundle, Tool, Version
from .progress import Progress, to_stderr

ASSET_VARIABLES = ("SCALEWARDEN_ASSETS", "KUBEBUILDER_ASSETS")
URL_VARIABLE = "SCALEWARDEN_ENVTEST_URL"


@dataclass
class Finder:
    """Looks tools up and remembers why each way failed, for the one error at the end."""

    cache: Cache
    platform: str
    progress: Progress = to_stderr
    archive: Archive = ENVTEST
    patience: download.Patience = field(default_factory=download.Patience)
    _why: dict[str, list[str]] = field(default_factory=dict, init=False)

    def find(self, names: Iterable[str]) -> dict[str, Path]:
        """The executables by name; raises BinaryMissingError naming every missing one and the ways to get it."""
        wanted = [TOOLS[name] for name in names]
        found: dict[str, Path] = {}
        for way in (self._installed, self._cached, self._published, self._built):
            found |= way([tool for tool in wanted if tool.name not in found])
        if missing := [tool for tool in wanted if tool.name not in found]:
            raise BinaryMissingError(self._missing_text(missing))
        return found

    def _installed(self, tools: list[Tool]) -> dict[str, Path]:
        places = {tool.name: self._installed_one(tool) for tool in tools}
        return {name: path for name, path in places.items() if path is not None}

    def _installed_one(self, tool: Tool) -> Path | None:
        for path in _candidates(tool.name):
            version = ask_version(path, tool)
            if version is not None and tool.accepts(version):
                return path
            shown = "v{}.{}".format(*version) if version else "of unknown version"
            self._note(tool, f"{path} is {shown}, needed is {tool.wanted}", tell=True)
        return None

    def _cached(self, tools: list[Tool]) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for tool in tools:
            for key in self._keys(tool):
                path = self.cache.find(key, tool.name, self.progress)
                if path is not None:
                    found[tool.name] = path
                    break
        return found

    def _keys(self, tool: Tool) -> list[str]:
        built = [tool.bundle.key] if tool.bundle else []
        return built + ([self.archive.key] if tool.name in self.archive.tools else [])

    def _published(self, tools: list[Tool]) -> dict[str, Path]:
        wanted = [tool for tool in tools if tool.name in self.archive.tools]
        if not wanted:
            return {}
        try:
            with self.cache.lock(self.archive.key, self.progress):
                return self._cached(wanted) or self._download()
        except download.DownloadError as error:
            for tool in wanted:
                self._note(tool, f"download: {error}")
            self.progress(f"no archive: {error}")
            return {}

    def _download(self) -> dict[str, Path]:
        base = os.environ.get(URL_VARIABLE, self.archive.base_url)
        if not base:
            raise download.DownloadError(f"turned off by an empty {URL_VARIABLE}")
        file_name = self.archive.file_name(self.platform)
        with tempfile.TemporaryDirectory(prefix="scalewarden-download-") as folder:
            file = Path(folder) / file_name
            sha512 = self.archive.sha512[self.platform]
            download.fetch(f"{base.rstrip('/')}/{file_name}", sha512, file, self.progress, self.patience)
            unpacked = download.unpack(file, self.archive.tools, Path(folder))
            return {name: self.cache.install(self.archive.key, name, path) for name, path in unpacked.items()}

    def _built(self, tools: list[Tool]) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for bundle in dict.fromkeys(tool.bundle for tool in tools if tool.bundle):
            members = [tool for tool in tools if tool.bundle == bundle]
            try:
                with self.cache.lock(bundle.key, self.progress):
                    found |= self._build(bundle, members)
            except gobuild.BuildError as error:
                for tool in members:
                    self._note(tool, f"build: {error}")
        return found

    def _build(self, bundle: Bundle, members: list[Tool]) -> dict[str, Path]:
        found = self._cached(members)  # by the run we may have waited for
        missing = [tool for tool in members if tool.name not in found]
        if missing:
            with tempfile.TemporaryDirectory(prefix="scalewarden-build-") as folder:
                built = gobuild.build(bundle, missing, Path(folder), self.progress)
                found |= {name: self.cache.install(bundle.key, name, path) for name, path in built.items()}
        return found

    def _note(self, tool: Tool, text: str, *, tell: bool = False) -> None:
        self._why.setdefault(tool.name, []).append(text)
        if tell:
            self.progress(f"not used: {text}")

    def _missing_text(self, missing: list[Tool]) -> str:
        lines = [f"The local cluster needs {', '.join(tool.name for tool in missing)}. Tried:"]
        for tool in missing:
            lines += [f"  {tool.name}: {why}" for why in self._why.get(tool.name, ["nothing on PATH"])]
        lines += [
            "Ways to get them, any one will do:",
            "  - put the executables in a folder and set SCALEWARDEN_ASSETS to it (or on PATH);",
            f"  - let this machine reach {self.archive.base_url}",
            f"    or a mirror set in {URL_VARIABLE} (etcd, kube-apiserver, kubectl);",
            "  - install Go 1.26 or newer and let it reach a module proxy: everything but kubectl is built;",
            "  - kubectl comes with the development requirements (`make setup`).",
        ]
        return "\n".join(lines)


def find(names: Iterable[str], progress: Progress = to_stderr) -> dict[str, Path]:
    """Find tools the default way; see Finder.find."""
    platform = this_platform()
    return Finder(Cache(cache_root(), platform), platform, progress).find(names)


def ask_version(path: Path, tool: Tool) -> Version | None:
    """Major and minor as the executable prints them; None if it does not run or says nothing of the kind."""
    try:
        done = subprocess.run([path, *tool.version_args], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv?(\d+)\.(\d+)", done.stdout + done.stderr)
    return (int(match[1]), int(match[2])) if match else None


def _candidates(name: str) -> Iterator[Path]:
    folders = [os.environ[variable] for variable in ASSET_VARIABLES if os.environ.get(variable)]
    for folder in [*folders, str(Path(sys.executable).parent)]:
        if hit := shutil.which(name, path=folder):
            yield Path(hit)
    if hit := shutil.which(name):
        yield Path(hit)


__all__ = ["BinaryMissingError", "Finder", "LocalClusterError", "ask_version", "find"]
