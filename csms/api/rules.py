"""Which permission each route needs, and how far it reaches: one table.

A new route needs a row here: without one the application does not start. Which rows of a list or
which thing somebody gets is the handler's to check, as `Reach` says, with `csms.api.tenancy`.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from re import Pattern
from typing import Any, Final

from starlette.routing import BaseRoute, Route, compile_path

from domain.access import Permission

P = Permission


class Reach(StrEnum):
    """Whose things a route is about."""

    SITES = "sites"
    """Things of sites: the handler leaves out what is of another tenant or of another site."""
    TENANT = "tenant"
    """Things of a whole tenant: refused to who is limited to some sites; the handler leaves out
    what is of another tenant."""
    INSTALLATION = "installation"
    """Everybody's things: only for who sees all tenants and all sites."""
    OWN = "own"
    """Things of the caller alone."""
    OPEN = "open"
    """Nothing that a stranger may not know, or the way to sign in."""


@dataclass(frozen=True)
class Rule:
    """What a request to one route needs."""

    method: str
    path: str
    """As the router has it, with names in braces."""
    permission: P | None
    """None: signed in is enough (OWN), or not even that (OPEN)."""
    reach: Reach


def _rules(reach: Reach, *rows: tuple[str, str, P | None]) -> tuple[Rule, ...]:
    return tuple(Rule(method, path, permission, reach) for method, path, permission in rows)


V1 = "/api/v1"
CHARGER = f"{V1}/chargers/{{charger}}"
CALLS = f"{CHARGER}/calls"
COMMANDS = f"{V1}/commands"
SITE = f"{V1}/sites/{{site}}"
SESSION = f"{V1}/session"
USER = f"{V1}/users/{{user}}"
TRANSFERS: Final = "/files/"
"""What begins like this is between us and one charger."""
TRANSFER = f"{TRANSFERS}{{secret}}/{{name:path}}"

