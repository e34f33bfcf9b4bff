"""Settings of the encrypted listeners: our certificates, whose certificates we believe."""

from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class CertificateFiles(NamedTuple):
    """A chain (the server's own certificate first) and its private key: PEM, no passphrase."""

    chain: Path
    key: Path


class TlsSettings(BaseModel):
    """TLS of the listeners for security profiles 2 and 3."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificates: tuple[CertificateFiles, ...] = Field(
        default=(),
        description="Our chains, each {chain, key}: one with an RSA and one with an ECDSA key "
        "serves every charger. Empty: certificates of the built-in CA are made and renewed.",
    )
    names: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1"),
        min_length=1,
        description="Host names and addresses in the certificates of the built-in CA; the first "
        "is the CN. Chargers check it.",
    )
    minimum: Literal["1.2", "1.3"] = Field(
        default="1.2", description="Older versions of TLS are refused."
    )
    static_rsa: bool = Field(
        default=False,
        description="Also offer TLS_RSA_WITH_AES_128/256_GCM, which the specification lists and "
        "old chargers need: no forward secrecy.",
    )
    client_cas: tuple[Path, ...] = Field(
        default=(),
        description="PEM files of further CAs (roots) whose certificates chargers may show, "
        "besides the built-in one.",
    )
    builtin_ca: bool = Field(
        default=True,
        description="Believe certificates of the built-in CA. False: only those of `client_cas`.",
    )
    crls: tuple[Path, ...] = Field(
        default=(),
        description="Revocation lists (PEM or DER) of those CAs; a charger whose certificate is "
        "in one of them is refused. One that is past its nextUpdate still counts.",
    )
    operator: str = Field(
        default="",
        description="What the O of a charger's certificate must be (A00.FR.404); empty: anything.",
    )
    watch_s: float = Field(
        default=10.0,
        gt=0,
        description="How often these files are looked at; a changed one counts for new connections "
        "from then on, open ones stay.",
    )
