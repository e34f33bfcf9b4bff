"""The configuration: one frozen model, from one TOML file, the environment and the command line.

Later wins: defaults, then the file (`--config`, `CSMS_CONFIG`, or `csms.toml` in the data
directory), then the environment (`CSMS_API__PORT=8081` is `api.port`, `CSMS_DATA` is `data`), then
the command line. Variables without two underscores are left alone: an orchestrator sets `CSMS_PORT`
and the like for any service of that name.
No other module reads the environment.

All problems are reported together, one line each: field, rule, value, and where it came from.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from actors.charger.settings import ChargerSettings
from actors.ledger.settings import LedgerSettings
from actors.site.control import ControlSettings
from actors.site.plan.settings import PlanSettings
from actors.site.settings import SiteSettings
from csms.api.settings import ApiSettings
from csms.api.sign_in_settings import SignInSettings
from csms.files.settings import FilesSettings
from csms.gateway.settings import GatewaySettings
from csms.gateway.tls_settings import TlsSettings
from csms.listen import ListenSettings
from csms.oidc.settings import OidcSettings
from csms.operations.settings import OperationsSettings
from csms.paths import LONGEST_SOCKET_NAME, SOCKET_PATH_BYTES_MAX, DataPaths
from csms.pki.contract_settings import ContractSettings
from csms.pki.settings import PkiSettings
from csms.planner.settings import PlannerSettings
from csms.security.settings import SecuritySettings
from csms.simulator.settings import SimulatorSettings
from domain.errors import ConfigError
from protocol.reading import ReadingLimits
from storage.analytical.settings import WarehouseSettings
from storage.journal import JournalSettings
from storage.relational.settings import RelationalSettings
from supervisor.links import LinkSettings
from supervisor.strategy import SupervisorSettings

PREFIX = "CSMS_"
SEPARATOR = "__"
CONFIG_VARIABLE = "CSMS_CONFIG"
DATA_VARIABLE = "CSMS_DATA"
SECRETS = frozenset({"url", "dsn", "password", "secret"})
"""Words in a name whose value may hold a password: it is never printed."""
DEFAULT_DATA = "csms-data"


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - keeps symbolic links


def _section(model: type[BaseModel]) -> Any:  # noqa: ANN401 - as pydantic's own Field
    return Field(default_factory=lambda: model.model_validate({}))


class Config(BaseModel):
    """Everything that can be set. Sections live beside the code that uses them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Annotated[Path, AfterValidator(_absolute)] = Field(
        Path(DEFAULT_DATA),
        validate_default=True,
        description="The data directory: everything that this installation keeps.",
    )
    run: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None,
        description="Folder of the processes' sockets; default: `run` in the data directory. "
        "Set it when the path of the data directory is too long for unix sockets.",
    )
    listen: ListenSettings = _section(ListenSettings)
    api: ApiSettings = _section(ApiSettings)
    sign_in: SignInSettings = _section(SignInSettings)
    oidc: OidcSettings = _section(OidcSettings)
    gateway: GatewaySettings = _section(GatewaySettings)
    tls: TlsSettings = _section(TlsSettings)
    pki: PkiSettings = _section(PkiSettings)
    contracts: ContractSettings = _section(ContractSettings)
    security: SecuritySettings = _section(SecuritySettings)
    files: FilesSettings = _section(FilesSettings)
    charger: ChargerSettings = _section(ChargerSettings)
    sites: SiteSettings = _section(SiteSettings)
    site_control: ControlSettings = _section(ControlSettings)
    planner: PlannerSettings = _section(PlannerSettings)
    plan: PlanSettings = _section(PlanSettings)
    reading: ReadingLimits = _section(ReadingLimits)
    journal: JournalSettings = _section(JournalSettings)
    relational: RelationalSettings = _section(RelationalSettings)
    ledger: LedgerSettings = _section(LedgerSettings)
    warehouse: WarehouseSettings = _section(WarehouseSettings)
    operations: OperationsSettings = _section(OperationsSettings)
    links: LinkSettings = _section(LinkSettings)
    supervisor: SupervisorSettings = _section(SupervisorSettings)
    simulator: SimulatorSettings = _section(SimulatorSettings)

    @property
    def paths(self) -> DataPaths:
        """Where things are in the data directory."""
        return DataPaths(self.data, self.run or self.data / "run")

    @property
    def database_url(self) -> str:
        """The URL of the relational store: the one that is set, else SQLite in the data."""
        return self.relational.url or f"sqlite+aiosqlite:///{self.paths.database}"


@dataclass
class _Draft:
    """Values on their way to a Config, and which of them came from where."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def put(self, path: tuple[str, ...], value: object, origin: str) -> None:
        """Set the field at `path`; a table is merged field by field."""
        if isinstance(value, Mapping):
            for key, inner in value.items():
                self.put((*path, str(key)), inner, origin)
            if not value:
                _table(self.values, path)
            return
        table = _table(self.values, path[:-1])
        if table is None:
            self.problems.append(f"{'.'.join(path)}: is inside of something that is no table")
            return
        table[path[-1]] = value
        self.origins[".".join(path)] = origin


def _table(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the table at `path`, made when missing; None when a plain value is in the way."""
    for key in path:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            return None
        values = inner
    return values


