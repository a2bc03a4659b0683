"""Building tools from the pinned Go modules under `build/`, with a sign of life while it takes minutes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from .errors import LocalClusterError
from .pins import Bundle, Tool
from .progress import Progress

_GO_AT_LEAST = (1, 26)
_TELL_EVERY = 10.0
_PACKAGE = re.compile(r"^[\w.\-/~]+$")


class BuildError(LocalClusterError):
    """There is no usable Go, or the build failed; the text has the compiler's last lines."""


def build(bundle: Bundle, tools: Sequence[Tool], folder: Path, progress: Progress) -> dict[str, Path]:
    """Compile `tools` of one bundle into `folder`; returns the executables by name."""
    go = find_go()
    names = ", ".join(tool.name for tool in tools)
    progress(f"building {names} ({bundle.version}) from Go modules; minutes the first time")
    for tool, output in _outputs(tools, folder).items():
        _compile(go, bundle, tool, output, progress)
    return {tool.name: folder / tool.name for tool in tools}


def find_go() -> str:
    """The `go` on PATH; raises BuildError when there is none or it is too old."""
    go = shutil.which("go")
    if go is None:
        raise BuildError("no `go` on PATH")
    printed = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"go(\d+)\.(\d+)", printed)
    found = (int(match[1]), int(match[2])) if match else (0, 0)
    automatic = subprocess.run([go, "env", "GOTOOLCHAIN"], capture_output=True, text=True, check=False).stdout
    if found < _GO_AT_LEAST and automatic.strip() == "local":
        raise BuildError(f"{go} is {printed.strip() or 'unusable'}; Go 1.26 or newer is needed")
    return go


def command(go: str, bundle: Bundle, packages: Sequence[str], output: Path) -> list[str]:
    """The build command: stripped, no paths of this machine inside, at most two compilers at once."""
    argv = [go, "build", "-v", "-p", "2", "-trimpath", "-buildvcs=false"]
    argv += ["-ldflags", f"-s -w {bundle.ldflags}".strip()]
    argv += ["-tags", bundle.tags] if bundle.tags else []
    return [*argv, "-o", str(output), *packages]


def _outputs(tools: Sequence[Tool], folder: Path) -> dict[tuple[str, ...], Path]:
    """Packages to build together → where to. One package gets its tool's name, several a folder."""
    if len(tools) == 1:
        return {(tools[0].package,): folder / tools[0].name}
    return {tuple(tool.package for tool in tools): folder}


def _compile(go: str, bundle: Bundle, packages: tuple[str, ...], output: Path, progress: Progress) -> None:
    argv = command(go, bundle, packages, output)
    # -mod=readonly: what go.mod and go.sum pin is what is built, or nothing is.
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    process = subprocess.Popen(
        ["nice", *argv] if shutil.which("nice") else argv,
        cwd=bundle.folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        last = _follow(process, bundle, progress)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode:
        raise BuildError(f"`go build` of {bundle.key} failed:\n" + "\n".join(last))


def _follow(process: subprocess.Popen[str], bundle: Bundle, progress: Progress) -> deque[str]:
    """Count compiled packages while the build runs and tell now and then; returns the last other lines."""
    assert process.stderr is not None
    last: deque[str] = deque(maxlen=20)
    counts = {"packages": 0}
    done = threading.Event()

    def tell() -> None:
        began = time.monotonic()
        while not done.wait(_TELL_EVERY):
            elapsed = int(time.monotonic() - began)
            progress(f"  {bundle.key}: {counts['packages']} packages compiled, {elapsed} s")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        for line in process.stderr:
            if _PACKAGE.match(line.strip()):
                counts["packages"] += 1
            else:
                last.append(line.rstrip())
    finally:
        done.set()
        teller.join()
    return last
