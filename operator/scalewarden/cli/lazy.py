"""A command group that imports a command only when it is used, so that `--help` stays fast."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Of the root and of every command."""


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command lives: a module and the function in it, and the line that `--help` shows."""

    module: str
    function: str
    summary: str


class Switches:
    """A command of whose switches each is off that is left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Its options; typer would ask pydantic what the None of such a switch is, and to import that takes half of
        the start of `check --help`."""
        for switch in self.get_params(ctx):  # type: ignore[attr-defined]
            if getattr(switch, "is_flag", False) and switch.default is None:
                switch.default = False
        return super().parse_args(ctx, args)  # type: ignore[misc]


class OneCommand(Switches, TyperCommand):
    """What the table names."""


class LazyGroup(Switches, TyperGroup):
    """Lists commands from a table and loads the one that is asked for."""

    lazy: ClassVar[Mapping[str, LazyCommand]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command's name, in the order of the table."""
        return list(self.lazy)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; None for a name that is not in the table."""
        entry = self.lazy.get(cmd_name)
        return _load(cmd_name, entry) if entry else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of the first argument; a mistyped one is answered with the nearest name."""
        near = get_close_matches(args[0], self.lazy, n=1)
        if near and args[0] not in self.lazy and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.lazy.items()])


def _load(name: str, entry: LazyCommand) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name, cls=OneCommand, context_settings=SETTINGS)(getattr(import_module(entry.module), entry.function))
    command = get_command(app)
    command.name = name
    return command
