"""The flags of `scalewarden run` that say how metrics are read."""

from pathlib import Path

import pytest

from scalewarden.app.settings import Settings
from scalewarden.sources.tls import Access
from tests.unit.cli.command import Command


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What the operator was started with; it does not run."""
    settings: list[Settings] = []

    async def run(given: Settings) -> None:
        settings.append(given)

    monkeypatch.setattr("scalewarden.app.operator.run", run)
    return settings


def test_everything_about_prometheus_can_be_said(scalewarden: Command, started: list[Settings], tmp_path: Path) -> None:
    flags = {
        "user": "me",
        "password-file": tmp_path / "password",
        "ca-file": tmp_path / "ca",
        "cert-file": tmp_path / "cert",
        "key-file": tmp_path / "key",
        "header": "X-Scope-OrgID=a=b",
        "header-file": f"X-Key={tmp_path / 'key'}",
        "param": "dedup=true",
        "match": "cluster=prod",
        "namespace-label": "kubernetes_namespace",
        "pod-label": "kubernetes_pod_name",
        "method": "get",
        "timeout": "20s",
        "max-query": "5000",
    }
    given = [text for flag, value in flags.items() for text in (f"--prometheus-{flag}", value)]
    ran = scalewarden("run", "--prometheus", "https://p/x", "--scrape-interval", "30s", *given)
    assert (ran.code, ran.err) == (0, "")
    options = started[0].prometheus
    assert options is not None
    assert options.access == Access(
        ca_file=tmp_path / "ca",
        cert_file=tmp_path / "cert",
        key_file=tmp_path / "key",
        username="me",
        password_file=tmp_path / "password",
    )
    assert (options.headers, options.header_files) == ({"X-Scope-OrgID": "a=b"}, {"X-Key": tmp_path / "key"})
    assert (options.parameters, options.matchers) == ({"dedup": "true"}, {"cluster": "prod"})
    assert (options.namespace_label, options.pod_label) == ("kubernetes_namespace", "kubernetes_pod_name")
    assert (options.method, options.deadline, options.longest, options.step) == ("GET", 20.0, 5000, 30.0)
    assert (options.url, options.where) == ("https://p/x", "https://p/x")


def test_everything_about_scraping_can_be_said(scalewarden: Command, started: list[Settings], tmp_path: Path) -> None:
    flags = {
        "token-file": tmp_path / "token",
        "ca-file": tmp_path / "ca",
        "cert-file": tmp_path / "cert",
        "key-file": tmp_path / "key",
        "server-name": "pods",
        "concurrency": "8",
        "timeout": "5s",
    }
    ran = scalewarden("run", *(text for flag, value in flags.items() for text in (f"--scrape-{flag}", value)))
    assert (ran.code, ran.err) == (0, "")
    scrape = started[0].scrape
    assert scrape.access == Access(
        ca_file=tmp_path / "ca", cert_file=tmp_path / "cert", key_file=tmp_path / "key", token_file=tmp_path / "token"
    )
    assert (scrape.server_name, scrape.concurrency, scrape.limits.deadline) == ("pods", 8, 5.0)
    assert started[0].prometheus is None


def test_without_flags_nothing_is_different(scalewarden: Command, started: list[Settings]) -> None:
    assert scalewarden("run").code == 0
    assert started[0].scrape == Settings().scrape


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prometheus", "prometheus:9090"], "is not an http or https URL"),
        (["--prometheus-token-file", "/token"], "credentials for a Prometheus without its URL"),
        (["--prometheus", "http://p", "--prometheus-user", "me"], "a user name without a password file"),
        (
            [
                "--prometheus",
                "http://p",
                "--prometheus-token-file",
                "/t",
                "--prometheus-header",
                "Authorization=hunter2",
            ],
            "the header Authorization is given twice",
        ),
        (["--prometheus", "http://p", "--prometheus-header", "hunter2"], "--prometheus-header: not NAME=VALUE"),
        (["--prometheus", "http://p", "--prometheus-header", "a=hunter2\n"], "not NAME=VALUE in printable characters"),
        (["--prometheus", "http://me:hunter2@p:x y", "--prometheus-method", "PUT"], "is no way to send a query"),
        (["--prometheus", "ftp://me:hunter2@p"], "is not an http or https URL"),
        (["--prometheus-timeout", "soon", "--prometheus", "http://p"], "--prometheus-timeout"),
        (["--scrape-concurrency", "0"], "--scrape-concurrency"),
        (["--scrape-key-file", "/key"], "a client key without its certificate"),
    ],
)
def test_what_does_not_hold_together_is_refused_without_showing_a_secret(
    scalewarden: Command, started: list[Settings], arguments: list[str], said: str
) -> None:
    ran = scalewarden("run", *arguments)
    assert (ran.code, started) == (2, [])
    assert said in ran.err
    assert "hunter2" not in ran.err + ran.out
