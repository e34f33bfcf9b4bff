"""What the command line of a load test says beyond Locust's own options."""

import csv
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from csms.simulator.faults import FAULTS, FaultSettings
from csms.simulator.models import MODELS


class LoadOptions(BaseModel):
    """The options. Names are those of the command line, with dashes for underscores.

    `--host` is Locust's own: what comes before the identity, ws://HOST:PORT/ocpp.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: str = Field(default="LOAD", description="Identities are PREFIX000000 and on.")
    password: str = Field(default="", description="Of all chargers; empty: connect without.")
    chargers_csv: str = Field(
        default="", description="File of identity,password lines, instead of prefix and password."
    )
    token: str = Field(default="LOADTAG", description="Cards of drivers, separated by commas.")
    models: str = Field(
        default="", description=f"By turns, separated by commas: {', '.join(MODELS)}."
    )
    faults: str = Field(
        default="", description=f"NAME=CHANCE at each message, commas between: {', '.join(FAULTS)}."
    )
    simulator: str = Field(
        default="", description="NAME=VALUE of the simulator's settings, commas between."
    )
    sources: str = Field(
        default="", description="Addresses to dial from, by turns, to pass 28,000 ports each."
    )
    ca: str = Field(default="", description="PEM of the roots to trust on wss://.")
    cert: str = Field(
        default="",
        description="PEM of certificate and key (security profile 3); {id}: the identity.",
    )
    seed: int = Field(default=1, description="The same seed, the same drivers, cars and faults.")
    stretch: float = Field(default=1.0, description="Makes the acts of a story longer or shorter.")
    restart_command: str = Field(
        default="", description="Run by the stories that restart the server."
    )
    api: str = Field(default="", description="REST interface of csms: http://HOST:PORT.")
    api_key: str = Field(default="", description="For it; operator, or viewer without calls.")
    data: str = Field(default="", description="Data directory of csms, to ask its SQL afterwards.")
    verdict: str = Field(default="", description="TOML file of thresholds.")
    summary: str = Field(default="", description="Write figures and verdict as JSON.")
    junit: str = Field(default="", description="Write the verdict as JUnit XML.")
    report: str = Field(default="", description="Write Locust's HTML report with our tab.")
    books: str = Field(default="", description="Write the books of all chargers as JSON.")
    timeline: str = Field(default="", description="Write the chargers' states by second as CSV.")

    def members(self) -> list[tuple[str, str]]:
        """Return identity and password of the chargers in the file; empty without one."""
        if not self.chargers_csv:
            return []
        with Path(self.chargers_csv).open(newline="") as file:
            return [(row[0], row[1] if len(row) > 1 else "") for row in csv.reader(file) if row]

    def fault_settings(self) -> FaultSettings:
        """Return the chances of faults. ValueError: an unknown name, or no number."""
        rates = {name: float(value) for name, value in pairs(self.faults).items()}
        return FaultSettings(rates=rates)


def pairs(text: str) -> dict[str, str]:
    """Return NAME=VALUE,NAME=VALUE as a dictionary. ValueError: something else is in it."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is not NAME=VALUE")
        found[name.strip()] = value.strip()
    return found


def listed(text: str) -> tuple[str, ...]:
    """Return what stands between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def add_options(parser: Any) -> None:  # noqa: ANN401 - Locust's parser
    """Add all of them to the command line."""
    for name, field in LoadOptions.model_fields.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=f"ocpp_{name}",
            type=field.annotation,
            default=field.default,
            env_var=f"LOADTEST_{name.upper()}",
            include_in_web_ui=False,
            is_secret=name in {"password", "api_key"},
            help=field.description,
        )


def read_options(parsed: Namespace | Mapping[str, Any]) -> LoadOptions:
    """Return what was said. pydantic.ValidationError: a value that does not fit."""
    said = parsed if isinstance(parsed, Mapping) else vars(parsed)
    prefix = "ocpp_"
    return LoadOptions(
        **{
            name.removeprefix(prefix): value
            for name, value in said.items()
            if name.startswith(prefix)
        }
    )
