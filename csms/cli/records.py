"""`csms charger`, `csms token`, `csms site` and `csms key`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from csms.charger_csv import write
from csms.charger_import import ImportLimits, export_records, import_file
from csms.cli.errors import warn
from csms.cli.options import ConfigOption, DataOption
from csms.cli.show import facts, instant, table
from csms.cli.store import with_registry
from csms.cli.trail import Did
from csms.config import load_config
from csms.simulator.driver import charger_url
from domain.access import Role
from domain.errors import ConfigError
from domain.ids import DEFAULT_TENANT
from domain.records import ChargerRecord, TokenRecord
from domain.security_upgrade import ask_profile
from storage.relational import credentials
from storage.relational.api_keys import ApiKey
from storage.relational.registry import PAGE_MAX, Registry, Site
from supervisor.clock import Clock

charger = typer.Typer(
    help="Chargers: add, list, remove, change the password.", no_args_is_help=True
)
token = typer.Typer(help="Tokens of drivers: add, list, remove.", no_args_is_help=True)
site = typer.Typer(help="Sites: add and list.", no_args_is_help=True)
key = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)

ID = Annotated[str, typer.Argument(metavar="ID", help="Identity, as in the charger's URL.")]
US_PER_DAY = 86_400_000_000
TAG = Annotated[str, typer.Argument(metavar="TAG", help="The token (idTag), any case.")]
After = Annotated[str, typer.Option(help="Begin after this one.")]


@charger.command("add")
def add_charger(
    identity: ID,
    data: DataOption = None,
    config: ConfigOption = None,
    password: Annotated[
        str | None,
        typer.Option("--password", help="Up to 64 bytes. [default: one is made and printed]"),
    ] = None,
    site_id: Annotated[str, typer.Option("--site", help="The site where it stands.")] = "",
    profile: Annotated[
        int, typer.Option("--security-profile", min=0, max=3, help="0: none, 1: Basic, 2, 3: TLS.")
    ] = 1,
    serial_number: Annotated[
        str, typer.Option("--serial-number", help="May be the CN of its certificate (profile 3).")
    ] = "",
    networks: Annotated[
        list[str] | None,
        typer.Option("--network", help="CIDR that it may connect from; may be said again."),
    ] = None,
    *,
    strict: Annotated[
        bool, typer.Option(help="Answer schema violations with CALLERROR instead of a flag.")
    ] = False,
) -> None:
    """Add a charger, and print its URL and its password (this one time)."""
    generated = password is None and profile in {1, 2}
    if generated:
        password = credentials.generate_key()
    credential = None
    if password is not None:
        keep = credentials.keep_generated if generated else credentials.keep_chosen
        credential = keep(password)
        if len(password.encode()) < credentials.PASSWORD_BYTES_SAFE:
            warn(f"the password is short: {credentials.PASSWORD_BYTES_SAFE} bytes or more are safe")
    record = ChargerRecord(
        identity,
        site=site_id,
        security_profile=profile,
        credential=credential,
        networks=tuple(networks or ()),
        strict=strict,
        serial_number=serial_number,
    )
    with_registry(
        data,
        config,
        lambda registry: registry.create_charger(record),
        writes=Did("charger add", identity, {"site": site_id, "security_profile": profile}),
    )
    shown = password if generated else ""
    facts([("charger", identity), *_access(data, config, identity, shown, profile)])


@charger.command("secure")
def secure_charger(
    identity: ID,
    profile: Annotated[
        int, typer.Option("--security-profile", min=1, max=3, help="Higher than the one it has.")
    ],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Let a charger come with a higher security profile; from then on nothing lower is taken."""
    record = with_registry(
        data,
        config,
        lambda registry: registry.raise_security(
            identity, lambda before: ask_profile(before, profile)
        ),
        writes=Did("charger secure", identity, {"security_profile": profile}),
    )
    facts(
        [
            ("charger", identity),
            ("profile", record.security_profile),
            ("pending", record.pending_profile),
            *_access(data, config, identity, None, profile),
        ]
    )


