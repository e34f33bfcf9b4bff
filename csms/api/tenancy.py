"""Whose things a caller may see.

Callers of the tenant `default` belong to the installation and see all tenants; all others see what
is of their own tenant. Who is limited to sites sees of that only what is at one of them. Whatever
else there is does not exist for them: 404, and absent from lists.
"""

from typing import Any

from csms.api.auth import Principal, is_confined
from domain.errors import NotFound
from domain.records import ChargerRecord
from storage.relational.registry import Site

__all__ = [
    "check_charger",
    "check_site",
    "check_site_name",
    "check_tenant",
    "is_confined",
    "row_filters",
    "tenant_filter",
]


def check_tenant(principal: Principal, tenant: str, kind: str, name: str) -> None:
    """Raise NotFound when a thing is of another tenant. For things that belong to no site."""
    if is_confined(principal) and principal.tenant != tenant:
        raise NotFound(kind, name)


def check_site_name(principal: Principal, site: str, kind: str, name: str) -> None:
    """Raise NotFound when a thing is at a site to which they are not let."""
    if principal.sites and site not in principal.sites:
        raise NotFound(kind, name)


def check_charger(
    principal: Principal, record: ChargerRecord, kind: str = "charger", name: str = ""
) -> None:
    """Raise NotFound when a charger, or a thing of it, is none of theirs.

    Args:
        principal: who asks.
        record: of the charger.
        kind: of the thing that was asked for.
        name: of it; empty: the charger itself.
    """
    check_tenant(principal, record.tenant, kind, name or record.id)
    check_site_name(principal, record.site, kind, name or record.id)


def check_site(principal: Principal, site: Site) -> None:
    """Raise NotFound when a site is none of theirs."""
    check_tenant(principal, site.tenant, "site", site.id)
    check_site_name(principal, site.id, "site", site.id)


def tenant_filter(principal: Principal) -> str | None:
    """Return the tenant that a list must be limited to; None: all."""
    return principal.tenant if is_confined(principal) else None


def row_filters(principal: Principal) -> dict[str, Any]:
    """Return what a list of things of chargers must be limited to: `tenant` and `sites`.

    Both `storage.relational.reads` and `csms.api.messages` understand them.
    """
    filters: dict[str, Any] = {}
    if is_confined(principal):
        filters["tenant"] = principal.tenant
    if principal.sites:
        filters["sites"] = tuple(sorted(principal.sites))
    return filters
