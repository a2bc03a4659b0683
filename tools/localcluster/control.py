"""The client's side of the supervisor: start it, talk to it, end it, find it again."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import supervisor as script
from .errors import LocalClusterError

_READY_SECONDS = 20.0
_END_SECONDS = 15.0
_ANSWER_SECONDS = 60.0


def spawn(work_dir: Path, *, log: Path, owner: int, ephemeral: bool, keep: Sequence[int] = ()) -> int:
    """Start a supervisor for `work_dir` in a session of its own; returns its pid once it listens.

    `owner` is the process whose end ends the cluster, unless it is released before.
    The descriptors in `keep` stay open in it.
    """
    argv = [sys.executable, "-I", str(Path(script.__file__)), str(work_dir), f"--owner={owner}"]
    argv += ["--ephemeral"] if ephemeral else []
    with log.open("ab") as errors:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            pass_fds=tuple(keep),
        )
    assert process.stdout is not None
    with process.stdout as stdout:
        readable, _, _ = select.select([stdout], [], [], _READY_SECONDS)
        if not readable or stdout.readline() != b"ready\n":
            process.kill()
            process.wait()
            raise LocalClusterError(f"The supervisor did not start: {log.read_text().strip() or 'no output'}")
    _unreaped.append(process)
    return process.pid


_unreaped: list[subprocess.Popen[bytes]] = []
"""Supervisors that are children of this process: kept so that `end` can reap them."""


def ask(work_dir: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request to the supervisor of `work_dir`; raises LocalClusterError if it cannot be done."""
    try:
        answer = _exchange(work_dir, json.dumps(request).encode() + b"\n")
    except OSError as error:
        raise LocalClusterError(f"The cluster in {work_dir} does not answer: {error}") from error
    result: dict[str, Any] = json.loads(answer or b'{"error": "the supervisor ended"}')
    if "error" in result:
        raise LocalClusterError(f"{request['do']} {request.get('name', '')}: {result['error']}")
    return result


def _exchange(work_dir: Path, line: bytes) -> bytes:
    folder = os.open(work_dir, os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_ANSWER_SECONDS)
            client.connect(f"/proc/self/fd/{folder}/{script.CONTROL}")
            client.sendall(line)
            with client.makefile("rb") as stream:
                return stream.readline()
    finally:
        os.close(folder)


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if there is none.

    Together with the pid it names one process for good: pids are reused.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def alive(pid: int, ticks: int) -> bool:
    """Whether the process that had this pid and start time still runs."""
    return start_ticks(pid) == ticks


def end(pid: int, ticks: int) -> None:
    """Ask a supervisor to end and wait until it has; kill it when it takes too long."""
    for signum, patience in ((signal.SIGTERM, _END_SECONDS), (signal.SIGKILL, _END_SECONDS)):
        if not alive(pid, ticks):
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)
        _await_end(pid, ticks, patience)
    _unreaped[:] = [process for process in _unreaped if process.poll() is None]


def _await_end(pid: int, ticks: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while alive(pid, ticks) and time.monotonic() < deadline:
        time.sleep(0.02)
