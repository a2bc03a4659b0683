"""The folder in which tools are kept between runs, one `<bundle>/<os>-<arch>/` a version.

A tool appears in it complete or not at all (written beside its place, then renamed) with its SHA-256 next
to it, which is checked at every reuse. A lock file a bundle keeps two runs from doing the same work.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import BinaryMissingError
from .progress import Progress

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def this_platform() -> str:
    """`linux-amd64` or `linux-arm64`; other systems are refused with the reason."""
    system, machine = platform.system().lower(), platform.machine().lower()
    if system != "linux" or machine not in _ARCHITECTURES:
        raise BinaryMissingError(
            f"The local cluster runs on Linux on amd64 or arm64, not on {system} on {machine}: it ties "
            "processes to their parent and listens on 127.x.y.z. Use a Linux machine, VM or container."
        )
    return f"{system}-{_ARCHITECTURES[machine]}"


def cache_root() -> Path:
    """`$SCALEWARDEN_CACHE`, else `$XDG_CACHE_HOME/scalewarden`, else `~/.cache/scalewarden`."""
    own, base = os.environ.get("SCALEWARDEN_CACHE"), os.environ.get("XDG_CACHE_HOME")
    root = Path(own) if own else (Path(base) if base else Path.home() / ".cache") / "scalewarden"
    return root / "localcluster"


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Cache:
    """Tools by bundle key and name for one platform."""

    def __init__(self, root: Path, platform_name: str) -> None:
        self.root = root
        self._platform = platform_name

    def folder(self, key: str) -> Path:
        """Where the tools of a bundle are."""
        return self.root / key / self._platform

    def find(self, key: str, tool: str, progress: Progress) -> Path | None:
        """The cached tool if it is there and is what was installed; a damaged one is removed, and said."""
        path = self.folder(key) / tool
        sums = path.with_name(f"{tool}.sha256")
        if not path.is_file() or not sums.is_file():
            return None
        if sha256(path) == sums.read_text().strip():
            return path
        progress(f"{path} does not match its checksum: removed, will be fetched again")
        path.unlink()
        sums.unlink()
        return None

    def install(self, key: str, tool: str, source: Path) -> Path:
        """Copy an executable in, atomically; returns its place."""
        folder = self.folder(key)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / tool
        with _beside(target) as copy:
            shutil.copyfile(source, copy)
            copy.chmod(0o755)
            digest = sha256(copy)
            _replace_text(target.with_name(f"{tool}.sha256"), digest + "\n")
            copy.replace(target)
        return target

    @contextlib.contextmanager
    def lock(self, key: str, progress: Progress) -> Iterator[None]:
        """Hold the bundle's lock; says so when another run has it. Freed by the kernel if we die."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f"{key}.lock").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"another run is fetching {key}: waiting for it")
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _replace_text(target: Path, text: str) -> None:
    with _beside(target) as copy:
        copy.write_text(text)
        copy.replace(target)
