"""`csms site apply` and `csms site show`: the model of a site from a file."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from actors.site.plan.signals import read_csv
from actors.site.tree import SiteModelWrong, compile_tree
from csms.cli.options import ConfigOption, DataOption
from csms.cli.show import facts
from csms.cli.store import with_registry
from domain.errors import ConfigError, InvalidInput, NotFound
from domain.records import SiteRecord
from domain.site import Site
from storage.relational.registry import Registry
from storage.relational.registry import Site as SiteRow


def apply_model(
    file: Annotated[Path, typer.Argument(help="A site's model, TOML or JSON; see docs/sites.md.")],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Share a site's power out by this model. The site is added when it is new."""
    model = read_model(file)

    async def put(registry: Registry) -> SiteRecord:
        try:
            row = await registry.get_site(model.id)
        except NotFound:
            row = await registry.create_site(SiteRow(model.id))
        text = msgspec.json.encode(model).decode()
        return await registry.site_models.put_model(model.id, row.tenant, text)

    with_registry(data, config, put, writes=True)
    facts(
        [
            ("site", model.id),
            ("circuits", str(len(model.circuits))),
            ("places", str(len(model.places))),
        ]
    )


def set_signals(
    site: Annotated[str, typer.Argument(metavar="ID")],
    file: Annotated[
        Path,
        typer.Argument(help="CSV: from, until (ISO 8601), price_per_kwh, co2_kg_per_kwh."),
    ],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Set what a site's energy costs over time, for the plan; replaces what was set before."""
    try:
        with file.open(newline="") as lines:
            signals = read_csv(lines)
    except OSError as error:
        raise ConfigError([f"{file}: {error.strerror}"]) from error
    except InvalidInput as error:
        raise ConfigError([f"{file}: {error}"]) from error
    text = msgspec.json.encode(signals).decode()

    async def put(registry: Registry) -> SiteRecord:
        record = await registry.site_models.get(site)
        return await registry.site_models.put_signals(site, record.tenant, text)

    with_registry(data, config, put, writes=True)
    facts([("site", site), ("signals", str(len(signals)))])


def show_model(
    site: Annotated[str, typer.Argument(metavar="ID")],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Print a site's model as JSON."""
    record = with_registry(data, config, lambda registry: registry.site_models.get(site))
    typer.echo(msgspec.json.format(record.model, indent=2))


def read_model(file: Path) -> Site:
    """Return the model in a file.

    Raises:
        ConfigError: it cannot be read, or is wrong: one line a problem, naming the node.
    """
    try:
        content = file.read_bytes()
        if file.suffix == ".toml":
            model = msgspec.convert(tomllib.loads(content.decode()), Site)
        else:
            model = msgspec.json.decode(content, type=Site)
        compile_tree(model)
    except OSError as error:
        raise ConfigError([f"{file}: {error.strerror}"]) from error
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        raise ConfigError([f"{file}: {error}"]) from error
    except SiteModelWrong as error:
        raise ConfigError([f"{file}: {one.where}: {one.what}" for one in error.problems]) from error
    return model
