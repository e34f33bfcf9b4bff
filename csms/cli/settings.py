"""`csms config` and `csms db`."""

import asyncio

import typer
from sqlalchemy.engine import make_url

from csms.cli.options import ConfigOption, DataOption
from csms.config import Config, load_config
from csms.prepare import make_folders
from csms.toml_text import to_toml
from storage.relational.migrations import upgrade

config_app = typer.Typer(help="The configuration.", no_args_is_help=True)
db = typer.Typer(help="The relational store.", no_args_is_help=True)


@config_app.command("show")
def show_config(data: DataOption = None, config: ConfigOption = None) -> None:
    """Print the effective configuration as TOML; passwords in URLs are starred."""
    typer.echo(to_toml(without_passwords(load_config(file=config, data=data))), nl=False)


def without_passwords(config: Config) -> Config:
    """Return `config` with the passwords in URLs replaced by stars."""
    relational, warehouse = config.relational, config.warehouse
    if relational.url:
        url = make_url(relational.url).render_as_string(hide_password=True)
        relational = relational.model_copy(update={"url": url})
    if "@" in warehouse.dsn:
        dsn = make_url(warehouse.dsn).render_as_string(hide_password=True)
        warehouse = warehouse.model_copy(update={"dsn": dsn})
    return config.model_copy(update={"relational": relational, "warehouse": warehouse})


@db.command("upgrade")
def upgrade_db(data: DataOption = None, config: ConfigOption = None) -> None:
    """Bring the relational store to this version's tables."""
    settings = load_config(file=config, data=data)
    make_folders(settings)
    typer.echo(asyncio.run(upgrade(settings.database_url)))
