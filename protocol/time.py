"""Times on the wire: what chargers write, and the one form that we write.

OCPP 1.6 part 1, section 3.14 and OCPP 1.6-J: ISO 8601, of which receivers must take fractions and
offsets. Chargers also send no zone, short offsets (`+03`), 1970, years of nine digits and plain
garbage; none of that is a reason to refuse a transaction, so `read_time` always returns an
instant, and says how far to trust it.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from domain.events import TimeQuality
from protocol.reading import Reading

OK = TimeQuality.OK.value
SKEWED = TimeQuality.SKEWED.value
NO_ZONE = TimeQuality.NO_ZONE.value
ABSURD = TimeQuality.ABSURD.value
MISSING = TimeQuality.MISSING.value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001 - arithmetic on UTC without the cost of a zone
_S = 1_000_000
_WRITABLE_S_MAX = 253_402_300_799  # 9999-12-31T23:59:59Z

TEXT_LENGTH_MAX = 64
"""Longer texts are no time: the pattern is never run on what a peer made long on purpose."""

# What datetime.fromisoformat does not take: fields of one digit, second 60, a lower-case or
# spaced-out zone, offsets of one digit.
_LENIENT = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[Tt _]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d*))?)?"
    r"\s*(?:([Zz]|UTC|GMT)|([+-])(\d{1,2})(?::?(\d{2}))?)?",
    re.ASCII,
)


def read_time(raw: object, reading: Reading) -> tuple[int, str]:
    """Return the instant that the charger meant, in microseconds UTC, and its `TimeQuality`.

    Never raises. Without a readable time between `limits.year_min` and `limits.future_max_s` from
    now, the instant is `reading.received_us`.
    """
    if type(raw) is not str:
        return reading.received_us, MISSING if raw is None else ABSURD
    quality = OK
    try:
        # The common form, in one pass: no text handling before this line.
        moment = datetime.fromisoformat(raw)
    except ValueError:
        lenient = _lenient(raw)
        if lenient is None:
            return reading.received_us, ABSURD if raw.strip() else MISSING
        moment = lenient
    if moment.tzinfo is None:
        quality = NO_ZONE
        moment = moment.replace(tzinfo=_zone(reading.zone))
    if moment.year < reading.limits.year_min:
        return reading.received_us, ABSURD
    at_us = _microseconds(moment)
    ahead_us = at_us - reading.received_us
    if ahead_us > 0:
        # In the order of the damage: a time in next week is no time at all.
        if ahead_us > reading.limits.future_max_s * _S:
            return reading.received_us, ABSURD
        if ahead_us - reading.offset_us > reading.limits.skew_max_s * _S:
            return at_us, SKEWED
    return at_us, quality


def readable_time(text: str) -> bool:
    """Return whether `read_time` understands `text`; its rule, not RFC 3339's, flags a time."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return _lenient(text) is not None
    return True


def write_time(at_us: int) -> str:
    """Return `YYYY-MM-DDTHH:MM:SSZ`, rounded down.

    No fraction and no `+00:00`, because chargers are known that cannot read them.
    """
    seconds = min(max(at_us // _S, 0), _WRITABLE_S_MAX)
    return (_EPOCH_NAIVE + timedelta(seconds=seconds)).isoformat() + "Z"


def _microseconds(moment: datetime) -> int:
    # Against an aware UTC epoch the difference is taken in UTC. Two datetimes of the same zone
    # would be subtracted as wall clocks, an hour off across a change of summer time.
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * _S + since.microseconds


def _lenient(text: str) -> datetime | None:
    if len(text) > TEXT_LENGTH_MAX:
        return None
    found = _LENIENT.fullmatch(text.strip().replace("\x00", ""))
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, utc, sign, hours, minutes = found.groups()
    zone: timezone | None = UTC if utc else None
    try:
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            zone = timezone(-offset if sign == "-" else offset)
        midnight = datetime(int(year), int(month), int(day), tzinfo=zone)
        # Hour 24 is midnight at the end of the day; a leap second is the first instant after it.
        return midnight + timedelta(
            hours=_within(int(hour), 24),
            minutes=_within(int(minute), 59),
            seconds=_within(int(second or 0), 60),
            microseconds=int((fraction or "0")[:6].ljust(6, "0")),
        )
    except (ValueError, OverflowError):
        return None


def _within(value: int, most: int) -> int:
    if value > most:
        raise ValueError(value)
    return value


def _zone(name: str) -> ZoneInfo | timezone:
    # The name is configuration, never the peer's word; an unknown one is reported where it is
    # configured and must not cost a transaction here.
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return UTC