RULES: Final[Sequence[Rule]] = (
    *_rules(
        Reach.OPEN,
        ("GET", "/health", None),
        ("GET", "/ready", None),
        ("GET", f"{V1}/health", None),
        ("GET", f"{V1}/ready", None),
        ("GET", "/api/openapi.json", None),
        ("GET", "/api/docs", None),
        # Who knows the secret in the address is the charger that was told it.
        ("GET", TRANSFER, None),
        ("PUT", TRANSFER, None),
        ("POST", TRANSFER, None),
        # The proof of who it is, is in the body.
        ("POST", SESSION, None),
        ("POST", f"{SESSION}/link", None),
        ("POST", f"{SESSION}/link/look", None),
        ("POST", f"{SESSION}/oidc", None),
        ("POST", f"{SESSION}/oidc/start", None),
    ),
    *_rules(
        Reach.OWN,
        ("GET", SESSION, None),
        ("DELETE", SESSION, None),
        ("PUT", f"{SESSION}/password", None),
    ),
    *_rules(
        Reach.SITES,
        ("GET", f"{V1}/overview", P.chargers_read),
        ("GET", f"{V1}/overview/sites", P.sites_read),
        ("GET", f"{V1}/chargers", P.chargers_read),
        ("POST", f"{V1}/chargers", P.chargers_write),
        ("GET", CHARGER, P.chargers_read),
        ("PATCH", CHARGER, P.chargers_write),
        ("DELETE", CHARGER, P.chargers_write),
        # Of the actions, `csms.api.calls` asks for more: calls.send or calls.trust.
        ("POST", CALLS, P.calls_energy),
        ("POST", f"{CHARGER}/security/key", P.calls_trust),
        ("DELETE", f"{CHARGER}/security/key", P.calls_trust),
        ("POST", f"{CHARGER}/security/profile", P.calls_trust),
        ("POST", f"{CHARGER}/security/onboard", P.calls_trust),
        ("GET", f"{CHARGER}/certificates", P.calls_trust),
        ("POST", f"{CHARGER}/certificates", P.calls_trust),
        ("DELETE", f"{CHARGER}/certificates/{{serial}}", P.calls_trust),
        ("POST", f"{CHARGER}/firmware", P.calls_trust),
        ("POST", f"{CHARGER}/logs", P.calls_send),
        ("GET", f"{CHARGER}/logs", P.messages_read),
        ("GET", f"{CHARGER}/logs/{{file}}", P.messages_read),
        ("GET", f"{CHARGER}/variables", P.chargers_read),
        # Of the variables, `csms.api.variables` asks for more: calls.trust.
        ("PATCH", f"{CHARGER}/variables", P.calls_send),
        ("POST", f"{CHARGER}/variables/refresh", P.calls_send),
        ("GET", f"{CHARGER}/monitoring", P.chargers_read),
        ("GET", f"{V1}/monitors", P.chargers_read),
        # To ask the charger, `csms.api.local_lists` asks for more: calls.send.
        ("GET", f"{CHARGER}/local-list", P.chargers_read),
        ("PUT", f"{CHARGER}/local-list", P.calls_send),
        ("POST", f"{CHARGER}/reservations", P.calls_send),
        ("GET", f"{V1}/reservations", P.transactions_read),
        ("GET", f"{V1}/reservations/{{reservation}}", P.transactions_read),
        ("DELETE", f"{V1}/reservations/{{reservation}}", P.calls_send),
        ("GET", f"{CHARGER}/drift", P.chargers_read),
        ("POST", f"{CHARGER}/drift/apply", P.calls_send),
        ("GET", f"{CHARGER}/drift/runs", P.chargers_read),
        ("GET", f"{V1}/drift", P.chargers_read),
        ("GET", f"{V1}/tags", P.chargers_read),
        ("GET", f"{CHARGER}/tags", P.chargers_read),
        ("PUT", f"{CHARGER}/tags", P.chargers_write),
        ("GET", f"{V1}/events", P.chargers_read),
        ("GET", COMMANDS, P.commands_read),
        ("GET", f"{COMMANDS}/{{command}}", P.commands_read),
        ("GET", f"{V1}/transactions", P.transactions_read),
        ("GET", f"{V1}/transactions/{{transaction}}", P.transactions_read),
        ("GET", f"{V1}/messages", P.messages_read),
        ("GET", f"{V1}/device-events", P.chargers_read),
        ("GET", f"{V1}/notices", P.messages_read),
        ("GET", f"{V1}/power", P.meter_read),
        ("GET", f"{V1}/series", P.meter_read),
        ("GET", f"{V1}/uptime", P.chargers_read),
        ("GET", f"{V1}/outage-exclusions", P.chargers_read),
        ("POST", f"{V1}/outage-exclusions", P.chargers_write),
        ("GET", f"{V1}/outage-exclusions/{{exclusion}}", P.chargers_read),
        ("DELETE", f"{V1}/outage-exclusions/{{exclusion}}", P.chargers_write),
        ("GET", f"{V1}/sites", P.sites_read),
        ("GET", SITE, P.sites_read),
        ("PUT", SITE, P.sites_write),
        ("GET", f"{SITE}/model", P.energy_read),
        ("PUT", f"{SITE}/model", P.sites_write),
        ("DELETE", f"{SITE}/model", P.sites_write),
        ("GET", f"{SITE}/capacity", P.energy_read),
        ("PUT", f"{SITE}/capacity/{{source}}", P.energy_write),
        ("GET", f"{SITE}/signals", P.energy_read),
        ("PUT", f"{SITE}/signals", P.energy_write),
        ("POST", f"{SITE}/loads", P.energy_write),
        ("PUT", f"{SITE}/wishes/{{place:path}}", P.energy_write),
        ("GET", f"{SITE}/limits", P.energy_read),
    ),
    *_rules(
        Reach.TENANT,
        ("GET", f"{V1}/templates", P.chargers_read),
        ("GET", f"{V1}/templates/{{template}}", P.chargers_read),
        ("PUT", f"{V1}/templates/{{template}}", P.chargers_write),
        ("DELETE", f"{V1}/templates/{{template}}", P.chargers_write),
        ("GET", f"{V1}/keys", P.keys_manage),
        ("POST", f"{V1}/keys", P.keys_manage),
        ("GET", f"{V1}/keys/{{key}}", P.keys_manage),
        ("DELETE", f"{V1}/keys/{{key}}", P.keys_manage),
        ("GET", f"{V1}/users", P.users_manage),
        ("POST", f"{V1}/users", P.users_manage),
        ("GET", USER, P.users_manage),
        ("PATCH", USER, P.users_manage),
        ("DELETE", USER, P.users_manage),
        ("POST", f"{USER}/link", P.users_manage),
        ("DELETE", f"{USER}/sessions", P.users_manage),
        ("GET", f"{V1}/audit", P.audit_read),
        ("GET", f"{V1}/files", P.chargers_read),
        ("POST", f"{V1}/files", P.calls_trust),
        ("DELETE", f"{V1}/files/{{file}}", P.calls_trust),
        ("GET", f"{V1}/jobs", P.jobs_read),
        ("POST", f"{V1}/jobs", P.jobs_write),
        ("GET", f"{V1}/jobs/{{job}}", P.jobs_read),
        ("GET", f"{V1}/jobs/{{job}}/chargers", P.jobs_read),
        ("POST", f"{V1}/jobs/{{job}}/pause", P.jobs_write),
        ("POST", f"{V1}/jobs/{{job}}/resume", P.jobs_write),
        ("POST", f"{V1}/jobs/{{job}}/cancel", P.jobs_write),
        ("GET", f"{V1}/alerts", P.alerts_read),
        ("GET", f"{V1}/alerts/{{alert}}", P.alerts_read),
        ("POST", f"{V1}/alerts/{{alert}}/acknowledge", P.alerts_write),
        ("GET", f"{V1}/alert-rules", P.alerts_read),
        ("POST", f"{V1}/alert-rules", P.alerts_write),
        ("GET", f"{V1}/alert-rules/{{rule}}", P.alerts_read),
        ("PUT", f"{V1}/alert-rules/{{rule}}", P.alerts_write),
        ("DELETE", f"{V1}/alert-rules/{{rule}}", P.alerts_write),
        ("GET", f"{V1}/alert-channels", P.alerts_write),
        ("POST", f"{V1}/alert-channels", P.alerts_write),
        ("GET", f"{V1}/alert-channels/{{channel}}", P.alerts_write),
        ("POST", f"{V1}/alert-channels/{{channel}}/test", P.alerts_write),
        ("DELETE", f"{V1}/alert-channels/{{channel}}", P.alerts_write),
        ("GET", f"{V1}/alert-silences", P.alerts_read),
        ("POST", f"{V1}/alert-silences", P.alerts_write),
        ("GET", f"{V1}/alert-silences/{{silence}}", P.alerts_read),
        ("DELETE", f"{V1}/alert-silences/{{silence}}", P.alerts_write),
        ("GET", f"{V1}/deliveries", P.alerts_write),
        ("POST", f"{V1}/deliveries/{{delivery}}/replay", P.alerts_write),
        ("GET", f"{V1}/chargers.csv", P.chargers_read),
        ("POST", f"{V1}/chargers.csv", P.chargers_write),
        ("GET", f"{V1}/tokens", P.tokens_read),
        ("GET", f"{V1}/tokens/{{token}}", P.tokens_read),
        ("PUT", f"{V1}/tokens/{{token}}", P.tokens_write),
        ("DELETE", f"{V1}/tokens/{{token}}", P.tokens_write),
    ),
    *_rules(
        Reach.INSTALLATION,
        ("GET", f"{V1}/tenants", P.tenants_manage),
        ("GET", f"{V1}/tenants/{{tenant}}", P.tenants_manage),
        ("PUT", f"{V1}/tenants/{{tenant}}", P.tenants_manage),
        ("GET", f"{V1}/refusals", P.refusals_read),
        ("GET", f"{V1}/inbox", P.refusals_read),
        ("PUT", f"{V1}/inbox/dismissal", P.chargers_write),
        ("DELETE", f"{V1}/inbox/dismissal", P.chargers_write),
        ("GET", "/metrics", P.system_read),
    ),
)

