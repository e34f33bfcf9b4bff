"""Every route, from the table of rules, asked by who should get nothing of it.

A route that is missing in PROBES fails here: say what a request to it looks like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from actors.alerts.machine import decide
from csms.api.rules import RULES, Book, Reach, Rule
from domain.access import ROLES, Role
from domain.alerts import Rule as AlertRule
from domain.alerts import Sighting
from domain.events import (
    CommandFinished,
    Entry,
    Monitor,
    MonitoringTold,
    ReservationTold,
    TransactionStarted,
)
from storage.relational import alerts
from storage.relational.reservations import reservation_id
from storage.relational.tables import alert_channels, audit, idempotency_keys, metadata, sign_ins
from supervisor.clock import Clock
from tests.csms.api.node import Api, project, running_api

pytestmark = pytest.mark.timeout(180)
"""A hundred routes and more, in each role."""

US = 1_000_000
BASE_US = 1_767_225_600 * US
KEPT_BY_CALLERS = {alert_channels.name, audit.name, idempotency_keys.name, sign_ins.name}
"""Tables whose rows are about who asks."""


@dataclass
class Probe:
    """A request that works for the owner of `name`, with `{...}` in strings filled in."""

    body: Any = None
    query: str = ""
    word: str = ""
    """What the owner finds in the answer to a GET, and nobody else."""
    text: str = ""
    """A body that is no JSON."""
    otherwise: frozenset[int] = frozenset()
    """What the owner may be told instead of a success: what his charger says to it."""
    own: bool = False
    """It names nothing that there is: whoever asks makes something of his own."""


V1 = "/api/v1"
SITE = f"{V1}/sites/{{site}}"
MODEL = {
    "id": "{site}",
    "circuits": [{"id": "grid", "limit_a": 100}],
    "places": [{"id": "{charger}/1", "charger": "{charger}", "evse": 1, "circuit": "grid"}],
}
SECURITY = f"{V1}/chargers/{{charger}}/security"
AUDIT = f"{V1}/audit"
STREAMS = {f"{V1}/events"}
CHARGER_SAYS = frozenset({404, 409, 422})
EXCLUSION = {
    "charger": "{charger}",
    "from_us": 1,
    "to_us": 2,
    "reason": "maintenance",
}
CALL = {"action": "ClearChargingProfile", "payload": {}}
PROBES: Mapping[tuple[str, str], Probe] = {
    ("GET", f"{V1}/overview"): Probe(),
    ("GET", f"{V1}/overview/sites"): Probe(word="{site}"),
    ("GET", f"{V1}/chargers"): Probe(word="{charger}"),
    ("POST", f"{V1}/chargers"): Probe({"id": "{charger}-new", "site": "{site}"}),
    ("GET", f"{V1}/chargers/{{charger}}"): Probe(word="{charger}"),
    ("PATCH", f"{V1}/chargers/{{charger}}"): Probe({"strict": True}),
    ("POST", f"{V1}/chargers/{{charger}}/calls"): Probe(CALL, "?wait=1"),
    ("POST", f"{SECURITY}/key"): Probe(otherwise=CHARGER_SAYS),
    ("DELETE", f"{SECURITY}/key"): Probe(otherwise=CHARGER_SAYS),
    ("POST", f"{SECURITY}/profile"): Probe({"profile": 2}, otherwise=CHARGER_SAYS),
    ("POST", f"{SECURITY}/onboard"): Probe(otherwise=CHARGER_SAYS),
    ("GET", f"{V1}/chargers/{{charger}}/certificates"): Probe(otherwise=CHARGER_SAYS),
    ("POST", f"{V1}/chargers/{{charger}}/certificates"): Probe({}, otherwise=CHARGER_SAYS),
    ("DELETE", f"{V1}/chargers/{{charger}}/certificates/{{serial}}"): Probe(otherwise=CHARGER_SAYS),
    ("POST", f"{V1}/chargers/{{charger}}/firmware"): Probe({"file": "{file}"}, "?wait=1"),
    ("POST", f"{V1}/chargers/{{charger}}/logs"): Probe({}, "?wait=1"),
    ("GET", f"{V1}/chargers/{{charger}}/logs"): Probe(word="{charger}"),
    ("GET", f"{V1}/chargers/{{charger}}/logs/{{file}}"): Probe(otherwise=CHARGER_SAYS),
    ("GET", f"{V1}/files"): Probe(word="{file}"),
    ("POST", f"{V1}/files"): Probe(query="?name=fw.bin", text="image", own=True),
    ("GET", f"{V1}/chargers/{{charger}}/variables"): Probe(),
    ("PATCH", f"{V1}/chargers/{{charger}}/variables"): Probe(
        {"set": [{"variable": "HeartbeatInterval", "value": "60"}]}
    ),
    ("POST", f"{V1}/chargers/{{charger}}/variables/refresh"): Probe(),
    ("GET", f"{V1}/chargers/{{charger}}/local-list"): Probe(),
    ("PUT", f"{V1}/chargers/{{charger}}/local-list"): Probe({}, otherwise=CHARGER_SAYS),
    ("GET", f"{V1}/chargers/{{charger}}/drift"): Probe(word="{charger}"),
    ("POST", f"{V1}/chargers/{{charger}}/drift/apply"): Probe(),
    ("GET", f"{V1}/chargers/{{charger}}/drift/runs"): Probe(),
    ("GET", f"{V1}/drift"): Probe(word="{charger}"),
    ("GET", f"{V1}/chargers/{{charger}}/monitoring"): Probe(),
    ("GET", f"{V1}/monitors"): Probe(word="{charger}"),
    ("GET", f"{V1}/device-events"): Probe(query="?charger={charger}"),
    ("GET", f"{V1}/notices"): Probe(query="?charger={charger}"),
    ("GET", f"{V1}/tags"): Probe(),
    ("GET", f"{V1}/chargers/{{charger}}/tags"): Probe(),
    ("PUT", f"{V1}/chargers/{{charger}}/tags"): Probe({"tags": ["fast"]}),
    ("GET", f"{V1}/tenants"): Probe(),
    ("PUT", f"{V1}/tenants/{{tenant}}"): Probe({"name": "Somebody"}),
    ("GET", f"{V1}/tenants/{{tenant}}"): Probe(word="Somebody", otherwise=CHARGER_SAYS),
    ("GET", f"{V1}/templates"): Probe(word="{template}"),
    ("GET", f"{V1}/templates/{{template}}"): Probe(word="{template}"),
    ("PUT", f"{V1}/templates/{{template}}"): Probe({"wanted": []}),
    ("DELETE", f"{V1}/templates/{{template}}"): Probe(),
    ("GET", f"{V1}/events"): Probe(query="?charger={charger}"),
    ("GET", f"{V1}/keys"): Probe(word="{key}"),
    ("POST", f"{V1}/keys"): Probe({"role": "viewer", "sites": ["{site}"]}),
    ("GET", f"{V1}/keys/{{key}}"): Probe(word="{key}"),
    ("DELETE", f"{V1}/keys/{{key}}"): Probe(),
    ("GET", f"{V1}/audit"): Probe(word="{charger}"),
    ("GET", f"{V1}/session"): Probe(),
    ("DELETE", f"{V1}/session"): Probe(otherwise=frozenset({404})),
    ("PUT", f"{V1}/session/password"): Probe({}, otherwise=frozenset({404})),
    ("GET", f"{V1}/users"): Probe(word="{user}"),
    ("POST", f"{V1}/users"): Probe({"login": "new-{site}", "role": "viewer"}, own=True),
    ("GET", f"{V1}/users/{{user}}"): Probe(word="{user}"),
    ("PATCH", f"{V1}/users/{{user}}"): Probe({"name": "changed"}),
    ("POST", f"{V1}/users/{{user}}/link"): Probe(),
    ("DELETE", f"{V1}/users/{{user}}/sessions"): Probe(),
    ("DELETE", f"{V1}/users/{{user}}"): Probe(),
    ("GET", f"{V1}/alerts"): Probe(word="{alert}"),
    ("GET", f"{V1}/alerts/{{alert}}"): Probe(word="{alert}"),
    ("POST", f"{V1}/alerts/{{alert}}/acknowledge"): Probe(otherwise=CHARGER_SAYS),
    ("GET", f"{V1}/alert-rules"): Probe(word="{rule}"),
    ("POST", f"{V1}/alert-rules"): Probe({"kind": "offline", "site": "{site}"}),
    ("GET", f"{V1}/alert-rules/{{rule}}"): Probe(word="{rule}"),
    ("PUT", f"{V1}/alert-rules/{{rule}}"): Probe({"kind": "fault"}),
    ("GET", f"{V1}/alert-channels"): Probe(word="{channel}"),
    ("POST", f"{V1}/alert-channels"): Probe({"kind": "email", "target": "a@example.org"}),
    ("GET", f"{V1}/alert-channels/{{channel}}"): Probe(word="{channel}"),
    ("POST", f"{V1}/alert-channels/{{channel}}/test"): Probe(otherwise=CHARGER_SAYS),
    ("GET", f"{V1}/alert-silences"): Probe(word="{silence}"),
    ("POST", f"{V1}/alert-silences"): Probe({"until_us": 1 << 61, "charger": "{charger}"}),
    ("GET", f"{V1}/alert-silences/{{silence}}"): Probe(word="{silence}"),
    ("GET", f"{V1}/deliveries"): Probe(word="{delivery}"),
    ("POST", f"{V1}/deliveries/{{delivery}}/replay"): Probe(otherwise=CHARGER_SAYS),
    ("DELETE", f"{V1}/alert-rules/{{rule}}"): Probe(otherwise=CHARGER_SAYS),
    ("DELETE", f"{V1}/alert-channels/{{channel}}"): Probe(otherwise=CHARGER_SAYS),
    ("DELETE", f"{V1}/alert-silences/{{silence}}"): Probe(otherwise=CHARGER_SAYS),
    ("GET", f"{V1}/jobs"): Probe(word="{job}"),
    ("POST", f"{V1}/jobs"): Probe(
        {"action": "ClearCache", "payload": {}, "where": {"ids": ["{charger}"]}}
    ),
    ("GET", f"{V1}/jobs/{{job}}"): Probe(word="{job}"),
    ("GET", f"{V1}/jobs/{{job}}/chargers"): Probe(word="{charger}"),
    ("POST", f"{V1}/jobs/{{job}}/pause"): Probe(otherwise=CHARGER_SAYS),
    ("POST", f"{V1}/jobs/{{job}}/resume"): Probe(otherwise=CHARGER_SAYS),
    ("POST", f"{V1}/jobs/{{job}}/cancel"): Probe(otherwise=CHARGER_SAYS),
    ("GET", f"{V1}/chargers.csv"): Probe(word="{charger}"),
    ("POST", f"{V1}/chargers.csv"): Probe(text="id,site\n{charger},{site}\n"),
    ("GET", f"{V1}/inbox"): Probe(),
    ("PUT", f"{V1}/inbox/dismissal"): Probe(query="?charger={charger}"),
    ("DELETE", f"{V1}/inbox/dismissal"): Probe(query="?charger={charger}"),
    ("POST", f"{V1}/chargers/{{charger}}/reservations"): Probe(
        {"token": "{token}", "expires_us": Clock().now_us() + 3_600 * US}
    ),
    ("GET", f"{V1}/reservations"): Probe(word="{reservation}"),
    ("GET", f"{V1}/reservations/{{reservation}}"): Probe(word="{charger}"),
    ("DELETE", f"{V1}/reservations/{{reservation}}"): Probe(),
    ("GET", f"{V1}/commands"): Probe(word="{command}"),
    ("GET", f"{V1}/commands/{{command}}"): Probe(word="{command}"),
    ("GET", f"{V1}/transactions"): Probe(word="{charger}"),
    ("GET", f"{V1}/transactions/{{transaction}}"): Probe(word="{charger}"),
    ("GET", f"{V1}/messages"): Probe(query="?charger={charger}"),
    ("GET", f"{V1}/power"): Probe(query="?charger={charger}"),
    ("GET", f"{V1}/series"): Probe(query="?charger={charger}"),
    ("GET", f"{V1}/uptime"): Probe(),
    ("GET", f"{V1}/outage-exclusions"): Probe(word="{exclusion}"),
    ("POST", f"{V1}/outage-exclusions"): Probe(EXCLUSION),
    ("GET", f"{V1}/outage-exclusions/{{exclusion}}"): Probe(),
    ("DELETE", f"{V1}/outage-exclusions/{{exclusion}}"): Probe(),
    ("GET", f"{V1}/sites"): Probe(word="{site}"),
    ("GET", SITE): Probe(word="{site}"),
    ("PUT", SITE): Probe({"name": "changed"}),
    ("GET", f"{SITE}/model"): Probe(word="{charger}"),
    ("PUT", f"{SITE}/model"): Probe(MODEL),
    ("GET", f"{SITE}/capacity"): Probe(word="grid"),
    ("PUT", f"{SITE}/capacity/{{source}}"): Probe(
        [{"circuit": "grid", "source": "{source}", "limit_w": 20_000}]
    ),
    ("GET", f"{SITE}/signals"): Probe(),
    ("PUT", f"{SITE}/signals"): Probe([]),
    ("POST", f"{SITE}/loads"): Probe({"circuit": "grid", "current_a": [1, 1, 1]}),
    ("PUT", f"{SITE}/wishes/{{place:path}}"): Probe({"energy_wh": 1000}),
    ("GET", f"{SITE}/limits"): Probe(word="{site}"),
    ("DELETE", f"{SITE}/model"): Probe(),
    ("DELETE", f"{V1}/chargers/{{charger}}"): Probe(),
    ("DELETE", f"{V1}/files/{{file}}"): Probe(),
    ("GET", f"{V1}/tokens"): Probe(word="{token}"),
    ("GET", f"{V1}/tokens/{{token}}"): Probe(word="{token}"),
    ("PUT", f"{V1}/tokens/{{token}}"): Probe({"max_active": 7}),
    ("DELETE", f"{V1}/tokens/{{token}}"): Probe(),
    ("GET", f"{V1}/refusals"): Probe(),
    ("GET", "/metrics"): Probe(),
}
"""In an order in which the owner can ask for all of them."""
ASKED = [rule for rule in RULES if rule.reach != Reach.OPEN]


def test_every_route_is_asked() -> None:
    assert {(rule.method, rule.path) for rule in ASKED} == set(PROBES)


def test_every_rule_is_found_by_a_path_of_its_route() -> None:
    book = Book()
    for rule in RULES:
        path = filled(rule.path, dict.fromkeys(NAMES, "x"))
        assert book.match(rule.method, path)[0] == rule


NAMES = (
    "charger",
    "site",
    "token",
    "transaction",
    "command",
    "source",
    "place",
    "serial",
    "job",
    "template",
    "key",
    "file",
    "secret",
    "name",
    "alert",
    "rule",
    "channel",
    "silence",
    "delivery",
    "tenant",
    "exclusion",
    "user",
    "reservation",
)


async def things(api: Api, tenant: str, site: str) -> dict[str, str]:
    """One of each thing, of a tenant, at a site."""
    name = site.upper()
    key = f"{tenant}-things"
    if key not in api.keys:
        api.keys[key] = (await api.registry.api_keys.create(key, "admin", tenant=tenant))[1]
    names = {
        "charger": f"{name}-CP",
        "site": site,
        "token": f"{name}-TAG",
        "command": f"{name}-COMMAND",
        "source": "grid",
        "serial": "0A",
        "template": f"{name}-TEMPLATE",
        "place": f"{name}-CP/1",
        "tenant": tenant,
    }
    await make(api, key, names)
    wanted = PROBES["POST", f"{V1}/jobs"].body | {"paused": True}
    status, job = await api.ask("POST", f"{V1}/jobs", fill(wanted, names), key)
    assert status == 201, job
    status, made = await api.ask("POST", f"{V1}/keys", {"role": "viewer"}, key)
    assert status == 201, made
    status, file = await api.ask("POST", f"{V1}/files?name=fw.bin", None, key, data=b"image")
    assert status == 201, file
    made_ids = {"job": job["id"], "key": made["id"], "file": file["id"]}
    wanted = fill(EXCLUSION, names)
    status, excluded = await api.ask("POST", f"{V1}/outage-exclusions", wanted, key)
    assert status == 201, excluded
    made_ids["exclusion"] = excluded["id"]
    person = {"login": f"{name}-person", "role": "viewer"}
    status, user = await api.ask("POST", f"{V1}/users", person, key)
    assert status == 201, user
    made_ids["user"] = user["id"]
    made_ids["reservation"] = reservation_id(names["charger"], 5)
    made_ids |= await alerted(api, tenant, key, names)
    return names | made_ids | {"transaction": await told(api, names)}


async def alerted(api: Api, tenant: str, role: str, names: Mapping[str, str]) -> dict[str, str]:
    """A rule, a channel, a silence, an alert and a delivery of a tenant."""
    made = {}
    for name in ("rule", "channel", "silence"):
        path = f"{V1}/alert-{name}s"
        _, one = await api.ask("POST", path, fill(PROBES["POST", path].body, names), role)
        made[name] = one["id"]
    _, sent = await api.ask("POST", f"{V1}/alert-channels/{made['channel']}/test", role=role)
    rule = AlertRule(made["rule"], tenant)
    seen = [Sighting("part", 1)]
    changes = decide(rule, seen, {}, (), 2, lambda: f"alert of {made['rule']}")
    await alerts.apply(api.engine, rule, changes, 2)
    return made | {"delivery": sent["id"], "alert": changes[0].alert.id}


async def make(api: Api, role: str, names: Mapping[str, str]) -> None:
    """Write what may have been removed."""
    for method, path, body in (
        ("PUT", SITE, {"name": "before"}),
        ("POST", f"{V1}/chargers", {"id": "{charger}", "site": "{site}"}),
        ("PUT", f"{V1}/tokens/{{token}}", {}),
        ("PUT", f"{SITE}/model", MODEL),
        (
            "PUT",
            f"{V1}/templates/{{template}}",
            {"wanted": [{"variable": "HeartbeatInterval", "value": "61"}]},
        ),
        (
            "PUT",
            f"{SITE}/capacity/grid",
            [{"circuit": "grid", "source": "grid", "limit_w": 1000}],
        ),
    ):
        status, answer = await api.ask(method, filled(path, names), fill(body, names), role)
        assert status in {200, 201, 409}, answer
    api.peers.connect(names["charger"])


async def told(api: Api, names: Mapping[str, str]) -> str:
    """Let a charger report; return the id of its transaction."""
    charger = names["charger"]
    started = TransactionStarted(1, 1, names["token"], 1_000, BASE_US, "raw")
    ended = CommandFinished(names["command"], "Reset", "{}", "accepted")
    reserved = ReservationTold(5, "Accepted", token=names["token"])
    monitors = MonitoringTold((Monitor(7, "Connector", "Problem", "Delta", 1, 3),))
    events = (started, ended, reserved, monitors)
    await project(api, Entry(charger, 1, BASE_US, events), journal=charger)
    (row,) = (await api.get(f"{V1}/transactions?charger={charger}"))["items"]
    return str(row["id"])


def filled(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value).replace(f"{{{name}:path}}", value)
    return text


def fill(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return filled(value, names)
    if isinstance(value, list):
        return [fill(one, names) for one in value]
    if isinstance(value, dict):
        return {key: fill(one, names) for key, one in value.items()}
    return value


async def probe(api: Api, rule: Rule, names: Mapping[str, str], role: str) -> tuple[int, Any]:
    row = PROBES[rule.method, rule.path]
    path = filled(rule.path, names) + filled(row.query, names)
    if rule.path in STREAMS:
        headers = {"Authorization": f"Bearer {api.keys[role]}"}
        async with api.session.get(api.url + path, headers=headers) as response:
            return response.status, (await response.json()) if response.status >= 400 else ""
    if row.text:
        return await api.ask(rule.method, path, None, role, data=filled(row.text, names))
    return await api.ask(rule.method, path, fill(row.body, names), role)


async def everything(api: Api) -> dict[str, list[str]]:
    """All rows of the store that do not speak of who asks."""
    found = {}
    async with api.engine.connect() as connection:
        for table in metadata.sorted_tables:
            if table.name not in KEPT_BY_CALLERS:
                rows = await connection.execute(select(table))
                found[table.name] = sorted(str(tuple(row)) for row in rows)
    return found


async def gets_nothing(api: Api, role: str, names: Mapping[str, str]) -> None:
    """Ask every route about somebody else's things: nothing comes, nothing changes."""
    before = await everything(api)
    commands = len(api.peers.commands)
    for rule in ASKED:
        row = PROBES[rule.method, rule.path]
        if row.own:
            continue
        status, answer = await probe(api, rule, names, role)
        where = (rule.method, rule.path, status, answer)
        own = {201} if rule.path == f"{V1}/alert-channels" else set()
        assert status in {200, 403, 404, 422} | own, where
        assert status != 200 or rule.method == "GET", where
        if rule.path == AUDIT and status == 200:
            # What he asked for himself is in it, and nobody else's doing.
            assert {item["actor_name"] for item in answer["items"]} == {role}
            continue
        for name in ("charger", "token", "command", "transaction"):
            shown = str(answer).replace(filled(rule.path, names), "")
            assert status != 200 or names[name] not in shown, where
        if rule.reach in {Reach.SITES, Reach.TENANT} and "{" in rule.path:
            assert status in {403, 404}, where
        if row.word and status == 200:
            assert fill(row.word, names) not in str(answer), where
    assert await everything(api) == before
    assert len(api.peers.commands) == commands


