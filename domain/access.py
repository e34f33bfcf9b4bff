"""Who may do what: roles and permissions, as data.

A role is a row of `ROLES`. A permission is asked for by name; no role is "higher" than another one.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What a user or an API key is for."""

    viewer = "viewer"
    operator = "operator"
    energy = "energy"
    finance = "finance"
    partner = "partner"
    admin = "admin"


class Permission(StrEnum):
    """One thing that may be done."""

    chargers_read = "chargers.read"
    chargers_write = "chargers.write"
    sites_read = "sites.read"
    sites_write = "sites.write"
    energy_read = "energy.read"
    energy_write = "energy.write"
    tokens_read = "tokens.read"
    tokens_write = "tokens.write"
    transactions_read = "transactions.read"
    meter_read = "meter.read"
    messages_read = "messages.read"
    refusals_read = "refusals.read"
    commands_read = "commands.read"
    calls_send = "calls.send"
    calls_energy = "calls.energy"
    calls_trust = "calls.trust"
    jobs_read = "jobs.read"
    jobs_write = "jobs.write"
    alerts_read = "alerts.read"
    alerts_write = "alerts.write"
    system_read = "system.read"
    users_manage = "users.manage"
    keys_manage = "keys.manage"
    tenants_manage = "tenants.manage"
    audit_read = "audit.read"


P = Permission

MEANINGS: Final[Mapping[Permission, str]] = MappingProxyType(
    {
        P.chargers_read: "See chargers, their connectors, where they are connected, and totals",
        P.chargers_write: "Add, change and remove chargers, and their passwords",
        P.sites_read: "See sites",
        P.sites_write: "Add and change sites and the model of their circuits",
        P.energy_read: "See circuits, capacity, prices and who gets what",
        P.energy_write: "Set capacity, prices, loads and wishes of drivers",
        P.tokens_read: "See tokens of drivers",
        P.tokens_write: "Add, block and remove tokens",
        P.transactions_read: "See transactions",
        P.meter_read: "See meter values",
        P.messages_read: "See the message log",
        P.refusals_read: "See connections that were not let in",
        P.commands_read: "See commands and how they ended",
        P.calls_send: "Send calls to chargers",
        P.calls_energy: "Send calls about charging profiles",
        P.calls_trust: "Send calls that change whom a charger trusts, its firmware or its access",
        P.jobs_read: "See bulk jobs",
        P.jobs_write: "Start, pause and stop bulk jobs",
        P.alerts_read: "See alerts and their rules",
        P.alerts_write: "Change rules of alerts; silence and acknowledge them",
        P.system_read: "See processes and metrics",
        P.users_manage: "Add, change and remove users",
        P.keys_manage: "Make, list and revoke API keys",
        P.tenants_manage: "See, add, rename and disable tenants",
        P.audit_read: "Read the audit log",
    }
)

_PARTNER = frozenset(
    {P.chargers_read, P.sites_read, P.transactions_read, P.meter_read, P.alerts_read}
)
_VIEWER = _PARTNER | {
    P.energy_read,
    P.tokens_read,
    P.messages_read,
    P.refusals_read,
    P.commands_read,
    P.jobs_read,
    P.system_read,
}

ROLES: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.viewer: _VIEWER,
        Role.operator: _VIEWER
        | {
            P.energy_write,
            P.tokens_write,
            P.calls_send,
            P.calls_energy,
            P.jobs_write,
            P.alerts_write,
        },
        Role.energy: _PARTNER
        | {P.energy_read, P.energy_write, P.commands_read, P.calls_energy, P.messages_read},
        Role.finance: _PARTNER | {P.tokens_read},
        Role.partner: _PARTNER,
        Role.admin: frozenset(Permission),
    }
)
"""Role -> what it may do."""


def may(role: Role, permission: Permission) -> bool:
    """Return whether a role has a permission."""
    return permission in ROLES[role]
