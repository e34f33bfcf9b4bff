"""Recorded sessions: from a CSV in ACN-Data's columns, and from rows of ClickHouse.

ACN-Data names: connectionTime, disconnectTime, kWhDelivered, spaceID (else stationID), sessionID.
Times are ISO 8601, or as its interface writes them ("Wed, 25 Apr 2018 11:08:04 GMT").
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from csms.simulate_site.sessions import US_PER_S, Session
from domain.errors import InvalidInput
from domain.site import Site

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ROWS_MAX = 100_000
COLUMNS = ("connectionTime", "disconnectTime", "kWhDelivered")
SESSIONS_QUERY = (
    "SELECT charger, connector, transaction, toUnixTimestamp64Micro(started_at), "
    "toUnixTimestamp64Micro(assumeNotNull(stopped_at)), energy_wh FROM sessions "
    "WHERE site = '{site}' AND energy_wh > 0 AND stopped_at > started_at ORDER BY started_at"
)


def from_csv(path: Path, *, max_a: float = 32.0, phases: int = 1) -> list[Session]:
    """Read ACN-Data's columns.

    Raises:
        InvalidInput: a column is missing, or a value cannot be read; names the line.
        OSError: the file cannot be read.
    """
    sessions: list[Session] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InvalidInput(path.name, f"has no column {', '.join(missing)}")
            for row in reader:
                if len(sessions) >= ROWS_MAX:
                    raise InvalidInput(path.name, f"has more than {ROWS_MAX} sessions")
                session = _session(row, reader.line_num, max_a, phases)
                if session.departure_us > session.arrival_us and session.energy_wh > 0:
                    sessions.append(session)
        except (ValueError, TypeError, IndexError, csv.Error) as error:
            raise InvalidInput(f"{path.name}:{reader.line_num}", str(error)) from error
    return sessions


def from_rows(
    rows: Iterable[Sequence[object]], *, max_a: float = 32.0, phases: int = 3
) -> list[Session]:
    """Make sessions of the rows of `SESSIONS_QUERY`; the place is CHARGER/CONNECTOR."""
    return [
        Session(
            f"{charger}-{transaction}",
            f"{charger}/{connector}",
            int(str(began)),
            int(str(ended)),
            float(str(energy)),
            max_a,
            phases,
        )
        for charger, connector, transaction, began, ended, energy in rows
    ]


def in_places(sessions: Iterable[Session], site: Site | None) -> list[Session]:
    """Return sessions of CHARGER/EVSE at the places that a site has for them."""
    names = {f"{place.charger}/{place.evse}": place.id for place in site.places} if site else {}
    return [replace(one, place=names.get(one.place, one.place)) for one in sessions]


def _session(row: Mapping[str, str], line: int, max_a: float, phases: int) -> Session:
    place = row.get("spaceID") or row.get("stationID") or ""
    if not place:
        raise ValueError("has neither spaceID nor stationID")
    energy_wh = float(row["kWhDelivered"]) * 1_000
    if not math.isfinite(energy_wh):
        raise ValueError(f"kWhDelivered: {row['kWhDelivered']} is no energy")
    return Session(
        row.get("sessionID") or f"line{line}",
        place,
        _instant(row["connectionTime"]),
        _instant(row["disconnectTime"]),
        energy_wh,
        max_a,
        phases,
    )


def _instant(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = parsedate_to_datetime(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1) // US_PER_S * US_PER_S
