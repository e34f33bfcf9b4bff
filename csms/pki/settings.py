"""Every limit of the certificate authority and of the renewal of certificates."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PkiSettings(BaseModel):
    """Who signs chargers' certificates, for how long, and when they are renewed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    authority: Literal["none", "local", "est"] = Field(
        default="none",
        description="Who signs: nobody (SignCertificate is answered Rejected), the built-in CA, "
        "or one behind EST (RFC 7030).",
    )
    operator: str = Field(
        default="csms",
        min_length=1,
        max_length=64,
        description="O of the built-in CA's certificates, and what O of a signing request must be "
        "(A02.FR.08: the CPO's name).",
    )
    charger_days: int = Field(
        default=365, ge=1, le=3_650, description="Life of a charger's certificate."
    )
    server_days: int = Field(
        default=30, ge=1, le=825, description="Life of our own certificate by the built-in CA."
    )
    v2g_chain: Path | None = Field(
        default=None,
        description="PEM file of the CPO sub-CA that signs the certificates which chargers show to "
        "cars (V2GCertificate, ISO 15118-2), itself first, then those above it. Empty: such "
        "requests are refused.",
    )
    v2g_key: Path | None = Field(
        default=None, description="PEM file of its private key, for its owner only."
    )
    v2g_days: int = Field(
        default=60,
        ge=1,
        le=365,
        description="Life of such a certificate (ISO 15118-2 asks for two to three months).",
    )
    authority_days: int = Field(
        default=7_300, ge=30, le=36_500, description="Life of the built-in root and sub-CA."
    )
    crl_days: int = Field(
        default=7,
        ge=1,
        le=365,
        description="How long a revocation list of the built-in CA counts.",
    )
    renew_share: float = Field(
        default=0.67,
        gt=0,
        lt=1,
        description="Share of its life after which a charger is asked to renew its certificate.",
    )
    renew_spread: float = Field(
        default=0.1,
        ge=0,
        le=0.3,
        description="Each charger is asked up to this share of its certificate's life earlier, so "
        "that a fleet that was enrolled in a day does not renew in a day.",
    )
    renew_again_s: int = Field(
        default=86_400,
        ge=60,
        description="A charger that was asked to renew and did not is asked again after this time.",
    )
    watch_s: float = Field(
        default=60.0, gt=0, description="How often it is looked which certificates are due."
    )
    requests_max: int = Field(
        default=1_000,
        ge=1,
        description="Signing requests that wait; beyond it new ones are dropped and counted: the "
        "charger asks again (CertSigningWaitMinimum).",
    )
    requests_per_charger_per_h: int = Field(
        default=6, ge=1, description="Signing requests of one charger; more are not signed."
    )
    chain_chars_max: int = Field(
        default=10_000,
        ge=1_000,
        le=10_000,
        description="Size of a chain in CertificateSigned; a longer one is not sent.",
    )
    send_s: int = Field(
        default=60, ge=5, description="Deadline of CertificateSigned; then the charger asks again."
    )
    est_url: str = Field(
        default="",
        description="Base of the EST server, such as https://ca.example.com/.well-known/est.",
    )
    est_user: str = Field(default="", description="User name there; empty: none.")
    est_password: str = Field(default="", description="Password there.", repr=False)
    est_certificate: Path | None = Field(
        default=None, description="PEM file of our client certificate and key for EST."
    )
    est_ca: Path | None = Field(
        default=None, description="PEM file of the CAs of the EST server; default: the system's."
    )
    est_s: float = Field(default=30.0, gt=0, description="Deadline of a request to EST.")
    est_bytes_max: int = Field(
        default=262_144, ge=4_096, description="Size of its answer; a larger one is not read."
    )