async def test_the_owner_gets_everything() -> None:
    async with running_api() as api:
        names = await things(api, "blue", "blue-site")
        for method, path in PROBES:
            rule = next(rule for rule in RULES if (rule.method, rule.path) == (method, path))
            status, answer = await probe(api, rule, names, "blue-things")
            if rule.reach == Reach.INSTALLATION:
                assert status == 403, (method, path, answer)
                status, answer = await probe(api, rule, names, "admin")
            done = 200 <= status < 300 or status in PROBES[method, path].otherwise
            assert done, (method, path, status, answer)
            word = fill(PROBES[method, path].word, names)
            assert word in str(answer), (method, path, answer)


async def test_another_tenant_gets_nothing_and_changes_nothing() -> None:
    async with running_api() as api:
        names = await things(api, "blue", "blue-site")
        await things(api, "red", "red-site")
        await gets_nothing(api, "red-things", names)
        for query in api.peers.queries:
            assert "tenant = 'red'" in query, query


async def test_who_is_limited_to_a_site_gets_nothing_of_another_one() -> None:
    async with running_api() as api:
        await things(api, "blue", "blue-site")
        names = await things(api, "blue", "far-site")
        _, api.keys["near"] = await api.registry.api_keys.create(
            "near", "admin", tenant="blue", sites=["blue-site"]
        )
        await gets_nothing(api, "near", names)
        for query in api.peers.queries:
            assert "site IN ('blue-site')" in query, query
        assert (await api.get(f"{V1}/overview", role="near"))["chargers"] == 1
        own = {"charger": "BLUE-SITE-CP", "site": "blue-site"}
        assert (await api.get(filled(f"{V1}/chargers/{{charger}}", own), role="near"))["id"]
        moved = await api.ask(
            "PATCH", filled(f"{V1}/chargers/{{charger}}", own), {"site": "far-site"}, "near"
        )
        assert moved[0] == 404


