"""Reports of monitors: only a whole one of all of them says that others are gone."""

import pytest

from actors.charger.effects import Keep, Reply
from actors.charger.messages import CommandAnswered
from actors.charger.state import State
from domain.commands import Outcome
from domain.events import MonitoringTold
from tests.actors.charger.desk import T0, boot, command, new_state, run, said

PART = MonitoringTold(request=7, more=True)
LAST = MonitoringTold(request=7, seq=1)
YES = {"status": "Accepted"}


def asked(response: dict, outcome: Outcome = Outcome.ACCEPTED, **payload) -> tuple[State, list]:
    """A state that has asked for a report, and what the answer led to."""
    state = new_state()
    boot(state)
    run(state, command(action="GetMonitoringReport", payload={"requestId": 7} | payload))
    return state, run(state, CommandAnswered("c1", outcome, response), T0 + 5)


def since(state: State, *parts: MonitoringTold) -> list[int]:
    """Return what each part says of others when it is kept."""
    found = []
    for part in parts:
        (reply,) = run(state, said(part))
        assert isinstance(reply, Reply)
        found.append(reply.events[0].all_since_us)
    return found


def test_the_last_of_all_parts_says_that_the_others_are_gone() -> None:
    state, _ = asked(YES)
    assert since(state, PART, PART, LAST, LAST) == [0, 0, T0, 0]


@pytest.mark.parametrize("name", ["monitoringCriteria", "componentVariable"])
def test_a_report_of_some_says_nothing_of_others(name: str) -> None:
    state, _ = asked(YES, **{name: [{}]})
    assert since(state, PART, LAST) == [0, 0]


@pytest.mark.parametrize(
    "parts",
    [
        (LAST,),
        (PART, MonitoringTold(request=7, seq=2)),
        (PART, MonitoringTold(request=7, seq=1, flags=("cut:/",))),
        (MonitoringTold(request=8),),
    ],
    ids=["one is missing", "the second is missing", "one is cut", "of somebody else"],
)
def test_what_is_not_whole_proves_nothing(parts: tuple[MonitoringTold, ...]) -> None:
    state, _ = asked(YES)
    assert set(since(state, *parts)) == {0}


def test_an_empty_answer_says_that_there_are_none() -> None:
    _, effects = asked({"status": "EmptyResultSet"}, Outcome.REJECTED)
    (kept,) = [
        e for e in effects if isinstance(e, Keep) and isinstance(e.events[0], MonitoringTold)
    ]
    assert kept.events[0].all_since_us == T0


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
def test_a_refusal_says_nothing(status: str) -> None:
    state, effects = asked({"status": status}, Outcome.REJECTED)
    kept = [event for e in effects if isinstance(e, Keep) for event in e.events]
    assert not [event for event in kept if isinstance(event, MonitoringTold)]
    assert since(state, PART, LAST) == [0, 0]
