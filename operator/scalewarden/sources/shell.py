"""Shell scripts as far as the start of an engine needs them: simple commands with their words and variables.

No shell is run. A variable is replaced where its value is literal; everything else (substitutions, values from
elsewhere) stays as written, so that a number is never guessed. Scripts are written by anybody: reading takes time in
proportion to their length, and one that is malformed gives the words that there are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

LONGEST = 16_384
"""Characters of a script that are read; what follows is not."""

NAME = "[A-Za-z_][A-Za-z0-9_]*"
_ASSIGNMENT = re.compile(rf"({NAME})=(.*)", re.DOTALL)
_SETTERS = frozenset({"export", "declare", "readonly", "local", "typeset"})
_OPENING, _CLOSING = frozenset({"if", "case", "for", "while", "until", "select"}), frozenset({"fi", "esac", "done"})
_KEYWORDS = frozenset({"then", "do", "else", "elif", "{", "}", "!", "time"}) | _OPENING | _CLOSING
_TESTS = frozenset({"[", "[[", "test"})
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")
_TOKEN = re.compile(
    rf"""
    (?P<joined>\\\r?\n) | (?P<escaped>\\.) | '(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)"
    | \$(?:\{{(?P<braced>{NAME}|[@*0-9])(?:(?P<how>:?[-=])(?P<default>[^}}]{{0,256}}))?\}} | (?P<bare>{NAME}|[@*0-9]))
    | (?P<opened>\$\() | `(?P<backticks>[^`]*)`
    | (?P<redirect>\d?(?:<<<|>>?|<)(?:&\d?-?)?) | (?P<end>[\n;&|()]+) | (?P<blank>[ \t\r]+) | (?P<plain>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class Variables:
    """What variables hold while a script runs. hidden: set, but not to a literal. others: still more may be set
    from elsewhere (`envFrom`), so a default is no fact. positional: `$1` and so on."""

    values: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    others: bool = False
    positional: tuple[str, ...] = ()

    def copy(self) -> "Variables":
        """Independent of this one."""
        return Variables(dict(self.values), set(self.hidden), self.others, self.positional)

    def put(self, name: str, value: str) -> None:
        """An assignment; a value that holds something unread hides the variable."""
        if literal(value):
            self.values[name] = value
            self.hidden.discard(name)
        else:
            self.values.pop(name, None)
            self.hidden.add(name)

    def value(self, found: re.Match[str]) -> str:
        """What a reference stands for, or the reference as it is written."""
        name = found["braced"] or found["bare"]
        if name in self.values and (self.values[name] or not (found["how"] or "").startswith(":")):
            return self.values[name]
        if name in ("@", "*"):
            return " ".join(self.positional)
        if name.isdigit():
            return self.positional[int(name) - 1] if 0 < int(name) <= len(self.positional) else ""
        known_unset = name not in self.hidden and not self.others
        if known_unset and found["default"] is not None and literal(found["default"]):
            return str(found["default"])
        return found.group()


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words, and the variables that its process sees."""

    words: tuple[str, ...]
    variables: Variables


def literal(text: str) -> bool:
    """True for a text in which nothing is left that only a running shell could replace."""
    return "$" not in text and "`" not in text


def commands(script: str, variables: Variables) -> Iterator[Command]:
    """The simple commands of a script, in order; assignments before one of them hold for those after it.

    What is assigned in a branch, or after a test, may hold or not: such a variable is hidden from then on.
    """
    running = variables.copy()
    depth, tested = 0, False
    for words in _simple(_without_documents(script[:LONGEST]), running):
        own = running.copy()
        rest = list(words)
        while rest and rest[0] in _KEYWORDS:
            depth += (rest[0] in _OPENING) - (rest[0] in _CLOSING)
            rest.pop(0)
        setter = bool(rest) and rest[0] in _SETTERS
        if setter:
            rest.pop(0)
        while rest and (found := _ASSIGNMENT.fullmatch(rest[0])):
            own.put(found[1], found[2])
            rest.pop(0)
        if rest and not setter:
            yield Command(tuple(rest), own)
        else:
            unsure = {name for name in own.values if running.values.get(name) != own.values[name]}
            for name in unsure if depth > 0 or tested else ():
                own.values.pop(name)
                own.hidden.add(name)
            running.values, running.hidden = own.values, own.hidden
        tested = bool(rest) and rest[0] in _TESTS


