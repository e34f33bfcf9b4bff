"""How a command ends when something is wrong: lines on standard error and an exit code."""

from typing import Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from domain.errors import ConfigError, CsmsError, InvalidInput, NotFound, Unavailable

EXIT_CODES: tuple[tuple[type[CsmsError], int], ...] = (
    (ConfigError, 2),
    (InvalidInput, 2),
    (Unavailable, 3),
    (NotFound, 4),
)
"""The first class that fits; any other error of ours is 1."""


class PortTaken(CsmsError):
    """An address to listen on is in use or not ours."""


def exit_code(error: CsmsError) -> int:
    """Return the exit code for `error`."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


def fail(text: str, code: int = 1) -> NoReturn:
    """Print one line and end."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"[bold red]csms:[/] {_plain(text)}", markup=True
    )
    raise typer.Exit(code)


def warn(text: str) -> None:
    """Print one line that stops nothing."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"[bold yellow]csms:[/] {_plain(text)}", markup=True
    )


def report(error: CsmsError) -> None:
    """Print an error, one line per problem."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    problems = error.problems if isinstance(error, ConfigError) else [str(error)]
    for problem in problems:
        console.print(f"[bold red]csms:[/] {_plain(problem)}", markup=True)


def _plain(text: str) -> str:
    """Return `text` so that rich shows it as it is, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text).replace("[", r"\[")


class ReportingGroup(TyperGroup):
    """A group of commands whose errors of ours become lines and an exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's context type is private
        """Run the command."""
        try:
            return super().invoke(ctx)
        except CsmsError as error:
            report(error)
            raise typer.Exit(exit_code(error)) from error
