"""Settings of signing in with an OpenID Connect provider."""

from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.access import Role
from domain.ids import DEFAULT_TENANT

CALLBACK = "/ui/oidc/callback"


class OidcSettings(BaseModel):
    """A provider that vouches for users (OpenID Connect Core 1.0); off while `issuer` is empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(
        default="",
        description="URL of the provider; its configuration is read from below it "
        "(/.well-known/openid-configuration). https, or http on loopback.",
    )
    label: str = Field(default="SSO", max_length=64, description="Name of it on the sign-in page.")
    client_id: str = Field(default="", description="Ours, as the provider has it.")
    client_secret: str = Field(default="", description="Empty: a public client, PKCE alone.")
    public_url: str = Field(
        default="",
        description="Address of this server as browsers have it, such as https://csms.example.org; "
        f"the provider must allow it with {CALLBACK} after it as a redirect.",
    )
    scopes: str = Field(default="openid profile email", description="Asked for, spaces between.")
    login_claim: str = Field(
        default="preferred_username",
        description="Claim that becomes the name to sign in with; else email, else sub.",
    )
    name_claim: str = Field(default="name", description="Claim that becomes the full name.")
    role_claim: str = Field(
        default="groups",
        description="Claim that says the role: a text or a list of texts, looked up in `roles`; "
        "dots lead into objects, such as realm_access.roles.",
    )
    roles: dict[str, Role] = Field(
        default={},
        description="Value of the role claim -> role; the first row that fits counts.",
    )
    default_role: Role | None = Field(
        default=None, description="For whom no row fits; without it they are not let in."
    )
    tenant: str = Field(
        default=DEFAULT_TENANT, max_length=64, description="Of the users that it vouches for."
    )
    request_s: float = Field(
        default=10.0, gt=0, description="Longest request to the provider; then the answer is 503."
    )
    answer_bytes_max: int = Field(
        default=1_048_576, ge=1_024, description="Largest answer of the provider; more is an error."
    )
    keys_s: float = Field(
        default=3_600.0,
        gt=0,
        description="Configuration and keys of the provider are read this often, and when a "
        "token is signed by an unknown key, then `keys_again_s` apart at least.",
    )
    keys_again_s: float = Field(default=30.0, gt=0, description="See keys_s.")
    attempt_s: float = Field(
        default=600.0, gt=0, description="A sign-in must come back from the provider by then."
    )
    leeway_s: int = Field(
        default=60, ge=0, le=600, description="Between the clocks of the provider and of us."
    )

    @property
    def is_on(self) -> bool:
        """Whether there is a provider."""
        return bool(self.issuer)

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends browsers back to."""
        return self.public_url.rstrip("/") + CALLBACK

    @field_validator("issuer", "public_url")
    @classmethod
    def _safe_url(cls, url: str) -> str:
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and _is_loopback(parts.hostname)
        )
        if url and not (is_safe and parts.hostname and not parts.query and not parts.fragment):
            raise ValueError("must be an https URL, or http on loopback, without ? and #")
        return url

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.is_on:
            for name in ("client_id", "public_url"):
                if not getattr(self, name):
                    raise ValueError(f"{name}: must be set when issuer is")
            if not self.roles and self.default_role is None:
                raise ValueError("roles: must have a row, or default_role be set: else nobody may")
            if "openid" not in self.scopes.split():
                raise ValueError("scopes: must have openid in it")
        return self


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
