"""The audit sees what it is for: a book-keeper that finds nothing proves nothing."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.chaos.audit import (
    Report,
    check_events,
    check_messages,
    check_samples,
    check_statuses,
    check_transactions,
)
from tests.chaos.books import ENERGY, Books, Message, Sample, Session, Status

KEY = "C1:1:2026-01-01T00:00:00.001Z"
START = {
    "id": KEY,
    "charger": "C1",
    "connector": 1,
    "started_raw": "2026-01-01T00:00:00.001Z",
    "token": "TAG",
    "meter_start_wh": 100,
    "number": 7,
    "state": "ended",
    "stopped_raw": "2026-01-01T00:10:00.001Z",
    "meter_stop_wh": 900,
    "stop_reason": "Local",
    "flags": "[]",
}


def books() -> Books:
    """One session with a meter value and a status, all acknowledged."""
    session = Session("C1", 0, 1, "TAG", START["started_raw"], 100)
    session.start = Message("C1", "StartTransaction", {}, (session,), ["u1"], {"transactionId": 7})
    session.stopped_raw, session.meter_stop_wh, session.reason = START["stopped_raw"], 900, "Local"
    session.stop = Message("C1", "StopTransaction", {}, (session,), ["u4"], {})
    sample = Sample("C1", 1, 0, ENERGY, "Sample.Periodic", 5_000, 200.0)
    meter = Message("C1", "MeterValues", {}, (sample,), ["u2", "u3"], {})
    status = Message(
        "C1", "StatusNotification", {}, (Status("C1", 1, "Charging", 6_000),), ["u5"], {}
    )
    return Books([session.start, meter, session.stop, status], [session])


def stores() -> dict[str, list[Any]]:
    """What the stores have of it."""
    return {
        "rows": [dict(START)],
        "aliases": [],
        "stops": [{"transaction": KEY}],
        "samples": [["C1", 1, 7, ENERGY, "Sample.Periodic", 5_000, 200.0, "ok", ""]],
        "statuses": [["C1", 1, "Charging", 6_000]],
        "messages": [
            ["C1", uid, action, 1]
            for uid, action in (
                ("u1", "StartTransaction"),
                ("u2", "MeterValues"),
                ("u3", "MeterValues"),
                ("u4", "StopTransaction"),
                ("u5", "StatusNotification"),
            )
        ],
        "events": [["C1", "started", 7, 100], ["C1", "stopped", 7, 900]],
    }


def audited(of: dict[str, list[Any]], said: Books) -> tuple[int, int]:
    report = Report()
    check_transactions(of["rows"], of["aliases"], of["stops"], said, report)
    check_samples(of["samples"], said, report)
    check_statuses(of["statuses"], said, report)
    check_messages(of["messages"], said, report)
    check_events(of["events"], said, report)
    return len(report.lost), len(report.doubled)


def test_books_and_stores_that_agree_are_in_order() -> None:
    assert audited(stores(), books()) == (0, 0)


def test_another_number_is_in_order_when_it_is_an_alias() -> None:
    of = stores()
    of["rows"][0]["number"] = 8
    of["aliases"] = [{"charger": "C1", "number": 7, "transaction": KEY}]
    assert audited(of, books()) == (0, 0)


LOSSES: dict[str, Callable[[dict[str, list[Any]]], object]] = {
    "a start": lambda of: of["rows"].clear(),
    "its number": lambda of: of["rows"][0].update(number=8),
    "a stop": lambda of: of["rows"][0].update(state="open"),
    "energy": lambda of: of["rows"][0].update(meter_stop_wh=899),
    "a sample": lambda of: of["samples"].clear(),
    "a value": lambda of: of["samples"][0].__setitem__(6, 201.0),
    "a status": lambda of: of["statuses"].clear(),
    "a message": lambda of: of["messages"].pop(0),
    "an event": lambda of: of["events"].pop(0),
}
DOUBLES: dict[str, Callable[[dict[str, list[Any]]], object]] = {
    "a start": lambda of: of["rows"].append(dict(START, id="other")),
    "a start of nobody": lambda of: of["rows"].append(dict(START, charger="C2")),
    "a stop": lambda of: of["stops"].append({"transaction": KEY}),
    "a stop of nobody": lambda of: of["rows"].append(dict(START, state="orphan")),
    "a sample": lambda of: of["samples"].append(list(of["samples"][0])),
    "a sample of nobody": lambda of: of["samples"].append(
        [*of["samples"][0][:5], 1, 1.0, "ok", ""]
    ),
    "a status": lambda of: of["statuses"].append(list(of["statuses"][0])),
    "a message": lambda of: of["messages"][0].__setitem__(3, 2),
}


@pytest.mark.parametrize("what", LOSSES)
def test_a_loss_is_found(what: str) -> None:
    of = deepcopy(stores())
    LOSSES[what](of)
    lost, _ = audited(of, books())
    assert lost == 1


@pytest.mark.parametrize("what", DOUBLES)
def test_what_is_there_twice_or_was_never_sent_is_found(what: str) -> None:
    of = deepcopy(stores())
    DOUBLES[what](of)
    _, doubled = audited(of, books())
    assert doubled == 1


def test_what_was_not_acknowledged_may_be_missing() -> None:
    said = books()
    for message in said.messages[1:]:
        message.answer = None
    of = stores()
    of["rows"][0].update(state="open")
    for table in ("stops", "samples", "statuses"):
        of[table].clear()
    of["messages"] = of["messages"][:1]
    of["events"] = of["events"][:1]
    assert audited(of, said) == (0, 0)
