"""TAB: what a shell and kubectl are given, and that a cluster that does not answer costs no more than its patience."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from scalewarden.cli.completion import PATIENCE
from scalewarden.cli.main import main
from tests.unit.cli.command import Command
from tests.unit.cli.test_explain import kubeconfig
from tests.unit.model.objects import deployment
from tests.unit.sources.loopback import http_server

ROOT = Path(__file__).resolve().parents[3]
SLACK = 10.0
"""Seconds that starting an interpreter and importing the client may take on a busy machine."""


def completed(*words: str, config: Path | None = None) -> list[str]:
    """What `kubectl_complete-scalewarden` prints."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "operator"), "HOME": "/nonexistent"}
    environment |= {"KUBECONFIG": str(config)} if config else {}
    command = [sys.executable, "-m", "scalewarden.cli.kubectl_complete", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=60)
    assert ran.stderr == ""
    return ran.stdout.splitlines()


def values(lines: list[str]) -> list[str]:
    return [line.partition("\t")[0] for line in lines[:-1]]


def test_commands_and_options_are_completed_with_what_they_do() -> None:
    found = completed("re")
    assert (values(found), found[-1]) == (["replay", "record", "release"], ":4")
    assert found[1].startswith("record\tRecord a live service")
    assert {"--namespace", "--watch", "--output"} <= set(values(completed("explain", "--")))
    assert values(completed("explain", "-o", "")) == ["text", "wide", "json", "yaml"]
    assert values(completed("rules", "KVC20")) == ["KVC201", "KVC202", "KVC203", "KVC204"]


def test_files_are_left_to_the_shell_where_a_command_takes_them() -> None:
    assert completed("check", "k8s/") == [":0"]
    assert completed("expalin", "x") == [":4"]


async def test_names_come_from_the_namespace_that_was_typed(tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/api/v1/namespaces":
            return web.json_response({"items": [{"metadata": {"name": name}} for name in ("serving", "web")]})
        return web.json_response({"items": [deployment({}, name=name) for name in ("llama-8b", "llama-70b", "qwen")]})

    async with http_server(answer) as port:
        config = kubeconfig(tmp_path, f"http://127.0.0.1:{port}")
        found = await _in_thread("explain", "-n", "chat", "ll", config=config)
        assert values(found) == ["llama-70b", "llama-8b"]
        assert asked[-1].endswith("/namespaces/chat/inferencedeployments")
        assert values(await _in_thread("what-if", "q", config=config)) == ["qwen"]
        assert asked[-1].endswith("/namespaces/serving/inferencedeployments")
        assert values(await _in_thread("doctor", "-n", "s", config=config)) == ["serving"]
        assert values(await _in_thread("explain", "--context", "", config=config)) == ["only"]


async def _in_thread(*words: str, config: Path) -> list[str]:
    return await asyncio.to_thread(completed, *words, config=config)


@contextmanager
def deaf() -> Iterator[int]:
    """A server that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_cluster_that_does_not_answer_gives_nothing_and_takes_no_longer_than_its_patience(tmp_path: Path) -> None:
    with deaf() as port:
        started = time.monotonic()
        assert completed("explain", "l", config=kubeconfig(tmp_path, f"http://127.0.0.1:{port}")) == [":4"]
        assert time.monotonic() - started < PATIENCE + SLACK


@pytest.mark.parametrize("text", ["", "{", "not: [a kubeconfig"])
def test_a_broken_kubeconfig_gives_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken").write_text(text)
    assert completed("explain", "l", config=tmp_path / "broken") == [":4"]


@pytest.mark.parametrize("option", ["--install-completion", "--show-completion", "--show-completion=bash"])
def test_a_plugin_writes_no_script_for_a_program_of_two_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kubectl-scalewarden", option])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: --")


def test_the_script_for_a_shell_asks_by_our_name(scalewarden: Command) -> None:
    ran = scalewarden("--show-completion", "bash")
    assert ran.code == 0 and "_SCALEWARDEN_COMPLETE=complete_bash" in ran.out
    assert "complete -o default -F _scalewarden_completion scalewarden" in ran.out
