"""E-mail about alerts reads like a sentence, and what chargers wrote stays inside of it."""

from typing import Any

import pytest

from csms.operations.letters import EVENTS, letter

SINCE_US = 1_767_225_600_000_000
ALERT = {
    "id": "a1",
    "subject": "CP1/1",
    "charger": "CP 1",
    "site": "harbour",
    "severity": "critical",
    "state": "open",
    "detail": "GroundFailure E7 Wet",
    "since_us": SINCE_US,
    "opened_us": SINCE_US + 5_000_000,
    "resolved_us": 0,
}


def written(event: str = "alert.opened", page_url: str = "", **fields: Any) -> tuple[str, str]:
    body = {"event": event, "rule": {"name": "A fault"}, "alert": ALERT | fields}
    message = letter("csms@example.org", "ops@example.org", body, "d1", page_url)
    return str(message["Subject"]), message.get_content()


@pytest.mark.parametrize(
    ("event", "subject"),
    [
        ("alert.opened", "[critical] A fault: CP1/1"),
        ("alert.told", "[critical] still: A fault: CP1/1"),
        ("alert.escalated", "[critical] nobody has taken care: A fault: CP1/1"),
        ("alert.resolved", "[critical] over: A fault: CP1/1"),
        ("alert.new", "[critical] alert.new: A fault: CP1/1"),
    ],
)
def test_the_subject_says_how_bad_what_and_where(event: str, subject: str) -> None:
    assert written(event)[0] == subject


def test_it_says_what_is_wrong_and_since_when_in_words() -> None:
    lines = written()[1].splitlines()
    assert lines[:2] == ["A fault: CP1/1", "GroundFailure E7 Wet"]
    assert "since:            2026-01-01 00:00:00 UTC" in lines
    assert "site:             harbour" in lines
    assert not any(line.startswith("over:") for line in lines)


def test_it_links_to_the_page_of_its_charger_or_to_all_alerts() -> None:
    assert "/ui/" not in written()[1]
    url = "https://csms.example.org/"
    assert written(page_url=url)[1].endswith("https://csms.example.org/ui/chargers/CP%201\n")
    assert written(page_url=url, charger="")[1].endswith("https://csms.example.org/ui/alerts\n")


def test_what_chargers_wrote_adds_no_header_and_no_line() -> None:
    hostile = "x\r\nBcc: all@example.org\r\n\r\nhello"
    body = {"event": "alert.opened", "rule": {"name": hostile}}
    body["alert"] = ALERT | {"subject": hostile, "detail": hostile, "site": hostile}
    message = letter("csms@example.org", "ops@example.org", body, "d1")
    assert message["Bcc"] is None
    assert not any(line.startswith("Bcc") for line in message.as_string().splitlines())


def test_a_test_and_every_event_have_words() -> None:
    message = letter("csms@example.org", "ops@example.org", {"event": "test"}, "d1")
    assert message["Subject"] == "a test of this channel"
    assert {"alert.opened", "alert.told", "alert.escalated", "alert.resolved"} <= set(EVENTS)
