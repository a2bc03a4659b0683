"""Every command that a page tells its reader to type exists, with these options."""

import io
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from itertools import pairwise
from typing import Any

import pytest
import yaml
from typer.main import get_command

from scalewarden.cli.main import SUMMARIES, Commands, app
from tests.docs.pages import ROOT, all_blocks, pages, spans

ENDS = {"|", "||", "&&", ";", ">", ">>", "<", "2>", "&", ")", "&)"}
STARTS = {"|", "||", "&&", ";", "(", "do", "then"}
TARGET = re.compile(r"^([a-z0-9-]+):", re.MULTILINE)


def typed() -> list[tuple[str, str]]:
    """(place, command line) of every line of a shell block, continuation lines joined, prompts taken off."""
    found = []
    for block in all_blocks("console", "sh", "bash"):
        prompted = any(line.startswith("$ ") for line in block.text.splitlines())
        for line in block.text.replace("\\\n", " ").splitlines():
            if not prompted or line.startswith("$ "):
                found.append((str(block), line.removeprefix("$ ")))
    return found


def calls(line: str, program: str) -> Iterator[list[str]]:
    """The arguments of every call of `program` on a line, also as a plugin of kubectl."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    words = list(lexer)
    for index, word in enumerate(words):
        begins = index == 0 or words[index - 1] in STARTS
        if word.rsplit("/", 1)[-1] == program and (begins or words[index - 1 : index] == ["kubectl"]):
            rest = words[index + 1 :]
            end = next((at for at, one in enumerate(rest) if one in ENDS), len(rest))
            yield rest[:end]


def refused(arguments: list[str], *, abridged: bool = False) -> str | None:
    """What the real parser says against arguments; None where it takes them. abridged: some may be left out."""
    name, *rest = arguments or ["--help"]
    if name.startswith("-"):
        known = {one for param in get_command(app).params for one in param.opts} | {"--help", "-h"}
        return None if name in known else f"{name}: no such option"
    if name not in SUMMARIES:
        return f"no command {name!r}"
    command = Commands().get_command(None, name)
    command.callback = lambda **_: None  # parse only
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as ended:
        command.main(rest, prog_name=f"scalewarden {name}")
    missing = "Missing argument" in said.getvalue() or "Missing option" in said.getvalue()
    return None if ended.value.code == 0 or (abridged and missing) else said.getvalue().strip()


COMMANDS = [(where, arguments) for where, line in typed() for arguments in calls(line, "scalewarden")]


@pytest.mark.parametrize(
    ("where", "arguments"), COMMANDS, ids=[f"{where} {' '.join(said)}" for where, said in COMMANDS]
)
def test_the_command_line_takes_it(where: str, arguments: list[str]) -> None:
    assert refused(arguments) is None


def test_the_commands_named_in_the_text_exist() -> None:
    wrong = []
    for page in pages():
        for span in spans(page):
            if span.startswith("scalewarden ") and "python" not in span:
                arguments = next(calls(span.replace("[", "").replace("]", "").replace("…", ""), "scalewarden"))
                listed = len(arguments) > 1 and set(arguments) <= set(SUMMARIES)  # `scalewarden run guard …`: a list
                if not listed and (said := refused(arguments, abridged=True)):
                    wrong.append(f"{page.relative_to(ROOT)}: `{span}`: {said}")
    assert wrong == []


def test_a_wrong_option_is_seen() -> None:
    assert refused(["evaluate", "somewhere", "--scale-to", "3"]) is None
    assert "--scale-too" in str(refused(["evaluate", "somewhere", "--scale-too", "3"]))
    assert refused(["evaluate"]) is not None
    assert refused(["evaluate"], abridged=True) is None
    assert refused(["fly"]) == "no command 'fly'"


def test_calls_are_found_in_pipes() -> None:
    assert list(calls("scalewarden crd | kubectl apply -f -", "scalewarden")) == [["crd"]]
    assert list(calls("kubectl scalewarden explain llama-70b -n serving", "scalewarden")) == [
        ["explain", "llama-70b", "-n", "serving"]
    ]
    assert list(calls("helm install scalewarden charts/scalewarden", "scalewarden")) == []
    assert list(calls(".venv/bin/scalewarden version && x", "scalewarden")) == [["version"]]


def test_chart_values_exist() -> None:
    values = yaml.safe_load((ROOT / "charts/scalewarden/values.yaml").read_text(encoding="utf-8"))
    settings = [
        one.partition("=")[0]
        for _, line in typed()
        for words in calls(line, "helm")
        for flag, one in pairwise(words)
        if flag == "--set"
    ]
    assert settings
    assert [path for path in settings if not has(values, path)] == []


def has(values: Any, path: str) -> bool:
    """True where the chart has a value of this path."""
    for step in path.split("."):
        if not isinstance(values, dict) or step not in values:
            return False
        values = values[step]
    return True


def test_make_targets_exist() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    lines = [line for _, line in typed()] + [span for page in pages() for span in spans(page)]
    named = {
        word
        for line in lines
        if re.match(r"(.*; |.*&& )?make [a-z]", line)
        for arguments in calls(line, "make")
        for word in arguments
        if re.fullmatch(r"[a-z0-9-]+", word)
    }
    assert named
    assert named - targets == set()
