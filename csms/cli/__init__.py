"""The command line. `main` is the entry point; each module here has the commands of one concern.

A module is imported when one of its commands is called, so that a short command does not wait for
what only a long one needs.
"""

from importlib import import_module, metadata
from typing import Any

import typer

from csms.cli.errors import ReportingGroup

COMMANDS = {
    "serve": "run:serve",
    "demo": "run:demo",
    "sql": "run:sql",
    "simulate": "run:simulate",
    "simulate-site": "simulate_site:simulate_site",
    "doctor": "doctor:doctor",
    "charger": "records:charger",
    "token": "records:token",
    "site": "site_models:site",
    "key": "records:key",
    "user": "users:user",
    "pki": "pki:app",
    "config": "settings:config_app",
    "db": "settings:db",
}
"""Command -> the module here and the function, or group of commands, in it."""


def load(name: str) -> Any:  # noqa: ANN401 - typer's command types are private
    """Return a command of `COMMANDS`, made by typer."""
    module, _, attribute = COMMANDS[name].partition(":")
    found = getattr(import_module(f"csms.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        command: Any = typer.main.get_group(found)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        command = typer.main.get_command(alone)
    command.name = name
    return command


class Commands(ReportingGroup):
    """All commands; each is made when it is asked for."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - as typer calls it
        super().__init__(**more)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment] # for suggestions

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """Return a command, or None."""
        if self.commands.get(cmd_name) is None and cmd_name in COMMANDS:
            self.commands[cmd_name] = load(cmd_name)
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    name="csms",
    help="An OCPP charging station management system.",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"csms {metadata.version('csms')}")
        raise typer.Exit


@app.callback()
def csms(
    version: bool = typer.Option(  # noqa: FBT001
        False,  # noqa: FBT003
        "--version",
        help="Print the version and end.",
        callback=lambda value: _version(wanted=value),
        is_eager=True,
    ),
) -> None:
    """An OCPP charging station management system."""


def main() -> None:
    """Run the command line."""
    app()
