"""What a container runs: the command that starts its engine, with wrappers and variables undone, and its flags."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalewarden.sources.shell import Command, Variables, commands, literal

Object = Mapping[str, Any]

_SHELLS = {"sh", "bash", "ash", "dash", "zsh"}
_KUBERNETES = re.compile(r"\$(\$*)\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_DEEPEST = 4
"""Shells inside shells that are followed."""
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables of a container: `values` are literal; `hidden` names are set from elsewhere, to what nobody here
    knows; `others` is True where still more may be set (`envFrom`)."""

    values: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    others: bool = False

    def get(self, name: str) -> str | None:
        """The literal value, None where it is unset or not known."""
        return self.values.get(name)

    def unset(self, name: str) -> bool:
        """True where the manifest proves that it is not set (an image may still set it)."""
        return not self.others and name not in self.values and name not in self.hidden


def environment(container: Object) -> Environment:
    """The container's variables; `$(NAME)` in a value refers to those before it, as in Kubernetes."""
    values: dict[str, str] = {}
    hidden: set[str] = set()
    for entry in _list(container, "env"):
        if not isinstance(entry, Mapping):
            continue
        name, value = str(entry.get("name")), entry.get("value")
        text = None if value is None and entry.get("valueFrom") is not None else _expanded(str(value or ""), values)
        values.pop(name, None)
        hidden.discard(name)
        if text is None or _KUBERNETES.search(text):
            hidden.add(name)
        else:
            values[name] = text
    return Environment(values, frozenset(hidden), bool(_list(container, "envFrom")))


def processes(container: Object) -> tuple[Command, ...]:
    """The commands that a container runs, in order: one, or as many as its script starts."""
    env = environment(container)
    words = [str(word) for key in ("command", "args") for word in _list(container, key)]
    variables = Variables(dict(env.values), set(env.hidden), env.others)
    return tuple(_inside(Command(tuple(_expanded(word, env.values) for word in words), variables), 0))


def command_line(container: Object) -> tuple[str, ...]:
    """All words that a container runs, as the processes see them; what is not literal stays as written."""
    return tuple(word for process in processes(container) for word in process.words)


def _inside(command: Command, depth: int) -> Iterator[Command]:
    """The command itself, or what the shell runs that it starts."""
    found = _script(command.words) if depth < _DEEPEST else None
    if found is None:
        yield command
        return
    script, positional = found
    variables = command.variables.copy()
    variables.positional = positional
    for one in commands(script, variables):
        yield from _inside(one, depth + 1)


def _script(words: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """The script of `sh -c SCRIPT NAME ARGUMENT…` and its arguments, also as `bash -euc`, behind a wrapper
    (`tini --`), or as `-c SCRIPT` for an image whose entry point is a shell."""
    shell = next((index for index, word in enumerate(words) if word.rsplit("/", 1)[-1] in _SHELLS), None)
    for index in range(0 if shell is None else shell + 1, len(words) - 1):
        word, before = words[index], words[index - 1] if index else ""
        if re.fullmatch(r"-[a-z]*c[a-z]*", word):
            script = words[index + 1]
            return (script, tuple(words[index + 3 :])) if shell is not None or " " in script else None
        if not word.startswith(("-", "+")) and not re.fullmatch(r"[-+][a-z]*o", before):
            return None
    return None


def _expanded(text: str, values: Mapping[str, str]) -> str:
    """`$(NAME)` replaced as Kubernetes does it; `$$(NAME)` is a literal `$(NAME)`."""

    def valued(found: re.Match[str]) -> str:
        dollars = len(found[1]) + 1
        if dollars % 2 == 0:
            return "$" * (dollars // 2) + f"({found[2]})"
        return "$" * (dollars // 2) + values.get(found[2], f"$({found[2]})")

    return _KUBERNETES.sub(valued, text)


def _list(holder: Object, key: str) -> Sequence[Any]:
    found = holder.get(key)
    return found if isinstance(found, list | tuple) else ()


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


def switch(args: Sequence[str], *names: str) -> bool | None:
    """A flag without a value, the last one given: True for `--name`, `--name=true`, `--name true`; False for
    `--no-name`, `--name=false`, `--name false`; None where it is not there, or its value is not literal."""
    on = {_plain(name) for name in names}
    off = {f"--no-{name.removeprefix('--')}" for name in on if name.startswith("--")}
    state: bool | None = None
    for index, word in enumerate(args):
        name, equals, after = word.partition("=")
        name = _plain(name) if name.startswith("-") else ""
        if name in off and not equals:
            state = False
        elif name in on:
            following = args[index + 1] if index + 1 < len(args) else ""
            said = truth(after if equals else following)
            state = said if equals or said is not None else (True if literal(following) else state)
    return state


def truth(text: str | None) -> bool | None:
    """What a text says that is meant for true or false; None for any other."""
    lower = (text or "").strip().lower()
    return True if lower in _TRUE else False if lower in _FALSE else None


def given(args: Sequence[str], *names: str) -> bool:
    """True where one of the flags is there, with or without a value."""
    wanted = {_plain(name) for name in names}
    return any(_plain(word.partition("=")[0]) in wanted for word in args if word.startswith("-"))


def _plain(name: str) -> str:
    return name.replace("_", "-")


def integer(text: str | None) -> int | None:
    """A whole number above zero, of nine digits at most: anybody may write a manifest. None for anything else."""
    if text is None or len(text) > 9 or not (text.isascii() and text.isdecimal()):
        return None
    return int(text) or None


def fraction(text: str | None) -> float | None:
    """A number in (0, 1]; None for anything else."""
    try:
        number = float(text) if text is not None else 0.0
    except ValueError:
        return None
    return number if 0 < number <= 1 else None
