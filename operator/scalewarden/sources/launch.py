"""What starts in a container: which runtime, and what its flags and variables state about it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from scalewarden.model.workload import Role
from scalewarden.sources.container import Environment, environment, flag, fraction, given, integer, processes, switch
from scalewarden.sources.container import truth as truth_of
from scalewarden.sources.launches import LAUNCHES, At, Fact, Launch, Switch
from scalewarden.sources.shell import Command, literal

Object = Mapping[str, Any]
T = TypeVar("T")

_LAST_PORT = 65535
_LONGEST_NAME = 253
_LONGEST_JSON = 4096
_TELLING = ("image", "command", "args", "env", "envFrom")
_LONGEST = 131_072
"""Characters of what a container says about its start; nobody starts an engine with more."""
_ROLES = {
    "prefill": Role.PREFILL, "kv_producer": Role.PREFILL, "context": Role.PREFILL,
    "decode": Role.DECODE, "kv_consumer": Role.DECODE, "generation": Role.DECODE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Started:
    """One engine's command in a container: `words` as a whole, `args` what follows the program, and its variables."""

    launch: Launch
    words: tuple[str, ...]
    args: tuple[str, ...]
    env: Environment

    def number(self, fact: Fact) -> int | None:
        """A whole number above zero, None where it is not stated."""
        return integer(self.text(fact))

    def share(self, fact: Fact) -> float | None:
        """A fraction in (0, 1], None where it is not stated."""
        return fraction(self.text(fact))

    def port(self) -> int | None:
        """The stated port of the metrics page."""
        number = self.number(Fact.PORT)
        return number if number is not None and number <= _LAST_PORT else None

    def name(self) -> str | None:
        """The (first) served model name."""
        found = self.text(Fact.MODEL_NAME)
        return found if found and literal(found) and len(found) <= _LONGEST_NAME else None

    def is_on(self, fact: Fact) -> bool | None:
        """Whether it is switched on or off, None where nothing says so."""
        at = self.launch.facts.get(fact)
        if at is None:
            return None
        off = switch(self.args, *at.off)
        return (not off) if off is not None else _switched(self, at)

    def role(self) -> Role | None:
        """Its part in disaggregated serving, None where it has both or nothing says so."""
        text = self.text(Fact.ROLE) or ""
        return _ROLES.get(_kv_role(text).lower())

    def metrics_off(self) -> str | None:
        """What keeps its metrics off, for people; None where nothing is known to."""
        rule = self.launch.switch
        return None if rule is None else _off(self, rule)

    def text(self, fact: Fact) -> str | None:
        """What is written for a fact: the last flag, else the first variable."""
        at = self.launch.facts.get(fact, At())
        if given(self.args, *at.flags):
            return flag(self.args, *at.flags)
        return next((value for name in at.env if (value := self.env.get(name)) is not None), None)


def started(container: Object) -> tuple[Started, ...]:
    """The engines that a container starts; none where no runtime is recognised.

    The command line tells before the image; without a known program the image's entry point gets the arguments.
    The pods of one template say the same: the answer is kept for the next one.
    """
    try:
        text = json.dumps({name: container.get(name) for name in _TELLING}, default=str)
    except (TypeError, ValueError, RecursionError):  # no JSON, so from no API server
        return _started(container)
    return _known(text) if len(text) <= _LONGEST else ()


@lru_cache(maxsize=256)
def _known(text: str) -> tuple[Started, ...]:
    return _started(json.loads(text))


def _started(container: Object) -> tuple[Started, ...]:
    found = tuple(_commands(container))
    if found:
        return found
    image = str(container.get("image") or "").lower()
    launch = next((one for one in LAUNCHES if any(word in image for word in one.images)), None)
    if launch is None:
        return ()
    words = tuple(word for process in processes(container) for word in process.words)
    return (Started(launch, words, words, environment(container)),)


def agreed(engines: Sequence[Started], read: Callable[[Started], T | None]) -> T | None:
    """What all of a container's engine commands state alike (they may be the branches of a script), else None."""
    values = [read(one) for one in engines]
    return values[0] if values and all(value == values[0] for value in values) else None


def _commands(container: Object) -> Iterator[Started]:
    """The first runtime in the table's order that any command starts, with all commands that start it."""
    base = environment(container)
    running = processes(container)
    plain = [[word.rsplit("/", 1)[-1] for word in one.words] for one in running]
    for launch in LAUNCHES:
        found = [
            Started(launch, one.words, one.words[end:], _environment(one, base))
            for one, words in zip(running, plain, strict=True)
            if (end := _program(launch, words)) is not None
        ]
        if found:
            yield from found
            return


def _environment(command: Command, base: Environment) -> Environment:
    return Environment(command.variables.values, frozenset(command.variables.hidden), base.others)


def _program(launch: Launch, words: Sequence[str]) -> int | None:
    """Where the arguments of the runtime's program begin, None where the command does not start it. words: without the
    folders before a program's name."""
    for program in launch.programs:
        first, size = program[0], len(program)
        for start in range(len(words) - size + 1):
            if _is(words[start], first) and all(map(_is, words[start : start + size], program)):
                return start + size
    return None


def _is(word: str, wanted: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted


def _switched(one: Started, at: At) -> bool | None:
    """By flag, else by variable."""
    stated = switch(one.args, *at.flags)
    return stated if stated is not None else next((truth_of(one.env.get(name)) for name in at.env), None)


def _off(one: Started, rule: Switch) -> str | None:
    if not rule.needed:
        off = switch(one.args, *rule.at.off) is False if rule.at.off else _switched(one, rule.at) is True
        return f"`{rule.name}` is set" if off else None
    if given(one.args, *rule.files) or (rule.at.flags and _switched(one, rule.at) is True):
        return None
    if not all(one.env.unset(name) or truth_of(one.env.get(name)) is False for name in rule.at.env):
        return None
    return f"`{rule.name}` is not set" if _all_literal(one) else None


def _all_literal(one: Started) -> bool:
    """False where flags may hide in something that is not literal: `$EXTRA_ARGS`."""
    return not any(word.startswith(("$", "`")) for word in one.args)


def _kv_role(text: str) -> str:
    """The role in a `--kv-transfer-config`, or the text itself."""
    if not text.startswith("{") or len(text) > _LONGEST_JSON:
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("kv_role", "")) if isinstance(found, dict) else ""
