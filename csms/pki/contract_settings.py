"""Limits and trust of Plug & Charge (ISO 15118)."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ContractSettings(BaseModel):
    """Whose contracts are taken, which OCSP responders are asked, who provides contracts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roots: tuple[Path, ...] = Field(
        default=(),
        description="PEM files of the MO (or V2G) roots whose contracts are taken. Empty: none.",
    )
    authorities: tuple[Path, ...] = Field(
        default=(),
        description="PEM files of sub-CAs below them: their revocations can be looked at when a "
        "charger sends hashes only.",
    )
    unknown_accepted: bool = Field(
        default=False,
        description="What a contract counts as when no responder says anything of it (C07.FR.04): "
        "true lets the driver charge, false answers NoCertificateAvailable.",
    )
    responders: tuple[str, ...] = Field(
        default=(),
        description="OCSP responders that may be asked, as host or host:port (80 and 443 need no "
        "port). Chargers name them, so one that is not listed is never asked.",
    )
    responder_networks: tuple[str, ...] = Field(
        default=(),
        description="CIDRs of responders of your own; all other addresses must be public ones.",
    )
    ocsp_s: float = Field(
        default=4.0, gt=0, description="Deadline of one look-up; then the state is unknown."
    )
    ocsp_bytes_max: int = Field(
        default=65_536, ge=1_024, description="Size of a responder's answer; more is unknown."
    )
    ocsp_cache_s: int = Field(
        default=3_600,
        ge=0,
        description="Longest time that an answer counts; its own nextUpdate may end it before.",
    )
    ocsp_cache_max: int = Field(
        default=10_000, ge=1, description="Answers that are remembered; the oldest is dropped."
    )
    lookups_max: int = Field(
        default=32,
        ge=1,
        description="Look-ups at one time; those beyond it wait, within their deadline.",
    )
    pools: tuple[str, ...] = Field(
        default=(),
        description="URLs of the contract certificate pools that Get15118EVCertificate is "
        "forwarded to, in this order until one answers. Empty: Failed.",
    )
    pool_form: Literal["ocpp", "opcp"] = Field(
        default="ocpp",
        description="What a pool speaks: ocpp: the payloads of OCPP as JSON. opcp: the open Plug & "
        "Charge protocol (signedContractData).",
    )
    pool_secret: str = Field(
        default="", description="Sent to pools as Authorization: Bearer.", repr=False
    )
    pool_ca: Path | None = Field(
        default=None, description="PEM file of the pools' CAs; default: the system's."
    )
    pool_s: float = Field(default=8.0, gt=0, description="Deadline of all pools together.")
    pool_bytes_max: int = Field(
        default=131_072, ge=4_096, description="Size of a pool's answer; more is a failure."
    )
    question_s: float = Field(
        default=12.0,
        gt=0,
        description="How long a charger's question may take in all; then it is answered by what "
        "says no (NoCertificateAvailable, Failed).",
    )
    questions_max: int = Field(
        default=1_000,
        ge=1,
        description="Questions of one gateway that are open; further ones are answered by what "
        "says no.",
    )
