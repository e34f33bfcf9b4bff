"""Records and the rows that keep them."""

import json
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from domain.ids import DEFAULT_TENANT
from domain.records import ChargerRecord, Credential, TokenRecord


class Site(msgspec.Struct, frozen=True):
    """A place with chargers behind one connection to the grid."""

    id: str
    tenant: str = DEFAULT_TENANT
    name: str = ""
    address: str = ""
    time_zone: str = ""
    """IANA name; empty: UTC."""
    power_w_max: int = 0
    """What all its chargers may draw together; 0: no limit."""
    latitude: float | None = None
    """Degrees north, WGS 84; None: not known, as is the longitude then."""
    longitude: float | None = None
    created_us: int = 0
    revision: int = 0


NO_CREDENTIAL: Final = {
    "credential_kind": "",
    "credential_salt": None,
    "credential_digest": None,
    "candidate_kind": "",
    "candidate_salt": None,
    "candidate_digest": None,
    "candidate_until_us": 0,
}


def charger_row(record: ChargerRecord) -> dict[str, Any]:
    """Return the row of `record`, without created_us and revision."""
    credential, candidate = record.credential, record.candidate
    return {
        "id": record.id,
        "folded": record.id.casefold(),
        "tenant": record.tenant,
        "site": record.site,
        "security_profile": record.security_profile,
        "credential_kind": credential.kind if credential else "",
        "credential_salt": credential.salt if credential else None,
        "credential_digest": credential.digest if credential else None,
        "networks": json.dumps(record.networks),
        "strict": record.strict,
        "registration": record.registration,
        "heartbeat_s": record.heartbeat_s,
        "subprotocol": record.subprotocol,
        "time_zone": record.time_zone,
        "reply_delay_ms": record.reply_delay_ms,
        "pending_profile": record.pending_profile,
        "candidate_kind": candidate.kind if candidate else "",
        "candidate_salt": candidate.salt if candidate else None,
        "candidate_digest": candidate.digest if candidate else None,
        "candidate_until_us": record.candidate_until_us,
        "serial_number": record.serial_number,
        "treat_as": record.treat_as,
        "deleted": False,
    }


def charger_record(row: Row[Any]) -> ChargerRecord:
    """Return the record in a row of `chargers`."""
    credential = candidate = None
    if row.credential_kind:
        credential = Credential(
            row.credential_kind, row.credential_salt or b"", row.credential_digest or b""
        )
    if row.candidate_kind:
        candidate = Credential(
            row.candidate_kind, row.candidate_salt or b"", row.candidate_digest or b""
        )
    return ChargerRecord(
        id=row.id,
        tenant=row.tenant,
        site=row.site,
        security_profile=row.security_profile,
        credential=credential,
        networks=tuple(json.loads(row.networks or "[]")),
        strict=row.strict,
        registration=row.registration,
        heartbeat_s=row.heartbeat_s,
        subprotocol=row.subprotocol,
        time_zone=row.time_zone,
        reply_delay_ms=row.reply_delay_ms,
        revision=row.revision,
        deleted=row.deleted,
        pending_profile=row.pending_profile,
        candidate=candidate,
        candidate_until_us=row.candidate_until_us,
        serial_number=row.serial_number,
        treat_as=row.treat_as,
    )


def token_row(record: TokenRecord) -> dict[str, Any]:
    """Return the row of `record`, without its revision."""
    return {
        "id": record.id.casefold(),
        "shown": record.id,
        "tenant": record.tenant,
        "status": record.status,
        "expires_us": record.expires_us,
        "parent": record.parent,
        "max_active": record.max_active,
        "kind": record.kind,
        "deleted": False,
    }


def token_record(row: Row[Any]) -> TokenRecord:
    """Return the record in a row of `tokens`."""
    return TokenRecord(
        id=row.shown,
        tenant=row.tenant,
        status=row.status,
        expires_us=row.expires_us,
        parent=row.parent,
        max_active=row.max_active,
        kind=row.kind,
        revision=row.revision,
        deleted=row.deleted,
    )


def site_of(row: Row[Any]) -> Site:
    """Return the site in a row of `sites`."""
    return Site(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        address=row.address,
        time_zone=row.time_zone,
        power_w_max=row.power_w_max,
        latitude=row.latitude,
        longitude=row.longitude,
        created_us=row.created_us,
        revision=row.revision,
    )
