"""`csms site apply`, `show`, `capacity` and `signals`: what a site is shared out by, from files."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from actors.site.plan.signals import read_csv
from actors.site.schedules import schedule_problems, with_source
from actors.site.tree import SiteModelWrong, compile_tree
from csms.cli.options import ConfigOption, DataOption
from csms.cli.records import site
from csms.cli.show import facts
from csms.cli.store import with_registry
from csms.cli.trail import Did
from domain.errors import ConfigError, InvalidInput, NotFound
from domain.records import SiteRecord
from domain.site import CapacityLimit, Site
from storage.relational.registry import Registry
from storage.relational.registry import Site as SiteRow


@site.command("apply")
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

    with_registry(data, config, put, writes=Did("site apply", model.id))
    facts(
        [
            ("site", model.id),
            ("circuits", str(len(model.circuits))),
            ("places", str(len(model.places))),
        ]
    )


@site.command("capacity")
def set_capacity(
    site: Annotated[str, typer.Argument(metavar="ID")],
    source: Annotated[str, typer.Argument(help="Who says so: contract, operator, grid, ...")],
    file: Annotated[
        Path,
        typer.Argument(help="JSON: a list of circuit, limit_a or limit_w, from_us, until_us ..."),
    ],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Set what one source allows, and when; replaces what it has said before. []: nothing."""
    try:
        rows = msgspec.json.decode(file.read_bytes(), type=list[dict[str, object]])
        entries = msgspec.convert([{"source": source} | row for row in rows], list[CapacityLimit])
    except OSError as error:
        raise ConfigError([f"{file}: {error.strerror}"]) from error
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ConfigError([f"{file}: {error}"]) from error

    async def put(registry: Registry) -> SiteRecord:
        record = await registry.site_models.get(site)
        model = msgspec.json.decode(record.model, type=Site)
        wrong = [
            f"{file}: {one.where}: {one.what}" for one in schedule_problems(entries, source, model)
        ]
        if wrong:
            raise ConfigError(wrong)
        before = msgspec.json.decode(record.schedule, type=list[CapacityLimit])
        text = msgspec.json.encode(with_source(before, source, entries)).decode()
        return await registry.site_models.put_schedule(site, record.tenant, text)

    with_registry(data, config, put, writes=Did("site capacity", site, {"source": source}))
    facts([("site", site), ("source", source), ("entries", str(len(entries)))])


@site.command("signals")
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

    with_registry(data, config, put, writes=Did("site signals", site))
    facts([("site", site), ("signals", str(len(signals)))])


@site.command("show")
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
