"""Instants as chargers write them: ISO 8601 in UTC with milliseconds."""

from datetime import UTC, datetime

US_PER_S = 1_000_000


def iso(at_us: int) -> str:
    """Return `at_us` (microseconds since 1970) as text."""
    seconds, rest_us = divmod(at_us, US_PER_S)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest_us // 1_000:03d}Z"


def from_iso(text: str, default_us: int) -> int:
    """Return the microseconds of `text`, or `default_us` when it cannot be read."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return default_us
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * US_PER_S)
