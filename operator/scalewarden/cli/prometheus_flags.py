"""The flags that say how a Prometheus is asked, declared once for every command that reads one."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from scalewarden.cli.options import positive

if TYPE_CHECKING:
    from scalewarden.sources.prometheus_options import PrometheusOptions as PrometheusOptions
else:
    PrometheusOptions = object
    """For the signatures of commands: importing it takes longer than `--help` may, and `reads_prometheus` puts the
    URL's text in its place."""

MAIN = ("prometheus_token_file", "prometheus_header", "prometheus_match")
"""Those that every command's help shows; that of `run` shows all."""
ALL_OF_RUN = "All --prometheus-… options of `scalewarden run` go with it."
Prometheus = Annotated[
    PrometheusOptions | None,
    typer.Option(help=f"Read this Prometheus, as the operator does where it has one. {ALL_OF_RUN}", metavar="URL"),
]


def reads_prometheus(timeout: str = "10s", *, every: bool = False) -> Callable[[Callable[..., None]], Any]:
    """Gives a command with a parameter `prometheus`, of PrometheusOptions or None, the flags that make them.

    timeout: for one answer, unless told otherwise. every: its help shows all of them. The command raises BadInput for
    a flag that cannot be used.
    """

    def given(command: Callable[..., None]) -> Callable[..., None]:
        flags = {name: _shown(one, timeout, every=every) for name, one in inspect.signature(_access).parameters.items()}
        unsaid = {name: one.default for name, one in flags.items()}

        @wraps(command)
        def wrapper(**values: Any) -> None:
            chosen = {name: values.pop(name) for name in flags}
            said = values["prometheus"] is not None or chosen != unsaid
            command(**{**values, "prometheus": _options(values["prometheus"], chosen) if said else None})

        hints = get_type_hints(command, include_extras=True)
        url = Annotated[str | None, *hints["prometheus"].__metadata__]
        own = dict(inspect.signature(command).parameters)
        parameters = [
            one
            for name, parameter in own.items()
            for one in ([parameter.replace(annotation=url), *flags.values()] if name == "prometheus" else [parameter])
        ]
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {**hints, "prometheus": url, **{name: one.annotation for name, one in flags.items()}}
        return wrapper

    return given


def _shown(parameter: inspect.Parameter, timeout: str, *, every: bool) -> inspect.Parameter:
    hidden = not every and parameter.name not in MAIN
    kind, (option,) = parameter.annotation.__origin__, parameter.annotation.__metadata__
    copy = typer.Option(*option.param_decls or (), **{name: getattr(option, name) for name in ("help", "min")})
    copy.show_default, copy.hidden = option.show_default, hidden
    default = timeout if parameter.name == "prometheus_timeout" else parameter.default
    return parameter.replace(annotation=Annotated[kind, copy], default=default)


def _options(url: str | None, chosen: dict[str, Any]) -> "PrometheusOptions | None":
    """Of the flags; what it needs is imported only now, since `--help` needs none of it."""
    from scalewarden.cli.prometheus_values import prometheus_options

    return prometheus_options(url, _access(**chosen))


def _access(
    prometheus_token_file: Annotated[
        Path | None, typer.Option(help="Bearer token for Prometheus.", show_default=False)
    ] = None,
    prometheus_user: Annotated[
        str | None, typer.Option(help="User name for Prometheus, with a password file.", show_default=False)
    ] = None,
    prometheus_password_file: Annotated[
        Path | None, typer.Option(help="Password of that user.", show_default=False)
    ] = None,
    prometheus_ca_file: Annotated[
        Path | None, typer.Option(help="Authorities that Prometheus is trusted by.", show_default=False)
    ] = None,
    prometheus_cert_file: Annotated[
        Path | None, typer.Option(help="Client certificate for Prometheus.", show_default=False)
    ] = None,
    prometheus_key_file: Annotated[
        Path | None, typer.Option(help="Its key, where not in the same file.", show_default=False)
    ] = None,
    prometheus_insecure_skip_verify: Annotated[
        bool, typer.Option("--prometheus-insecure-skip-verify", help="Trust any certificate of Prometheus.")
    ] = False,
    prometheus_header: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE sent along, such as a tenant; repeatable.", show_default=False),
    ] = None,
    prometheus_header_file: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH of a header that is secret; repeatable.", show_default=False),
    ] = None,
    prometheus_param: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE sent along with each query; repeatable.", show_default=False),
    ] = None,
    prometheus_match: Annotated[
        list[str] | None,
        typer.Option(
            help="LABEL=VALUE that every series must carry, such as the cluster; repeatable.", show_default=False
        ),
    ] = None,
    prometheus_namespace_label: Annotated[str, typer.Option(help="What a pod's namespace is called.")] = "namespace",
    prometheus_pod_label: Annotated[str, typer.Option(help="What a pod is called.")] = "pod",
    prometheus_method: Annotated[str, typer.Option(help="POST, or GET where POST is not taken.")] = "POST",
    prometheus_recorded: Annotated[
        bool,
        typer.Option("--prometheus-recorded", help="Read what the recording rules made, for very large fleets."),
    ] = False,
    prometheus_timeout: Annotated[str, typer.Option(help="For one answer of Prometheus.")] = "10s",
    prometheus_max_query: Annotated[
        int | None, typer.Option(help="Bytes of one query.", min=1000, show_default="16000, by GET 6000")
    ] = None,
) -> dict[str, Any]:
    """What was said, as the fields of PrometheusOptions and, of `access`, of Access."""
    return {
        "access": {
            "ca_file": prometheus_ca_file,
            "cert_file": prometheus_cert_file,
            "key_file": prometheus_key_file,
            "skip_verify": prometheus_insecure_skip_verify,
            "token_file": prometheus_token_file,
            "username": prometheus_user,
            "password_file": prometheus_password_file,
        },
        "headers": prometheus_header,
        "header_files": prometheus_header_file,
        "parameters": prometheus_param,
        "matchers": prometheus_match,
        "namespace_label": prometheus_namespace_label,
        "pod_label": prometheus_pod_label,
        "method": prometheus_method,
        "deadline": positive(prometheus_timeout, "--prometheus-timeout"),
        "max_query": prometheus_max_query,
        "recorded": prometheus_recorded,
    }
