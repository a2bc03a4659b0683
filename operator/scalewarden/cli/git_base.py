"""The manifests of a git ref, without touching the working tree."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from scalewarden.errors import BadInput
from scalewarden.sources.manifests.files import ENDINGS, STDIN, Found, excluded, objects

_HINT = "give a folder, or a branch, tag or commit of the repository that holds the files"


def at_ref(ref: str, paths: Sequence[str], exclude: Sequence[str] = ()) -> Found:
    """The files below `paths` as they were where this branch left the ref: what was merged there since is no change
    of this branch. Where no common commit is known, as they are at the ref. Raises BadInput where git knows no such
    ref."""
    found = Found()
    for path in (one for one in paths if one != STDIN):
        folder = Path(path) if Path(path).is_dir() else Path(path).parent
        commit = _git(
            folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", ref=ref
        ).strip()
        commit = _left(folder, commit) or commit
        below = "." if Path(path).is_dir() else Path(path).name
        names = _git(folder, "ls-tree", "-r", "-z", "--name-only", commit, "--", below, ref=ref).split("\0")
        for name in names:
            if name.endswith(ENDINGS) and not excluded(str(folder / name), exclude, folder):
                objects(f"{ref}:{name}", _git(folder, "show", f"{commit}:./{name}", ref=ref), found)
    return found


def _left(folder: Path, commit: str) -> str:
    """The last commit that HEAD has in common with another; empty where there is none, as in a shallow clone."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "merge-base", commit, "HEAD"],
            capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.decode("ascii", errors="replace").strip()


def _git(folder: Path, *command: str, ref: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *command], capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadInput(f"git does not answer: {error}", where=f"--base {ref}", hint=_HINT) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise BadInput(said[-1] if said else "no folder and no git ref", where=f"--base {ref}", hint=_HINT)
    return done.stdout.decode("utf-8", errors="replace")