def load_config(
    *,
    file: Path | None = None,
    data: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Config:
    """Return the effective configuration.

    Args:
        file: the TOML file; it must exist. None: CSMS_CONFIG, else `csms.toml` in the data
            directory when there is one.
        data: the data directory, as said on the command line.
        environ: the environment; None: the real one.
        overrides: what the command line says, by dotted name: {"api.port": 8081}. None values
            are left out.

    Raises:
        ConfigError: with every problem, not only the first.
    """
    environ = os.environ if environ is None else environ
    draft = _Draft()
    for name in sorted(environ):
        if name.startswith(PREFIX) and SEPARATOR in name:
            path = tuple(part.lower() for part in name.removeprefix(PREFIX).split(SEPARATOR))
            draft.put(path, _from_text(environ[name]), name)
    data_origin = "--data"
    if data is None and DATA_VARIABLE in environ:
        data, data_origin = Path(environ[DATA_VARIABLE]), DATA_VARIABLE
    environment = draft
    draft = _Draft(problems=environment.problems)
    if file is None and CONFIG_VARIABLE in environ:
        file = Path(environ[CONFIG_VARIABLE])
    if file is None:
        default = (data or Path(DEFAULT_DATA)) / "csms.toml"
        file = default if default.is_file() else None
    if file is not None:
        draft.put((), _read_toml(file), str(file))
    for name, origin in environment.origins.items():
        path = tuple(name.split("."))
        inner = _table(environment.values, path[:-1])
        assert inner is not None
        draft.put(path, inner[path[-1]], origin)
    if data is not None:
        draft.put(("data",), str(data), data_origin)
    for name, value in (overrides or {}).items():
        if value is not None:
            draft.put(tuple(name.split(".")), value, "command line")
    return _validated(draft)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{file}: is not TOML: {error}"]) from error


def _from_text(text: str) -> object:
    """Read a variable: lists and tables as TOML; anything else is text that pydantic converts."""
    if text[:1] in {"[", "{"}:
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text
    return text


def _validated(draft: _Draft) -> Config:
    problems = draft.problems
    config: Config | None = None
    try:
        config = Config.model_validate(draft.values)
    except ValidationError as error:
        problems += [_problem(details, draft) for details in error.errors(include_url=False)]
    if config is not None:
        problems += _across(config)
    if problems or config is None:
        raise ConfigError(problems)
    return config


def _problem(details: ErrorDetails, draft: _Draft) -> str:
    """Return one line for one problem: field, rule, value, origin."""
    path = tuple(str(part) for part in details["loc"])
    name = ".".join(path)
    names = [".".join(path[:n]) for n in range(len(path), 0, -1)]
    # A table has no origin of its own: that of anything in it will do.
    names += [known for known in draft.origins if known.startswith(f"{name}.")]
    origin = next((draft.origins[known] for known in names if known in draft.origins), "")
    said = f" [{origin}]" if origin else ""
    if details["type"] == "extra_forbidden":
        return f"{name}: no such setting{_suggestion(path)}{said}"
    said_value = "" if SECRETS & set(re.split(r"[._]", name)) else f" (got {details['input']!r})"
    rule = details["msg"].removeprefix("Value error, ")
    rule = rule[:1].lower() + rule[1:]
    return f"{name}: {rule}{said_value}{said}"


def _suggestion(path: tuple[str, ...]) -> str:
    """Return a hint for a misspelt key: first among its siblings, then by name."""
    parent, names = path[:-1], list(setting_names())
    depth = len(parent)
    split = [name.split(".") for name in names]
    siblings = {p[depth]: ".".join(p[: depth + 1]) for p in split if tuple(p[:depth]) == parent}
    for wanted, choices in (
        (path[-1], siblings),
        (".".join(path), {name: name for name in names}),
        (path[-1], {p[-1]: ".".join(p) for p in split}),
    ):
        near = difflib.get_close_matches(wanted, choices, n=1)
        if near:
            return f"; did you mean {choices[near[0]]}?"
    return ""


def setting_names(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every setting, in order."""
    for name, info in model.model_fields.items():
        inner = _model_of(info.annotation)
        if inner is None:
            yield prefix + name
        else:
            yield from setting_names(inner, f"{prefix}{name}.")


def _model_of(annotation: object) -> type[BaseModel] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _across(config: Config) -> list[str]:
    """Return the problems that no single field has."""
    problems = []
    longest = config.paths.run / LONGEST_SOCKET_NAME
    if len(os.fsencode(longest)) > SOCKET_PATH_BYTES_MAX:
        problems.append(
            f"run: {longest} is longer than the {SOCKET_PATH_BYTES_MAX} bytes of a unix socket; "
            "choose a shorter data directory or set `run` to a short folder"
        )
    listen, taken = config.listen, dict[tuple[str, int], str]()
    for name, host, port in (
        ("listen.port", listen.host, listen.port),
        ("listen.tls_port", listen.tls_host, listen.tls_port),
        ("listen.mtls_port", listen.mtls_host, listen.mtls_port),
        ("api.port", config.api.host, config.api.port),
    ):
        if not port:
            continue
        other = taken.setdefault((host, port), name)
        if other != name:
            problems.append(f"{name}: must differ from {other} on the same address (got {port})")
    if config.pki.authority == "est" and not config.pki.est_url.startswith("https://"):
        problems.append("pki.est_url: must be an https:// URL when pki.authority is est")
    if (config.pki.v2g_chain is None) != (config.pki.v2g_key is None):
        problems.append("pki.v2g_key: is needed with pki.v2g_chain, and the other way round")
    if config.pki.v2g_chain is not None and config.pki.authority == "none":
        problems.append("pki.v2g_chain: needs pki.authority local or est")
    return problems
