"""Whose things a key may see.

Keys of the tenant `default` belong to the installation and see everything; all others see what is
of their own tenant, and what is not theirs does not exist for them.
"""

from csms.api.auth import Principal
from csms.api.problems import Problem
from domain.errors import NotFound
from domain.ids import DEFAULT_TENANT


def is_confined(principal: Principal) -> bool:
    """Return whether a key sees one tenant only."""
    return principal.tenant != DEFAULT_TENANT


def check_tenant(principal: Principal, tenant: str, kind: str, name: str) -> None:
    """Raise NotFound when a thing is of another tenant."""
    if is_confined(principal) and principal.tenant != tenant:
        raise NotFound(kind, name)


def tenant_filter(principal: Principal) -> str | None:
    """Return the tenant that a list must be limited to; None: all."""
    return principal.tenant if is_confined(principal) else None


def check_installation(principal: Principal) -> None:
    """Raise Problem 403 for keys that see one tenant only."""
    if is_confined(principal):
        raise Problem(403, "tenant", "this is about the whole installation, not one tenant")