def _access(
    data: DataOption, config: ConfigOption, identity: str, password: str | None, profile: int
) -> list[tuple[str, object]]:
    listen = load_config(file=config, data=data).listen
    scheme, host, port = {
        2: ("wss", listen.tls_host, listen.tls_port),
        3: ("wss", listen.mtls_host, listen.mtls_port),
    }.get(profile, ("ws", listen.host, listen.port))
    if port is None:
        warn(f"there is no listener for security profile {profile}: see csms serve --help")
    url = charger_url(f"{scheme}://{host}:{port or 443}/ocpp", identity)
    rows: list[tuple[str, object]] = [("url", url)]
    return [*rows, ("password", password)] if password else rows


@charger.command("list")
def list_chargers(
    data: DataOption = None,
    config: ConfigOption = None,
    site_id: Annotated[str, typer.Option("--site", help="Only of this site.")] = "",
    after: After = "",
) -> None:
    """List chargers, a thousand at a time."""
    records = with_registry(
        data,
        config,
        lambda registry: registry.list_chargers(site=site_id, after=after, limit=PAGE_MAX),
    )
    table(
        ("id", "site", "profile", "password", "registration", "strict"),
        (
            (
                r.id,
                r.site,
                r.security_profile,
                "set" if r.credential else "none",
                r.registration,
                "yes" if r.strict else "no",
            )
            for r in records
        ),
    )


@charger.command("password")
def change_password(
    identity: ID,
    data: DataOption = None,
    config: ConfigOption = None,
    password: Annotated[
        str | None, typer.Option("--password", help="[default: one is made and printed]")
    ] = None,
) -> None:
    """Set another password; the one before is refused from now on."""
    made = with_registry(
        data,
        config,
        lambda registry: registry.set_password(identity, password),
        writes=Did("charger password", identity),
    )
    facts([("charger", identity), *([("password", made)] if password is None else [])])


@charger.command("export")
def export_chargers(
    data: DataOption = None,
    config: ConfigOption = None,
    site_id: Annotated[str, typer.Option("--site", help="Only of this site.")] = "",
) -> None:
    """Write all chargers as CSV to the standard output, without passwords."""
    records = with_registry(data, config, lambda registry: export_records(registry, "", site_id))
    listen = load_config(file=config, data=data).listen
    base = f"ws://{listen.host}:{listen.port}/ocpp"
    sys.stdout.write(write((record, charger_url(base, record.id)) for record in records))


@charger.command("import")
def import_chargers(
    file: Annotated[Path, typer.Argument(help="CSV; the first line names the columns.")],
    data: DataOption = None,
    config: ConfigOption = None,
    *,
    dry_run: Annotated[bool, typer.Option(help="Only say what would happen.")] = False,
    passwords: Annotated[
        bool, typer.Option("--make-passwords", help="For new chargers that have none; printed.")
    ] = False,
) -> None:
    """Add and change the chargers of a CSV file: all of them, or none when a line is wrong."""
    settings = load_config(file=config, data=data).api
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{file}: {error}"]) from error
    done = with_registry(
        data,
        config,
        lambda registry: import_file(
            registry,
            text,
            DEFAULT_TENANT,
            ImportLimits(settings.import_rows_max, settings.import_passwords_max),
            is_dry=dry_run,
            makes_passwords=passwords,
        ),
        writes=None if dry_run else Did("charger import", file.name),
    )
    if done.wrong:
        places = ((f"{file}:{line}", field, rule) for line, field, rule in done.wrong)
        raise ConfigError([": ".join(filter(None, place)) for place in places])
    facts([("added", done.added), ("changed", done.changed), ("unchanged", done.unchanged)])
    if done.made:
        table(("charger", "password"), done.made.items())


@charger.command("remove")
def remove_charger(identity: ID, data: DataOption = None, config: ConfigOption = None) -> None:
    """Remove a charger; what it reported is kept."""
    with_registry(
        data,
        config,
        lambda registry: registry.delete_charger(identity),
        writes=Did("charger remove", identity),
    )


@token.command("add")
def add_token(
    tag: TAG,
    data: DataOption = None,
    config: ConfigOption = None,
    max_active: Annotated[
        int, typer.Option("--max-active", min=0, help="Concurrent transactions; 0: no limit.")
    ] = 1,
    *,
    blocked: Annotated[bool, typer.Option("--blocked", help="Known, but refused.")] = False,
) -> None:
    """Add or replace a token."""
    record = TokenRecord(tag, max_active=max_active, status="Blocked" if blocked else "Accepted")
    with_registry(
        data,
        config,
        lambda registry: registry.upsert_token(record),
        writes=Did("token add", tag, {"status": record.status}),
    )
    facts([("token", tag)])


