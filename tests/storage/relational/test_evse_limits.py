"""What may hold at the EVSEs of a site, as a site's actor reads it when it begins anew."""

from domain.events import LimitDecided
from domain.site import RememberedLimit
from storage.relational.evse_limits import remembered
from tests.storage.relational.kit import SECOND, T0, Journal


def decided(place: str, at_us: int, session_a: float = -1.0) -> LimitDecided:
    return LimitDecided(
        "depot",
        place,
        1,
        at_us,
        16.0,
        session="7" if session_a >= 0 else "",
        standing_a=0.0,
        session_a=session_a,
    )


async def test_the_newest_decision_of_each_place_is_remembered(store) -> None:
    journal = Journal(store)
    await journal.say("A", decided("A/1", T0, 16.0), decided("A/1", T0 + SECOND, 20.0))
    await journal.say("B", decided("B/1", T0))
    assert await remembered(store, "depot") == [
        RememberedLimit("A/1", "A", 1, "7", 0.0, 20.0, -1.0),
        RememberedLimit("B/1", "B", 1, "", 0.0, -1.0, -1.0),
    ]
    assert await remembered(store, "elsewhere") == []


async def test_the_journal_of_an_owner_of_before_undoes_nothing(store) -> None:
    await Journal(store).say("A", decided("A/1", T0 + SECOND, 20.0))
    await Journal(store, "journal-b").say("A", decided("A/1", T0, 6.0))
    [known] = await remembered(store, "depot")
    assert known.session_a == 20.0
