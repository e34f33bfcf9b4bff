"""`csms doctor`."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from csms.cli.options import ConfigOption, DataOption
from csms.cli.show import out, printable
from csms.config import load_config
from csms.doctor import CHECKS, Finding, fine, wrong
from csms.doctor_connection import Attempt, check_connection
from domain.errors import ConfigError


def doctor(
    data: DataOption = None,
    config: ConfigOption = None,
    connect: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Connect as a charger would: ws://HOST:PORT/ocpp/ID"),
    ] = None,
    password: Annotated[str | None, typer.Option(help="Of that charger.")] = None,
    ca: Annotated[
        Path | None, typer.Option(help="PEM of the authorities that it trusts, for wss://.")
    ] = None,
    cert: Annotated[Path | None, typer.Option(help="PEM of the charger's certificate.")] = None,
    cert_key: Annotated[Path | None, typer.Option(help="PEM of its private key.")] = None,
    *,
    boot: Annotated[
        bool,
        typer.Option("--boot", help="Send a BootNotification, too: it is kept as its last one."),
    ] = False,
) -> None:
    """Check configuration, data, database, journals, ports; or one charger's connection.

    On the server's own machine its records tell, too, why it refuses the charger.
    """
    try:
        settings = load_config(file=config, data=data)
    except ConfigError as error:
        settings = None
        findings = [wrong("config", problem) for problem in error.problems]
    else:
        findings = [fine("config", "valid")]
    if connect is not None:
        attempt = Attempt(connect, password, ca, cert, cert_key, boot)
        findings = asyncio.run(check_connection(attempt, settings))
    elif settings is not None:
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
