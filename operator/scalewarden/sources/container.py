"""What a container runs: its command line with shell wrappers and variables undone, and the flags on it."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]

_SHELLS = {"sh", "bash", "ash", "dash", "zsh"}
_KUBERNETES = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"
_SHELL = re.compile(rf"\$(?:\{{(?P<braced>{_VARIABLE})(?::?-(?P<default>[^}}]*))?\}}|(?P<bare>{_VARIABLE}))")


def command_line(container: Object) -> tuple[str, ...]:
    """Command and arguments as the process sees them; variables without a literal value stay as written."""
    env = {str(entry.get("name")): str(entry["value"]) for entry in _list(container, "env") if _has_value(entry)}
    words = [str(word) for key in ("command", "args") for word in _list(container, key)]
    words = [_KUBERNETES.sub(lambda found: env.get(found.group(1), found.group()), word) for word in words]
    script = _script(words)
    return tuple(words) if script is None else _split(script, env)


def _has_value(entry: object) -> bool:
    return isinstance(entry, Mapping) and entry.get("value") is not None


def _list(holder: Object, key: str) -> Sequence[Any]:
    found = holder.get(key)
    return found if isinstance(found, list | tuple) else ()


def _script(words: Sequence[str]) -> str | None:
    """The script of `sh -c SCRIPT`, also as `bash -euc`, or `-c SCRIPT` for an image whose entry point is a shell."""
    if not words:
        return None
    rest = words[1:] if words[0].rsplit("/", 1)[-1] in _SHELLS else words
    for index, word in enumerate(rest[:-1]):
        if not word.startswith("-"):
            return None
        if re.fullmatch(r"-[a-z]*c", word):
            return rest[index + 1]
    return None


def _split(script: str, env: Mapping[str, str]) -> tuple[str, ...]:
    def valued(found: re.Match[str]) -> str:
        default = found["default"]
        return env.get(found["braced"] or found["bare"], found.group() if default is None else default)

    text = _SHELL.sub(valued, script.replace("\\\n", " "))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return tuple(lexer)
    except ValueError:  # a quote that is never closed: the words still tell the flags
        return tuple(text.split())


def flag(args: Sequence[str], *names: str) -> str | None:
    """The value of `--name value` or `--name=value`, dashes and underscores alike, the last one given; else None."""
    wanted = {_plain(name) for name in names}
    value = None
    for index, word in enumerate(args):
        name, equals, after = word.partition("=")
        if not name.startswith("-") or _plain(name) not in wanted:
            continue
        if equals:
            value = after
        elif index + 1 < len(args):
            value = args[index + 1]
    return value


def _plain(name: str) -> str:
    return name.replace("_", "-")


def integer(text: str | None) -> int | None:
    """A whole number above zero, of nine digits at most: anybody may write a manifest. None for anything else."""
    if text is None or len(text) > 9 or not text.isdecimal():
        return None
    return int(text) or None


def fraction(text: str | None) -> float | None:
    """A number in (0, 1]; None for anything else."""
    try:
        number = float(text) if text is not None else 0.0
    except ValueError:
        return None
    return number if 0 < number <= 1 else None