async def test_a_role_gets_what_its_row_says_and_no_more() -> None:
    async with running_api() as api:
        for role in Role:
            _, api.keys[role] = await api.registry.api_keys.create(role, role)
        names = await things(api, "blue", "blue-site")
        for role in Role:
            for method, path in PROBES:
                rule = next(rule for rule in RULES if (rule.method, rule.path) == (method, path))
                allowed = rule.permission is None or rule.permission in ROLES[role]
                if allowed and rule.method != "GET":
                    continue  # It would work: that is another test's.
                status, answer = await probe(api, rule, names, role)
                if allowed:
                    fine = {200} | PROBES[method, path].otherwise
                    assert status in fine, (role, method, path, answer)
                else:
                    assert status == 403, (role, method, path, answer)
                    assert answer["type"] == "urn:csms:problem:role"


@pytest.mark.parametrize(
    ("action", "payload", "roles"),
    [
        ("Reset", {"type": "Soft"}, {"operator", "admin"}),
        ("ClearChargingProfile", {}, {"operator", "energy", "admin"}),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "00" * 20}, {"admin"}),
    ],
)
async def test_what_a_call_needs_depends_on_its_action(
    api: Api, action: str, payload: dict[str, Any], roles: set[str]
) -> None:
    await api.ask("POST", f"{V1}/chargers", {"id": "CP1"})
    api.peers.connect("CP1")
    for role in Role:
        _, api.keys[role] = await api.registry.api_keys.create(role, role)
        body = {"action": action, "payload": payload}
        status, _ = await api.ask("POST", f"{V1}/chargers/CP1/calls", body, role)
        assert status == (200 if role in roles else 403), role


async def test_nobody_takes_over_the_name_of_a_removed_charger(api: Api) -> None:
    await api.ask("POST", f"{V1}/chargers", {"id": "CP1"}, "other")
    assert (await api.ask("DELETE", f"{V1}/chargers/CP1", None, "other"))[0] == 204
    _, api.keys["third"] = await api.registry.api_keys.create("t", "admin", tenant="third")
    assert (await api.ask("POST", f"{V1}/chargers", {"id": "CP1"}, "third"))[0] == 409
    assert (await api.ask("POST", f"{V1}/chargers", {"id": "CP1"}, "other"))[0] == 201


async def test_a_tenant_has_no_chargers_at_the_sites_of_another_one(api: Api) -> None:
    await api.ask("PUT", f"{V1}/sites/mine", {})
    for method, path, body in (
        ("POST", f"{V1}/chargers", {"id": "CP1", "site": "mine"}),
        ("POST", f"{V1}/chargers", {"id": "CP1"}),
        ("PATCH", f"{V1}/chargers/CP1", {"site": "mine"}),
    ):
        status, answer = await api.ask(method, path, body, "other")
        assert (status == 422) == ("site" in body), answer
