"""Every command that reads a Prometheus asks it in the same way."""

from pathlib import Path
from typing import Any

import pytest

from scalewarden.sources.prometheus_options import PrometheusOptions
from tests.unit.check.manifests import deployment
from tests.unit.cli.command import Command

COMMANDS = {
    "replay": ("scalewarden.cli.replay_report.of_prometheus", ["--objects", "OBJECTS"]),
    "check": ("scalewarden.cli.check._where", ["OBJECTS", "--base", "OBJECTS"]),
}


class _Seen(Exception):
    pass


@pytest.mark.parametrize("command", COMMANDS)
def test_all_that_the_operator_may_be_told_is_told(
    scalewarden: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    seen: list[PrometheusOptions] = []

    def asked(*given: Any, **more: Any) -> None:
        seen.extend(one for one in given if isinstance(one, PrometheusOptions))
        raise _Seen

    (tmp_path / "objects.yaml").write_text(deployment())
    function, arguments = COMMANDS[command]
    monkeypatch.setattr(function, asked)
    flags = {
        "token-file": tmp_path / "token", "header": "X-Scope-OrgID=ml", "match": "cluster=west", "method": "GET",
        "param": "dedup=true", "pod-label": "kubernetes_pod_name", "timeout": "7s",
    }  # fmt: skip
    given = [text for flag, value in flags.items() for text in (f"--prometheus-{flag}", value)]
    own = [tmp_path / "objects.yaml" if one == "OBJECTS" else one for one in arguments]
    with pytest.raises(_Seen):
        scalewarden(command, *own, "--prometheus", "http://p", *given)
    (options,) = seen
    assert (options.access.token_file, options.headers) == (tmp_path / "token", {"X-Scope-OrgID": "ml"})
    assert (options.matchers, options.method, options.parameters) == ({"cluster": "west"}, "GET", {"dedup": "true"})
    assert (options.pod_label, options.deadline) == ("kubernetes_pod_name", 7.0)


@pytest.mark.parametrize("command", ["replay", "check", "what-if", "doctor", "suggest"])
def test_the_main_ones_are_shown_and_the_rest_pointed_to(scalewarden: Command, command: str) -> None:
    said = scalewarden(command, "--help").out
    assert "--prometheus-match" in said and "--prometheus-header" in said and "--prometheus-token-file" in said
    assert "--prometheus-pod-label" not in said
    assert "options of `scalewarden run`" in " ".join(said.split())
