"""What the e-mail of an alert says: what is wrong, where, since when, and where to look. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import quote

SUBJECT_MAX: Final = 200
US_PER_S: Final = 1_000_000
EVENTS: Final[Mapping[str, str]] = {
    "alert.opened": "",
    "alert.told": "still: ",
    "alert.escalated": "nobody has taken care: ",
    "alert.resolved": "over: ",
    "test": "a test of this channel",
}
"""Event -> what the subject begins with."""
MOMENTS: Final = (
    ("since", "since_us"),
    ("opened", "opened_us"),
    ("escalated", "escalated_us"),
    ("acknowledged", "acknowledged_us"),
    ("over", "resolved_us"),
)
FACTS: Final = ("charger", "site", "acknowledged_by", "id")


def letter(
    sender: str, to: str, body: Mapping[str, Any], identity: str, page_url: str = ""
) -> EmailMessage:
    """Return the e-mail of a delivery; what chargers wrote cannot add headers to it.

    Args:
        sender: address that it comes from.
        to: address.
        body: of the delivery, as a webhook gets it.
        identity: of the delivery.
        page_url: how its reader reaches the pages; empty: no link.
    """
    alert: Mapping[str, Any] = body.get("alert") or {}
    rule: Mapping[str, Any] = body.get("rule") or {}
    severity = alert.get("severity")
    what = ": ".join(_line(part) for part in (rule.get("name"), alert.get("subject")) if part)
    event = str(body.get("event") or "")
    title = EVENTS.get(event, f"{_line(event)}: ") + what
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = (f"[{severity}] {title}" if severity else title)[:SUBJECT_MAX] or "csms"
    message["Message-ID"] = f"<{identity}@csms>"
    lines = [title, _line(alert.get("detail") or ""), ""]
    lines += [f"{name + ':':<18}{_moment(alert[key])}" for name, key in MOMENTS if alert.get(key)]
    lines += [f"{name + ':':<18}{_line(alert[name])}" for name in FACTS if alert.get(name)]
    if page_url:
        lines += ["", _link(page_url, alert)]
    message.set_content("\n".join(lines) + "\n")
    return message


def _link(page_url: str, alert: Mapping[str, Any]) -> str:
    charger = str(alert.get("charger") or "")
    page = f"chargers/{quote(charger, safe='')}" if charger else "alerts"
    return f"{page_url.rstrip('/')}/ui/{page}"


def _line(text: object) -> str:
    return " ".join(str(text).split())


def _moment(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us // US_PER_S, UTC):%Y-%m-%d %H:%M:%S} UTC"