PAGES: Final = "/ui"
"""Pages need somebody who is signed in and no more: all that they show they ask of REST."""


MATCHED: Final = "csms.matched"
"""In the scope of a request: what `Book.of` has found, for the next who asks."""
Match = tuple[Rule | None, Mapping[str, str]]


class Book:
    """Finds the rule of a request."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[tuple[Pattern[str], Rule]]] = {}
        # Fixed words before names: /chargers/import is not a charger.
        for rule in sorted(RULES, key=lambda rule: (rule.path.count("{"), ":path}" in rule.path)):
            pattern = compile_path(rule.path)[0]
            self._rows.setdefault((rule.method, _word(rule.path)), []).append((pattern, rule))

    def methods(self, path: str) -> list[str]:
        """Return the methods that a path has."""
        return sorted(
            method
            for (method, word), rows in self._rows.items()
            if word == _word(path) and any(pattern.match(path) for pattern, _ in rows)
        )

    def of(self, scope: MutableMapping[str, Any]) -> Match:
        """Return `match` of a request; whoever asks again is told the same."""
        asked = scope["method"], scope["path"]
        known: tuple[tuple[str, str], Match] | None = scope.get(MATCHED)
        if known is None or known[0] != asked:  # a request within another one has its headers
            known = scope[MATCHED] = asked, self.match(*asked)
        return known[1]

    def match(self, method: str, path: str) -> Match:
        """Return the rule of a request, and what its path has in the place of names."""
        if is_page(path):
            return Rule(method, PAGES, None, Reach.OWN), {}
        method = "GET" if method == "HEAD" else method
        for pattern, rule in self._rows.get((method, _word(path)), ()):
            found = pattern.match(path)
            if found:
                return rule, found.groupdict()
        return None, {}


def _word(path: str) -> str:
    """Return the word that all paths of one kind of thing begin with; empty: no such thing."""
    return path[len(V1) + 1 :].partition("/")[0] if path.startswith(V1 + "/") else ""


def is_page(path: str) -> bool:
    """Return whether a path is that of a page."""
    return path in {"/", PAGES} or path.startswith(f"{PAGES}/")


def check_routes(routes: Iterable[BaseRoute]) -> None:
    """Raise LookupError when a route has no rule, or a rule no route."""
    ruled = {(rule.method, rule.path) for rule in RULES}
    there = {
        (method, route.path)
        for route in routes
        if isinstance(route, Route) and not is_page(route.path)
        for method in (route.methods or set()) - {"HEAD", "OPTIONS"}
    }
    missing, idle = sorted(there - ruled), sorted(ruled - there)
    if missing or idle:
        raise LookupError(f"csms/api/rules.py: no rule for {missing}; no route for {idle}")
