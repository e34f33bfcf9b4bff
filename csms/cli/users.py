"""`csms user`: who may sign in to the pages."""

import sys
from typing import Annotated

import typer

from csms.cli.options import ConfigOption, DataOption
from csms.cli.show import facts, instant, table
from csms.cli.store import with_registry
from csms.cli.trail import Did
from csms.config import Config, load_config
from csms.first_run import LINK
from domain.access import Role
from domain.errors import NotFound
from domain.ids import DEFAULT_TENANT
from storage.relational import passwords
from storage.relational.registry import PAGE_MAX, Registry
from storage.relational.sign_ins import Purpose
from storage.relational.users import NewUser, User

user = typer.Typer(
    help="Users: add, list, change the password, disable, remove, make a link.",
    no_args_is_help=True,
)

LOGIN = Annotated[str, typer.Argument(metavar="NAME", help="With which they sign in.")]
PasswordOption = Annotated[
    bool,
    typer.Option("--password", help="Ask for a password, or read it from standard input."),
]


def link_url(config: Config, secret: str) -> str:
    """Return a one-time link as an address of this node."""
    host = f"[{config.api.host}]" if ":" in config.api.host else config.api.host
    return f"http://{host}:{config.api.port}{LINK}{secret}"


@user.command("add")
def add_user(
    login: LOGIN,
    role: Annotated[str, typer.Option(help=f"One of {', '.join(Role)}.")],
    data: DataOption = None,
    config: ConfigOption = None,
    name: Annotated[str, typer.Option(help="Shown in pages and in the audit log.")] = "",
    tenant: Annotated[str, typer.Option(help="Whose; `default` sees all.")] = DEFAULT_TENANT,
    sites: Annotated[
        list[str] | None,
        typer.Option("--site", help="Limited to this site; may be said again."),
    ] = None,
    *,
    password: PasswordOption = False,
) -> None:
    """Add a user, and print a link with which they choose a password, once."""
    settings = load_config(file=config, data=data)
    kept = _kept(settings, login, name) if password else ""
    new = NewUser(login, role, name, tenant, tuple(sites or ()), kept)

    async def add(registry: Registry) -> str:
        made = await registry.users.create(new)
        return "" if kept else await _link(registry, settings, made)

    did = Did("user add", login, {"role": role, "tenant": tenant, "sites": sites or []})
    link = with_registry(data, config, add, writes=did)
    facts([("user", login), *([("link", link)] if link else [])])


@user.command("list")
def list_users(
    data: DataOption = None,
    config: ConfigOption = None,
    after: Annotated[str, typer.Option(help="Begin after this id.")] = "",
) -> None:
    """List users, a thousand at a time."""
    found = with_registry(
        data, config, lambda registry: registry.users.page(None, after=after, limit=PAGE_MAX)
    )
    table(
        ("id", "login", "name", "role", "tenant", "sites", "password", "disabled", "signed in"),
        (
            (
                one.id,
                one.login,
                one.name,
                one.role,
                one.tenant,
                ", ".join(one.sites),
                "set" if one.has_password else "none",
                "yes" if one.disabled else "no",
                instant(one.signed_in_us),
            )
            for one in found
        ),
    )


@user.command("password")
def set_password(login: LOGIN, data: DataOption = None, config: ConfigOption = None) -> None:
    """Set a password, asked for or read from standard input; all sessions of the user end."""
    kept = _kept(load_config(file=config, data=data), login)

    async def change(registry: Registry) -> User:
        found = await _found(registry, login)
        return await registry.users.set_password(found.id, kept)

    with_registry(data, config, change, writes=Did("user password", login))


@user.command("link")
def make_link(login: LOGIN, data: DataOption = None, config: ConfigOption = None) -> None:
    """Print a link with which a user sets a new password and signs in, once."""
    settings = load_config(file=config, data=data)

    async def make(registry: Registry) -> str:
        return await _link(registry, settings, await _found(registry, login))

    typer.echo(with_registry(data, config, make, writes=Did("user link", login)))


@user.command("disable")
def disable(login: LOGIN, data: DataOption = None, config: ConfigOption = None) -> None:
    """Let a user in no more; all sessions end."""
    _set_disabled(data, config, login, disabled=True)


@user.command("enable")
def enable(login: LOGIN, data: DataOption = None, config: ConfigOption = None) -> None:
    """Let a disabled user in again."""
    _set_disabled(data, config, login, disabled=False)


def _set_disabled(data: DataOption, config: ConfigOption, login: str, *, disabled: bool) -> None:
    async def change(registry: Registry) -> User:
        found = await _found(registry, login)
        return await registry.users.change(found.id, {"disabled": disabled})

    verb = "disable" if disabled else "enable"
    with_registry(data, config, change, writes=Did(f"user {verb}", login))


@user.command("remove")
def remove(login: LOGIN, data: DataOption = None, config: ConfigOption = None) -> None:
    """Remove a user; the name is free again."""

    async def change(registry: Registry) -> None:
        await registry.users.delete((await _found(registry, login)).id)

    with_registry(data, config, change, writes=Did("user remove", login))


async def _found(registry: Registry, login: str) -> User:
    found = await registry.users.by_login(login)
    if found is None:
        raise NotFound("user", login)
    return found[0]


async def _link(registry: Registry, settings: Config, found: User) -> str:
    seconds = settings.sign_in.link_s
    secret = await registry.links.make(
        Purpose.password, seconds, user=found, created_by="command line"
    )
    return link_url(settings, secret)


def _kept(settings: Config, *others: str) -> str:
    """Return what is kept of a password that is asked for; piped, it is the first line."""
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    passwords.check_password(password, settings.sign_in.password_chars_min, *others)
    return passwords.keep(password)
