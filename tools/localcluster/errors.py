"""The one error family of the local cluster: every message says what failed and what to do."""

from __future__ import annotations


class LocalClusterError(Exception):
    """Something about the local control plane failed; the text is fit to show to a user as it is."""


class BinaryMissingError(LocalClusterError):
    """A tool could neither be found, downloaded nor built."""


class CommandFailedError(LocalClusterError):
    """kubectl or helm ended with a non-zero status.

    `returncode`, `stdout` and `stderr` are those of the command.
    """

    def __init__(self, command: str, returncode: int, stdout: str, stderr: str) -> None:
        self.returncode, self.stdout, self.stderr = returncode, stdout, stderr
        super().__init__(f"`{command}` exited with {returncode}: {stderr.strip() or stdout.strip()}")


class WaitTimeoutError(LocalClusterError):
    """A condition did not become true before its deadline."""
