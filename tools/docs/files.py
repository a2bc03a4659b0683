"""Write generated files, or with --check only say which are out of date."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(
    module: str, render: Callable[[], Mapping[Path, str]], argv: list[str] | None = None, root: Path = ROOT
) -> int:
    """Render and write, or compare where the arguments are `--check`; 0 where all is as it should be.

    `render` gives texts by path below `root`; `module` is named in the advice.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if arguments not in ([], ["--check"]):
        print(f"usage: python -m {module} [--check]", file=sys.stderr)
        return 2
    stale = {path: text for path, text in render().items() if _read(root / path) != text}
    if arguments:
        for path in stale:
            print(f"{path} is out of date: run python -m {module}", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}", file=sys.stderr)
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
