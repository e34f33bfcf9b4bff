"""The table of quirks through the real codec, session, schemas and readers."""

from pathlib import Path

import pytest

from domain.answers import (
    ACKNOWLEDGED,
    Answer,
    AuthorizationAnswer,
    BootDecision,
    HeartbeatAnswer,
    StartAnswer,
    StopAnswer,
    TokenDecision,
)
from domain.reports import Report
from protocol.limits import SessionLimits
from protocol.reading import Reading
from protocol.session import CallReceived, ResultReceived, Role, Session
from protocol.v16 import V16
from tests.conformance.quirks_v16 import ELSEWHERE, NOW_US, QUIRKS, Elsewhere, Quirk

ROOT = Path(__file__).parents[2]
YES = TokenDecision("Accepted")
ANSWERS: dict[str, Answer] = {
    "Authorize": AuthorizationAnswer(YES),
    "BootNotification": BootDecision("Accepted", 300, NOW_US),
    "Heartbeat": HeartbeatAnswer(NOW_US),
    "StartTransaction": StartAnswer(7, YES),
    "StopTransaction": StopAnswer(),
}


class Server:
    """What a gateway does with a connection, without its journal, actors and sockets."""

    def __init__(self, zone: str) -> None:
        self.session = Session(role=Role.CSMS, dialect=V16.dialect, limits=SessionLimits())
        self.reading = Reading(NOW_US, zone)
        self.reports: list[Report] = []
        self.flags: set[str] = set()
        self.ended: list[str] = []
        self.accepted: bool | None = None
        self.frames: list[bytes] = []

    def take(self, text: bytes) -> None:
        self.session.receive(text, NOW_US)
        for event in self.session.take_events():
            if isinstance(event, CallReceived):
                row = V16.inbound[event.action]
                self.flags |= {
                    *event.flags,
                    *V16.schemas.request(event.action).flags(event.payload),
                }
                self.reports.append(row.read(event.payload, self.reading))
                self.session.answer(event.uid, row.write(ANSWERS.get(event.action, ACKNOWLEDGED)))
                continue
            self.ended.append(type(event).__name__)
            if isinstance(event, ResultReceived):
                self.accepted = V16.outbound[event.action].accepted(event.payload)
        self.frames += self.session.take_frames()


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: f"Q{quirk.number}: {quirk.what}")
def test_what_chargers_send_comes_to_what_it_must(quirk: Quirk) -> None:
    server = Server(quirk.zone)
    if quirk.asked is not None:
        action, payload = quirk.asked
        server.session.call("q", action, payload, NOW_US, 30_000_000)
        assert len(server.session.take_frames()) == 1
    for text in quirk.sent:
        server.take(text)
    assert tuple(server.reports) == quirk.reports
    assert tuple(server.frames) == quirk.answers
    assert server.flags == quirk.flags
    assert tuple(server.ended) == quirk.ended
    assert server.accepted is quirk.accepted
    assert server.session.open_call is None


def test_every_known_quirk_has_its_place() -> None:
    here = {row.number for row in QUIRKS}
    elsewhere = {row.number for row in ELSEWHERE}
    assert here | elsewhere == set(range(1, 55))
    assert not here & elsewhere


SHOWN = [row for row in ELSEWHERE if row.test]


@pytest.mark.parametrize("row", SHOWN, ids=lambda row: f"Q{row.number}")
def test_a_quirk_of_another_room_has_the_test_that_it_names(row: Elsewhere) -> None:
    path, _, name = row.test.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text()


@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda row: f"Q{row.number}")
def test_a_quirk_of_another_room_names_a_room(row: Elsewhere) -> None:
    assert (ROOT / row.where).is_dir()


def test_no_quirk_is_answered_with_an_error_but_broken_json() -> None:
    refused = {
        row.number for row in QUIRKS if any(answer.startswith(b"[4,") for answer in row.answers)
    }
    assert refused == {15}
