"""From the texts of the --prometheus-… flags to how Prometheus is asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from scalewarden.errors import BadInput
from scalewarden.sources.prometheus_options import EVERYTHING, RECORDED_ONLY, PrometheusOptions
from scalewarden.sources.tls import Access

_AS_SAID = ("namespace_label", "pod_label", "deadline", "max_query")


def pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """`NAME=VALUE` texts. Raises BadInput, which does not repeat the value."""
    found: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.isascii() or not value.isprintable():
            raise BadInput("not NAME=VALUE in printable characters", where=option, hint="such as X-Scope-OrgID=ml")
        if name in found:
            raise BadInput(f"{name} is given twice", where=option, hint="give it once")
        found[name.strip()] = value
    return found


def paths(texts: Sequence[str] | None, option: str) -> dict[str, Path]:
    """`NAME=PATH` texts."""
    return {name: Path(value) for name, value in pairs(texts, option).items()}


def method(text: str) -> Literal["POST", "GET"]:
    """How queries are sent."""
    match text.upper():
        case "POST":
            return "POST"
        case "GET":
            return "GET"
    raise BadInput(f"{text!r} is no way to send a query", where="--prometheus-method", hint="write POST or GET")


def prometheus_options(url: str | None, said: Mapping[str, Any]) -> PrometheusOptions | None:
    """As said by the flags (`prometheus_flags`); None without a URL.

    Raises BadInput for a value that cannot be used, and where other flags say that there should be a URL.
    """
    access = Access(**said["access"])
    options = {
        **{name: said[name] for name in _AS_SAID},
        "headers": pairs(said["headers"], "--prometheus-header"),
        "header_files": paths(said["header_files"], "--prometheus-header-file"),
        "parameters": pairs(said["parameters"], "--prometheus-param"),
        "matchers": pairs(said["matchers"], "--prometheus-match"),
        "method": method(said["method"]),
        "wanted": RECORDED_ONLY if said["recorded"] else EVERYTHING,
    }
    if url:
        return PrometheusOptions(url, access=access, **options)
    if access != Access():
        raise BadInput("credentials for a Prometheus without its URL", where="--prometheus", hint="give the URL")
    return None
