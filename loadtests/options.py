"""What the command line of a load test says beyond Locust's own options.

Everything that can be wrong is found when the command line is read: before any charger is there,
and before Locust makes processes.
"""

import csv
import ipaddress
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from csms.simulator.faults import FAULTS, FaultSettings
from csms.simulator.models import MODELS
from csms.simulator.settings import SimulatorSettings
from loadtests.verdicts import read_thresholds


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
    stretch: float = Field(
        default=1.0, gt=0, description="Makes the acts of a story longer or shorter."
    )
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

    @field_validator("*")
    @classmethod
    def _fits(cls, value: object, info: ValidationInfo) -> object:
        check = CHECKS.get(info.field_name or "")
        if check is not None and value:
            try:
                check(str(value))
            except (OSError, ValueError) as error:
                raise ValueError(_plain(error)) from error
        return value

    def members(self) -> list[tuple[str, str]]:
        """Return identity and password of the chargers in the file; empty without one."""
        return _members(self.chargers_csv) if self.chargers_csv else []

    def fault_settings(self) -> FaultSettings:
        """Return the chances of faults."""
        return _faults(self.faults)


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


def _members(text: str) -> list[tuple[str, str]]:
    with Path(text).open(newline="") as file:
        rows = [(row[0], row[1] if len(row) > 1 else "") for row in csv.reader(file) if row]
    if not rows:
        raise ValueError(f"{text} has no charger in it")
    names = [name for name, _ in rows]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{text} has {twice!r} twice")
    return rows


def _faults(text: str) -> FaultSettings:
    return FaultSettings.model_validate({"rates": pairs(text)})


def _known_models(text: str) -> None:
    for name in listed(text):
        if name not in MODELS:
            raise ValueError(f"no model {name!r}; there are {', '.join(MODELS)}")


def _addresses(text: str) -> None:
    for address in listed(text):
        ipaddress.ip_address(address)


def _readable(text: str) -> None:
    if "{id}" not in text:
        Path(text).read_bytes()


def _folder(text: str) -> None:
    if not Path(text).is_dir():
        raise ValueError(f"{text} is no folder")


def _web(text: str) -> None:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"{text!r} does not begin with http:// or https://")


CHECKS: Mapping[str, Callable[[str], object]] = {
    "api": _web,
    "ca": _readable,
    "cert": _readable,
    "chargers_csv": _members,
    "data": _folder,
    "faults": _faults,
    "models": _known_models,
    "simulator": lambda text: SimulatorSettings.model_validate(pairs(text)),
    "sources": _addresses,
    "verdict": lambda text: read_thresholds(Path(text).read_text()),
}
"""Option -> what raises OSError or ValueError when its value, which is not empty, does not fit."""


def _plain(error: Exception) -> str:
    """Return an error in one line: field and rule, for each that there is."""
    if not isinstance(error, ValidationError):
        return str(error)
    lines = []
    for row in error.errors(include_url=False):
        where = ".".join(map(str, row["loc"]))
        said = row["msg"].removeprefix("Value error, ")
        lines.append(f"{where}: {said}" if where else said)
    return "; ".join(lines)


def reads(name: str) -> Callable[[str], Any]:
    """Return what reads the value of an option from the command line or the environment.

    It raises ArgumentTypeError, which says what does not fit.
    """

    def read(text: str) -> Any:  # noqa: ANN401 - of the option's type
        try:
            return getattr(LoadOptions.model_validate({name: text}), name)
        except ValidationError as error:
            raise ArgumentTypeError(_plain(error).removeprefix(f"{name}: ")) from error

    return read


def add_options(parser: Any) -> None:  # noqa: ANN401 - Locust's parser
    """Add all of them to the command line."""
    for name, field in LoadOptions.model_fields.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=f"ocpp_{name}",
            type=reads(name),
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
