"""The manifests of a git ref, without touching the working tree."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from scalewarden.errors import BadInput
from scalewarden.sources.manifests.files import ENDINGS, STDIN, Found, excluded, objects

_HINT = "give a folder, or a branch, tag or commit of the repository that holds the files"


def at_ref(ref: str, paths: Sequence[str], exclude: Sequence[str] = ()) -> Found:
    """The files below `paths` as they are at a ref. Raises BadInput where git does not know it."""
    found = Found()
    for path in (one for one in paths if one != STDIN):
        folder = Path(path) if Path(path).is_dir() else Path(path).parent
        commit = _git(
            folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", ref=ref
        ).strip()
        below = "." if Path(path).is_dir() else Path(path).name
        names = _git(folder, "ls-tree", "-r", "-z", "--name-only", commit, "--", below, ref=ref).split("\0")
        for name in names:
            if name.endswith(ENDINGS) and not excluded(name, exclude):
                objects(f"{ref}:{name}", _git(folder, "show", f"{commit}:./{name}", ref=ref), found)
    return found


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