@token.command("list")
def list_tokens(data: DataOption = None, config: ConfigOption = None, after: After = "") -> None:
    """List tokens, a thousand at a time."""
    records = with_registry(
        data, config, lambda registry: registry.list_tokens(after=after, limit=PAGE_MAX)
    )
    table(
        ("token", "status", "max active", "expires", "parent"),
        ((r.id, r.status, r.max_active, instant(r.expires_us), r.parent) for r in records),
    )


@token.command("remove")
def remove_token(tag: TAG, data: DataOption = None, config: ConfigOption = None) -> None:
    """Remove a token: it is unknown from now on."""
    with_registry(
        data, config, lambda registry: registry.delete_token(tag), writes=Did("token remove", tag)
    )


@site.command("add")
def add_site(
    identity: Annotated[str, typer.Argument(metavar="ID")],
    data: DataOption = None,
    config: ConfigOption = None,
    name: str = "",
    power_w_max: Annotated[int, typer.Option(min=0, help="Watts for all; 0: no limit.")] = 0,
    latitude: Annotated[
        float | None, typer.Option(min=-90, max=90, help="Degrees north, WGS 84, for the map.")
    ] = None,
    longitude: Annotated[
        float | None, typer.Option(min=-180, max=180, help="Degrees east, with the latitude.")
    ] = None,
) -> None:
    """Add a site."""
    record = Site(
        identity, name=name, power_w_max=power_w_max, latitude=latitude, longitude=longitude
    )
    with_registry(
        data,
        config,
        lambda registry: registry.create_site(record),
        writes=Did("site add", identity),
    )
    facts([("site", identity)])


@site.command("list")
def list_sites(data: DataOption = None, config: ConfigOption = None, after: After = "") -> None:
    """List sites, a thousand at a time."""
    records = with_registry(
        data, config, lambda registry: registry.list_sites(after=after, limit=PAGE_MAX)
    )
    table(("id", "name", "power W"), ((r.id, r.name, r.power_w_max or "") for r in records))


@key.command("create")
def create_key(
    role: Annotated[str, typer.Option(help=f"One of {', '.join(Role)}.")],
    data: DataOption = None,
    config: ConfigOption = None,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    tenant: Annotated[str, typer.Option(help="Whose; `default` sees all.")] = DEFAULT_TENANT,
    sites: Annotated[
        list[str] | None,
        typer.Option("--site", help="Limited to this site; may be said again."),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", min=0, max=36_500, help="Valid for so long; 0: for ever.")
    ] = 0,
) -> None:
    """Create an API key and print it, alone: it is never shown again."""
    expires_us = Clock().now_us() + days * US_PER_DAY if days else 0

    async def create(registry: Registry) -> tuple[ApiKey, str]:
        return await registry.api_keys.create(
            name,
            role,
            tenant=tenant,
            sites=sites or (),
            expires_us=expires_us,
            created_by="command line",
        )

    did = Did("key create", name, {"role": role, "tenant": tenant, "sites": sites or []})
    _, secret = with_registry(data, config, create, writes=did)
    typer.echo(secret)
    if Console(stderr=True).is_terminal and Console().is_terminal:
        typer.echo("Send it as: Authorization: Bearer <key>", err=True)


@key.command("list")
def list_keys(data: DataOption = None, config: ConfigOption = None) -> None:
    """List keys; never their secrets."""
    keys = with_registry(data, config, lambda registry: registry.api_keys.list_all())
    table(
        ("id", "name", "role", "tenant", "sites", "created", "expires", "revoked"),
        (
            (
                k.id,
                k.name,
                k.role,
                k.tenant,
                ", ".join(k.sites),
                instant(k.created_us),
                instant(k.expires_us),
                instant(k.revoked_us),
            )
            for k in keys
        ),
    )


@key.command("revoke")
def revoke_key(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Id, as listed.")],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Revoke a key."""
    with_registry(
        data,
        config,
        lambda registry: registry.api_keys.revoke(identity),
        writes=Did("key revoke", identity),
    )
