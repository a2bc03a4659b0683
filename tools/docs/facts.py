"""docs/reference/facts.md: what is read off a container's command line and environment, runtime by runtime."""

from collections.abc import Iterator
from pathlib import Path

from scalewarden.sources.launches import LAUNCHES, At, Fact, Launch
from tools.docs.markdown import code, page, table

_INTRODUCTION = """\
What a pod template states about its engine, and where it stands: flags first, the last one given counts; then
variables of the container with a literal value. Dashes and underscores are the same. Shells, wrappers and chains of
commands are followed to the program that starts the engine; a value that comes from a ConfigMap, a Secret or a
command is unknown, and so is what only a configuration file says. No default of an engine is ever filled in, except
where its metrics page is.

How these facts are used, and what is read off nodes, statuses and gateways:
[where facts come from](../concepts/where-facts-come-from.md)."""

_UNVERIFIED = "Names marked † were only seen in manifests, not in the runtime's own sources or documentation."


def render() -> dict[Path, str]:
    """The page by its path."""
    parts = (_INTRODUCTION, _pages(), *(part for launch in LAUNCHES for part in _runtime(launch)), _UNVERIFIED)
    return {Path("docs/reference/facts.md"): page("Facts from the command line", *parts)}


def _pages() -> str:
    rows = (
        (_title(one), _programs(one), f"{_marked(one, str(one.port))} {code(one.path)}", _switch(one))
        for one in LAUNCHES
    )
    return "## Recognised by\n\n" + table(("runtime", "started as", "metrics page unless stated", "metrics"), rows)


def _title(launch: Launch) -> str:
    """Dynamo has one row for each engine behind it."""
    behind = launch.programs[0][-1].removesuffix("*").partition(".")[2] if launch.runtime == "Dynamo" else ""
    return f"{launch.runtime} ({behind})" if behind else launch.runtime


def _programs(launch: Launch) -> str:
    words = [code(" ".join(program).replace("*", "…")) for program in launch.programs]
    return ", ".join([*words, *(f"image {code(image)}" for image in launch.images)])


def _switch(launch: Launch) -> str:
    if launch.switch is None:
        return ""
    return f"off until {code(launch.switch.name)}" if launch.switch.needed else f"{code(launch.switch.name)} stops them"


def _runtime(launch: Launch) -> Iterator[str]:
    yield f"## {_title(launch)}"
    rows = [(str(fact), _where(launch, launch.facts[fact])) for fact in Fact if fact in launch.facts]
    yield table(("fact", "stands in"), rows)


def _where(launch: Launch, at: At) -> str:
    flags = [_marked(launch, name) for name in (*at.flags, *at.env)]
    return ", ".join([*flags, *(f"off by {_marked(launch, name)}" for name in at.off)])


def _marked(launch: Launch, name: str) -> str:
    return code(name) + ("†" if name in launch.unverified else "")
