"""The process that owns a cluster's components, so that nothing survives it.

Run as a script: `python -I supervisor.py WORK_DIR --owner PID [--ephemeral]`, standard library only.

* Each component is its child and asks the kernel to be killed with it (PR_SET_PDEATHSIG), so even
  `kill -9` of the supervisor leaves nothing behind.
* It watches the process given as `--owner` (pidfd) and ends when it is gone, however that happened.
* With `--ephemeral` it deletes WORK_DIR when it ends.

It listens on the socket `WORK_DIR/control` for one JSON object a connection and answers with one:
`{"do": "start", "name", "argv", "env", "log"}`, `{"do": "stop", "name", "grace"}`, `{"do": "status"}`,
`{"do": "release"}` (from now on live without the owner).
Once it listens it prints `ready` on stdout.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
CONTROL = "control"
_libc = ctypes.CDLL(None, use_errno=True)


class Supervisor:
    """The components by name, and what may be asked of them."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.released = False

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request; `{"error": text}` when it cannot be."""
        try:
            match request.get("do"):
                case "start":
                    return self._start(request)
                case "stop":
                    return self._stop(request["name"], float(request["grace"]))
                case "status":
                    return {name: _state(child) for name, child in self._children.items()}
                case "release":
                    self.released = True
                    return {}
                case other:
                    return {"error": f"unknown request {other!r}"}
        except (OSError, KeyError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def kill_all(self) -> None:
        """End every component at once: their data is thrown away, nothing needs a clean shutdown."""
        for child in self._children.values():
            _signal_group(child, signal.SIGKILL)
        for child in self._children.values():
            child.wait()

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["name"]
        running = self._children.get(name)
        if running is not None and running.poll() is None:
            return {"error": f"{name} is running already, pid {running.pid}"}
        with open(request["log"], "ab") as log:  # noqa: PTH123 - a plain script, one append-mode handle
            child = subprocess.Popen(
                request["argv"],
                env=request["env"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - this process has one thread
            )
        self._children[name] = child
        return _state(child)

    def _stop(self, name: str, grace: float) -> dict[str, Any]:
        child = self._children[name]
        if grace > 0:
            _signal_group(child, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(grace)
        _signal_group(child, signal.SIGKILL)
        child.wait()
        return _state(child)


def _die_with(parent: int) -> Any:
    def arrange() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return arrange


def _state(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    return {"pid": child.pid, "exit": child.poll()}


def _signal_group(child: subprocess.Popen[bytes], signum: signal.Signals) -> None:
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signum)


@contextlib.contextmanager
def _listening(work_dir: Path) -> Iterator[socket.socket]:
    folder = os.open(work_dir, os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        # Through /proc, because a socket's own path may not be longer than 107 bytes.
        server.bind(f"/proc/self/fd/{folder}/{CONTROL}")
        os.close(folder)
        server.listen()
        yield server


def _serve_one(server: socket.socket, supervisor: Supervisor) -> None:
    connection, _ = server.accept()
    with connection, contextlib.suppress(OSError):
        connection.settimeout(5)
        with connection.makefile("rwb") as stream:
            try:
                answer = supervisor.handle(json.loads(stream.readline()))
            except ValueError as error:
                answer = {"error": f"not a JSON object: {error}"}
            stream.write(json.dumps(answer).encode() + b"\n")


def _serve(server: socket.socket, supervisor: Supervisor, wake: int, owner: int) -> None:
    """Answer requests until a signal arrives or the owner is gone."""
    poller = select.poll()
    watched = {server.fileno(), wake, owner}
    for descriptor in watched:
        poller.register(descriptor, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poller.poll()}
        if ready & {wake, owner}:
            return
        _serve_one(server, supervisor)
        if supervisor.released and owner in watched:
            watched.remove(owner)
            poller.unregister(owner)


def _wake_on_signals() -> int:
    """A descriptor that becomes readable when this process is asked to end."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer)
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda *_: None)
    return reader


def main(argv: list[str]) -> int:
    """Serve until told to end; leave no child and, if ephemeral, no folder."""
    parser = argparse.ArgumentParser(description="Owns the processes of one local cluster.")
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--owner", type=int, required=True, help="end when this process does, unless released")
    parser.add_argument("--ephemeral", action="store_true")
    options = parser.parse_args(argv)
    supervisor = Supervisor()
    try:
        owner = os.pidfd_open(options.owner)
        wake = _wake_on_signals()
        with _listening(options.work_dir) as server:
            print("ready", flush=True)
            _serve(server, supervisor, wake, owner)
    except ProcessLookupError:
        return 1  # the owner was gone before it could be watched
    finally:
        supervisor.kill_all()
        if options.ephemeral:
            shutil.rmtree(options.work_dir, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
