"""Options that many commands have."""

from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Data directory. [default: ./csms-data]"),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="TOML file. [default: csms.toml in the data directory]"
    ),
]


def address(option: str, text: str | None) -> tuple[str | None, int | None]:
    """Return host and port of HOST:PORT; both None when nothing was said.

    Raises:
        typer.BadParameter: it is something else.
    """
    if text is None:
        return None, None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise typer.BadParameter(f"{option} must be HOST:PORT, such as 127.0.0.1:8887")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - said so: an empty host is any
