"""What records may hold. Raises InvalidInput naming the field and the rule."""

import ipaddress
import re
from typing import Final
from zoneinfo import ZoneInfo

from domain.errors import InvalidInput
from domain.ids import CHARGER_ID_LENGTH_MAX, CHARGER_NAME
from domain.records import ChargerRecord, TokenRecord
from storage.relational.record_rows import Site

PAGE_MAX: Final = 1_000
TEXT_LENGTH_MAX: Final = 255
TOKEN_LENGTH_MAX: Final = 36
"""20 in OCPP 1.6 (IdToken), 36 in 2.0.1."""
NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
REGISTRATIONS: Final = ("Accepted", "Pending", "Rejected")
TOKEN_STATUSES: Final = ("Accepted", "Blocked")
REPLY_DELAY_MS_MAX: Final = 10_000
PROFILES: Final = (0, 1, 2, 3)
SERIAL_LENGTH_MAX: Final = 64
TOKEN_KIND_LENGTH_MAX: Final = 20
INTEGER_MAX: Final = (1 << 31) - 1
INSTANT_MAX: Final = (1 << 63) - 1


def check_charger(record: ChargerRecord) -> None:
    """Raise InvalidInput when a field of `record` breaks its rule."""
    check(
        0 < len(record.id) <= CHARGER_ID_LENGTH_MAX,
        "id",
        f"must have 1 to {CHARGER_ID_LENGTH_MAX} characters (OCPP 2.0.1 part 4, section 3.1.1)",
    )
    check(
        CHARGER_NAME.fullmatch(record.id),
        "id",
        "must have no space, control character or any of / : ? # % \\",
    )
    check(NAME.fullmatch(record.tenant), "tenant", f"must match {NAME.pattern}")
    check(record.site == "" or NAME.fullmatch(record.site), "site", f"must match {NAME.pattern}")
    check(record.security_profile in PROFILES, "security_profile", "must be 0, 1, 2 or 3")
    check(
        not record.pending_profile
        or record.security_profile < record.pending_profile <= PROFILES[-1],
        "pending_profile",
        "must be higher than security_profile: there is no way down (A00.FR.005)",
    )
    check(
        len(record.serial_number) <= SERIAL_LENGTH_MAX, "serial_number", "has 64 characters at most"
    )
    check(
        record.treat_as == "" or NAME.fullmatch(record.treat_as),
        "treat_as",
        f"must match {NAME.pattern}",
    )
    for network in record.networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise InvalidInput("networks", f"{network!r} is no network: {error}") from error
    check(
        record.networks or record.security_profile != 0,
        "networks",
        "profile 0 needs at least one network",
    )
    check(
        record.registration in REGISTRATIONS,
        "registration",
        f"must be one of {', '.join(REGISTRATIONS)}",
    )
    check(0 <= record.heartbeat_s <= INTEGER_MAX, "heartbeat_s", "must be 0 or more seconds")
    check(
        0 <= record.reply_delay_ms <= REPLY_DELAY_MS_MAX,
        "reply_delay_ms",
        f"must be 0 to {REPLY_DELAY_MS_MAX} milliseconds",
    )
    check_text("subprotocol", record.subprotocol)
    check_zone(record.time_zone)


def check_token(record: TokenRecord) -> None:
    """Raise InvalidInput when a field of `record` breaks its rule."""
    check(
        0 < len(record.id) <= TOKEN_LENGTH_MAX,
        "id",
        f"must have 1 to {TOKEN_LENGTH_MAX} characters",
    )
    check(record.id.isprintable(), "id", "must have no control characters")
    check(NAME.fullmatch(record.tenant), "tenant", f"must match {NAME.pattern}")
    check(record.status in TOKEN_STATUSES, "status", f"must be one of {', '.join(TOKEN_STATUSES)}")
    check(0 <= record.expires_us <= INSTANT_MAX, "expires_us", "must be 0 or an instant")
    check(
        len(record.parent) <= TOKEN_LENGTH_MAX,
        "parent",
        f"must have at most {TOKEN_LENGTH_MAX} characters",
    )
    check(0 <= record.max_active <= INTEGER_MAX, "max_active", "must be 0 or more")
    check(
        len(record.kind) <= TOKEN_KIND_LENGTH_MAX and (not record.kind or record.kind.isalnum()),
        "kind",
        "must be a type of token as OCPP 2.x spells it, e.g. ISO14443, eMAID, KeyCode",
    )


def check_site(site: Site) -> None:
    """Raise InvalidInput when a field of `site` breaks its rule."""
    check(NAME.fullmatch(site.id), "id", f"must match {NAME.pattern}")
    check(NAME.fullmatch(site.tenant), "tenant", f"must match {NAME.pattern}")
    check_text("name", site.name)
    check_text("address", site.address)
    check_zone(site.time_zone)
    check(0 <= site.power_w_max <= INSTANT_MAX, "power_w_max", "must be 0 or more watts")
    for field, degrees, most in (
        ("latitude", site.latitude, 90),
        ("longitude", site.longitude, 180),
    ):
        check(
            degrees is None or -most <= degrees <= most,
            field,
            f"must be degrees from -{most} to {most} (WGS 84)",
        )
    check(
        (site.latitude is None) == (site.longitude is None),
        "longitude" if site.longitude is None else "latitude",
        "must be said when the other one is: a place has both",
    )


def check(holds: object, field: str, rule: str) -> None:
    """Raise InvalidInput unless `holds`."""
    if not holds:
        raise InvalidInput(field, rule)


def check_text(field: str, text: str) -> None:
    """Raise InvalidInput unless `text` is short and printable."""
    check(
        len(text) <= TEXT_LENGTH_MAX and (not text or text.isprintable()),
        field,
        f"must have at most {TEXT_LENGTH_MAX} characters, none of them a control character",
    )


def check_zone(name: str) -> None:
    """Raise InvalidInput unless `name` is empty or an IANA time zone."""
    if not name:
        return
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise InvalidInput("time_zone", f"{name!r} is no IANA time zone") from error
