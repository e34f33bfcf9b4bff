"""What a provider says of somebody, as a user of ours."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from csms.oidc.settings import OidcSettings
from domain.access import Role
from storage.relational.record_rules import TEXT_LENGTH_MAX
from storage.relational.users import LOGIN_CHARS_MAX


class Person(NamedTuple):
    """Somebody for whom the provider vouches."""

    subject: str
    login: str
    name: str
    role: Role | None
    """None: they may not come in."""


def person_of(claims: Mapping[str, Any], settings: OidcSettings) -> Person:
    """Return who the claims of an ID token and of userinfo are about."""
    subject = str(claims["sub"])
    logins = (_text(claims, name) for name in (settings.login_claim, "email"))
    login = next((one for one in logins if one), subject)
    return Person(
        subject,
        "".join(login.split())[:LOGIN_CHARS_MAX],
        _text(claims, settings.name_claim)[:TEXT_LENGTH_MAX],
        _role(claims, settings),
    )


def _role(claims: Mapping[str, Any], settings: OidcSettings) -> Role | None:
    said = value_of(claims, settings.role_claim)
    words = {said} if isinstance(said, str) else set()
    if isinstance(said, list):
        words = {one for one in said if isinstance(one, str)}
    for word, role in settings.roles.items():
        if word in words:
            return role
    return settings.default_role


def value_of(claims: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
    """Return a claim; where none has the whole name, its dots lead into objects. None: missing."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _text(claims: Mapping[str, Any], path: str) -> str:
    value = value_of(claims, path)
    return "".join(c for c in value if c.isprintable()) if isinstance(value, str) else ""
