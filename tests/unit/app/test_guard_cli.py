"""`scalewarden guard` before it serves, and the chart's agreement with the code."""

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from scalewarden.app.guard import Address, GuardSettings
from scalewarden.cli.guard import address, guard
from scalewarden.errors import BadInput
from scalewarden.model.intent import AUTOSCALER_IDENTITIES
from scalewarden.sources.kubeconnection import Connect
from tools.docs import chart, files

CHART = files.ROOT / "charts" / "scalewarden"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9443", Address("127.0.0.1", 9443)),
        ("[::1]:9443", Address("::1", 9443)),
        (":9443", Address("0.0.0.0", 9443)),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    assert address(text, "--listen") == expected


@pytest.mark.parametrize(
    "text", ["9443", "localhost", "localhost:", "localhost:https", "localhost:0", "localhost:70000"]
)
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(BadInput) as error:
        address(text, "--listen")
    assert error.value.where == "--listen" and "HOST:PORT" in error.value.hint


def test_a_kubeconfig_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(guard)
    done = CliRunner().invoke(app, ["--kubeconfig", str(tmp_path / "none"), "--listen", "127.0.0.1:1"])
    assert isinstance(done.exception, BadInput) and done.exception.hint


def test_the_certificate_is_for_the_service() -> None:
    settings = GuardSettings(Connect(None, None), namespace="ops", service="guard")
    assert settings.names == ("guard.ops.svc", "guard.ops.svc.cluster.local")


def test_the_charts_generated_files_are_up_to_date() -> None:
    for path, text in chart.render().items():
        assert (files.ROOT / path).read_text(encoding="utf-8") == text, f"run python -m tools.docs.chart: {path}"


def test_the_chart_says_what_the_code_says() -> None:
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    defaults = GuardSettings(Connect(None, None))
    assert tuple(values["autoscalerIdentities"]) == AUTOSCALER_IDENTITIES
    assert values["maxMode"] == defaults.max_mode
    assert values["guard"]["operatorSilentAfter"] == defaults.silent_after
    templates = "".join(path.read_text(encoding="utf-8") for path in (CHART / "templates").glob("*.yaml"))
    for name in (defaults.service, defaults.secret, defaults.webhook, defaults.lease):
        assert f"name: {name}\n" in templates or f"resourceNames: [{name}]" in templates
