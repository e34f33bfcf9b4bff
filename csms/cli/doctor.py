"""`csms doctor`."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.text import Text

from csms.cli.options import ConfigOption, DataOption
from csms.cli.show import out, printable
from csms.config import load_config
from csms.doctor import CHECKS, Finding, check_connection, fine, wrong
from domain.errors import ConfigError


def doctor(
    data: DataOption = None,
    config: ConfigOption = None,
    connect: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Connect as a charger would: ws://HOST:PORT/ocpp/ID"),
    ] = None,
    password: Annotated[str | None, typer.Option(help="Of that charger.")] = None,
) -> None:
    """Check configuration, data, database, journals, ports; or one charger's connection."""
    if connect is not None:
        findings = asyncio.run(check_connection(connect, password))
    else:
        try:
            settings = load_config(file=config, data=data)
        except ConfigError as error:
            findings = [wrong("config", problem) for problem in error.problems]
        else:
            findings = [fine("config", "valid")]
            findings += [finding for check in CHECKS for finding in check(settings)]
    _print(findings)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def _print(findings: Iterable[Finding]) -> None:
    console = out()
    for finding in findings:
        mark = ("ok   ", "green") if finding.good else ("WRONG", "bold red")
        line = Text.assemble(mark, "  ", (printable(finding.what), "bold"), ": ")
        console.print(line.append(printable(finding.found)))
        if finding.advice:
            console.print(Text(f"       -> {printable(finding.advice)}"))
