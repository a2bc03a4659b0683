"""What a running cluster leaves on disk so that another process can find it: `cluster.json` in its folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from . import control
from .cache import cache_root
from .components import Layout
from .errors import LocalClusterError

FILE = "cluster.json"
TEMP_PREFIX = "scalewarden-cluster-"


@dataclass(frozen=True)
class State:
    """One cluster: its supervisor (pid and start time, which together are never reused) and addresses."""

    name: str
    supervisor_pid: int
    supervisor_ticks: int
    number: int
    host: str
    pod_cidr: str
    ports: dict[str, int]
    components: list[str]

    @property
    def alive(self) -> bool:
        """Whether its supervisor still runs; with it dead, no component can."""
        return control.alive(self.supervisor_pid, self.supervisor_ticks)

    def layout(self, work_dir: Path) -> Layout:
        """The addresses and files."""
        return Layout(work_dir, self.host, self.pod_cidr, self.ports)


def write(work_dir: Path, state: State) -> None:
    """Record a cluster in its folder."""
    (work_dir / FILE).write_text(json.dumps(asdict(state), indent=2) + "\n")


def read(work_dir: Path) -> State | None:
    """The cluster recorded in a folder; None when there is none or the file is damaged."""
    try:
        return State(**json.loads((work_dir / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def named_dir(name: str) -> Path:
    """The folder of a cluster that was started with `up`."""
    if not name or not name.replace("-", "").isalnum():
        raise LocalClusterError(f"{name!r} is no cluster name: letters, digits and dashes, please")
    return cache_root() / "clusters" / name


@contextlib.contextmanager
def starting(name: str) -> Iterator[None]:
    """Hold a name while a cluster of that name starts; raises when another process does so now."""
    folder = named_dir(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalClusterError(f"A local cluster {name!r} is being started by another process") from None
        yield


def named() -> dict[str, State | None]:
    """Every cluster started with `up`, with its state (None: damaged)."""
    folder = cache_root() / "clusters"
    return {path.name: read(path) for path in sorted(folder.glob("*")) if path.is_dir()}


def new_temporary_dir(name: str) -> Path:
    """A folder for a cluster that lives no longer than this process."""
    return Path(tempfile.mkdtemp(prefix=f"{TEMP_PREFIX}{name}-"))


def remove_stale_temporary() -> list[Path]:
    """Delete folders whose supervisor was killed before it could; returns them."""
    stale = [path for path, state in _temporary() if not state.alive]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    return stale


def _temporary() -> Iterator[tuple[Path, State]]:
    for path in Path(tempfile.gettempdir()).glob(f"{TEMP_PREFIX}*"):
        with contextlib.suppress(OSError):
            state = read(path)
            if state is not None:
                yield path, state
