"""The demo: a node with everything embedded, and simulated chargers on three sites.

The data directory is an ordinary one: `csms serve --data` on it works, and so do `csms sql` and the
REST interface while the demo runs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from csms.config import Config
from csms.first_run import LINK
from csms.prepare import prepare_data
from csms.simulator.driver import Member
from csms.simulator.identity import Identity
from csms.simulator.process import SimulatorProcess
from domain.ids import DEFAULT_TENANT
from domain.records import ChargerRecord, TokenRecord
from domain.site import Circuit, CircuitKind, EvsePlace, Site
from storage.relational import credentials
from storage.relational.engine import open_engine
from storage.relational.registry import Registry
from storage.relational.registry import Site as SiteRow
from storage.relational.sign_ins import Purpose
from storage.relational.users import NewUser
from supervisor.child import Child
from supervisor.clock import Clock

SITES = (
    SiteRow(
        "harbour",
        name="Harbour car park",
        address="Am Sandtorkai 1, Hamburg",
        time_zone="Europe/Berlin",
        power_w_max=120_000,
        latitude=53.5436,
        longitude=9.9886,
    ),
    SiteRow(
        "station",
        name="Central station",
        address="Europaplatz 1, Berlin",
        time_zone="Europe/Berlin",
        power_w_max=90_000,
        latitude=52.5251,
        longitude=13.3694,
    ),
    SiteRow(
        "depot",
        name="Bus depot",
        address="Zürichstrasse 1, Zürich",
        time_zone="Europe/Zurich",
        power_w_max=250_000,
        latitude=47.3769,
        longitude=8.5417,
    ),
)
MODELS = (("Csms", "Wallbox 22"), ("Csms", "Duo 22"), ("Csms", "Column 22"))
ROWS = ("row-a", "row-b")
EVSE_A, VOLTS = 32.0, 230.0
MINIMUM_W = 22_080.0
SHARE_PCT = 40
TOKENS = 30
ADMIN = "demo"
SEED = 2026
PACE = {"arrival_s_mean": 25.0, "session_s_mean": 120.0, "meter_interval_s": 5.0}
"""Faster than life, so that there is something to see at once."""


@dataclass(frozen=True)
class Demo:
    """What a demo needs besides the node."""

    key: str
    """An admin key."""
    link: str
    """Path of a link that signs in, once."""
    child: Child
    """The process with the simulated chargers."""
    chargers: tuple[str, ...]


async def prepare_demo(config: Config, count: int) -> Demo:
    """Fill the data directory with sites, tokens and `count` chargers with new passwords.

    Raises:
        ConfigError: the data directory cannot be used.
    """
    await prepare_data(config)
    engine = open_engine(config.database_url, config.relational)
    try:
        registry = Registry(engine, Clock().now_us)
        known = {site.id for site in await registry.list_sites()}
        for one in SITES:
            if one.id not in known:
                await registry.create_site(one)
        passwords = {}
        records = []
        for number in range(count):
            site = SITES[number % len(SITES)].id
            identity = f"{site.upper()}-{number // len(SITES) + 1:02d}"
            passwords[identity] = credentials.generate_key()
            kept = credentials.keep_generated(passwords[identity])
            records.append(ChargerRecord(identity, site=site, credential=kept))
        await registry.import_chargers(records)
        for one in SITES:
            here = [record.id for record in records if record.site == one.id]
            model = site_model(one.id, one.power_w_max, here, config.simulator.connectors)
            text = msgspec.json.encode(model).decode()
            await registry.site_models.put_model(one.id, DEFAULT_TENANT, text)
        tokens = tuple(f"DEMO{number:04d}" for number in range(TOKENS))
        await registry.import_tokens([TokenRecord(token, max_active=0) for token in tokens])
        _, key = await registry.api_keys.create("demo", "admin")
        link = await _link(registry, config.sign_in.link_s)
    finally:
        await engine.dispose()
    members = tuple(
        Member(_identity(number, identity), password)
        for number, (identity, password) in enumerate(passwords.items())
    )
    pace = config.simulator.model_copy(update=PACE)
    settings = SimulatorProcess(members, tokens, pace, SEED)
    child = Child("simulator", "csms.simulator.process:run", stage=-1, settings=settings)
    return Demo(key, link, child, tuple(passwords))


async def _link(registry: Registry, seconds: float) -> str:
    """Return a link that signs the admin of the demo in."""
    found = await registry.users.by_login(ADMIN)
    admin = found[0] if found else await registry.users.create(NewUser(ADMIN, "admin"))
    secret = await registry.links.make(Purpose.sign_in, seconds, user=admin, created_by="demo")
    return LINK + secret


def site_model(site: str, power_w: float, chargers: Sequence[str], connectors: int) -> Site:
    """Return how a site's chargers hang in it: a contract, two rows with fuses, rotated phases.

    The contract allows SHARE_PCT of what all together could take, so that there is something to
    share out; never more than `power_w`.
    """
    rated_w = len(chargers) * connectors * EVSE_A * 3 * VOLTS
    limit_w = max(MINIMUM_W, min(power_w, rated_w * SHARE_PCT / 100))
    row_a = max(EVSE_A, math.ceil(limit_w / 3 / VOLTS * 0.7))
    rows = tuple(Circuit(row, "grid", limit_a=float(row_a)) for row in ROWS)
    places = tuple(
        EvsePlace(
            f"{charger}/{evse}",
            charger,
            evse,
            ROWS[number % len(ROWS)],
            rotation=("RST", "STR", "TRS")[number % 3],
            fallback_a=0.0,
        )
        for number, charger in enumerate(chargers)
        for evse in range(1, connectors + 1)
    )
    contract = Circuit("grid", limit_w=limit_w, kind=CircuitKind.CONTRACT)
    return Site(site, (contract, *rows), places)


def _identity(number: int, identity: str) -> Identity:
    vendor, model = MODELS[number % len(MODELS)]
    return Identity(identity, vendor, model, serial=f"SN{number:06d}", firmware="1.4.2")