def _without_documents(script: str) -> str:
    """The script without its here-documents: their lines are text, not commands."""
    kept: list[str] = []
    ends: list[str] = []
    for line in script.split("\n"):
        if ends:
            if line.strip() == ends[0]:
                ends.pop(0)
            continue
        ends = [found[2] for found in _HEREDOC.finditer(line)]
        kept.append(_HEREDOC.sub("", line) if ends else line)
    return "\n".join(kept)


def _simple(script: str, variables: Variables) -> Iterator[list[str]]:
    """The words of each simple command; variables are looked up as the script reaches them."""
    reader = _Reader(variables)
    at = 0
    while at < len(script):
        found = _TOKEN.match(script, at)
        assert found is not None  # the last alternative takes any character
        at = found.end()
        kind = found.lastgroup
        if kind == "opened":
            at = _closing(script, at)
            reader.add(script[found.start() : at])
        elif kind == "plain" and found.group() == "#" and reader.word is None:
            end = script.find("\n", at)
            at = len(script) if end < 0 else end
        elif kind == "end":
            if words := reader.finish():
                yield words
        else:
            reader.take(found)
    if words := reader.finish():
        yield words


def _closing(script: str, at: int) -> int:
    """Where the substitution ends that was opened just before `at`."""
    depth = 1
    while at < len(script) and depth:
        depth += {"(": 1, ")": -1}.get(script[at], 0)
        at += 1
    return at


@dataclass(slots=True)
class _Reader:
    """Collects words; `word` is the one under way, None between two. target: the next word is a redirection's."""

    variables: Variables
    words: list[str] = field(default_factory=list)
    word: str | None = None
    target: bool = False

    def add(self, text: str) -> None:
        self.word = (self.word or "") + text

    def close(self) -> None:
        if self.word is not None and not self.target:
            self.words.append(self.word)
        self.target = self.target and self.word is None
        self.word = None

    def finish(self) -> list[str]:
        self.close()
        found, self.words, self.target = self.words, [], False
        return found

    def take(self, found: re.Match[str]) -> None:
        kind = found.lastgroup
        if kind == "blank":
            self.close()
        elif kind == "redirect":
            self.close()
            self.target = "&" not in found.group()
        elif kind in ("single", "escaped", "plain"):
            self.add(found[kind].removeprefix("\\") if kind == "escaped" else found[kind])
        elif kind == "double":
            self._double(found["double"])
        elif kind == "backticks":
            self.add(found.group())
        elif kind != "joined":
            self._split(found)

    def _double(self, text: str) -> None:
        """Inside double quotes a variable is one word, but "$@" is as many as there are."""
        if text in ("$@", "${@}"):
            self.close()
            self.words.extend(self.variables.positional)
            return
        self.add("")
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found is not None
            variable = found["braced"] or found["bare"]
            if found.lastgroup == "joined":
                part = ""
            elif variable:
                part = self.variables.value(found)
            elif found["escaped"] and found["escaped"][1] in '$`"\\':
                part = found["escaped"][1]
            else:  # quotes, blanks and ends are plain text here: take one character and go on
                part = text[at]
                at += 1
                self.add(part)
                continue
            at = found.end()
            self.add(part)

    def _split(self, found: re.Match[str]) -> None:
        """An unquoted variable: its value is split at blanks."""
        value = self.variables.value(found)
        if value == found.group():
            self.add(value)
            return
        first, *more = re.split(r"\s+", value) if value else [""]
        if first:
            self.add(first)
        for word in more:
            self.close()
            if word:
                self.add(word)
