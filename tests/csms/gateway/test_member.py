"""What a site hears of a charger's messages."""

import pytest

from actors.site.messages import ChargerCame, CurrentMeasured, KnownLimit, MainMeasured, Message
from csms.gateway.member import Member, flows
from domain.commands import Outcome
from domain.events import (
    EnergyMeasured,
    Sample,
    TimeQuality,
    TransactionStarted,
    TransactionStopped,
)
from domain.known import KnownCharger, OpenTransaction


def heard() -> tuple[Member, list[Message]]:
    told: list[Message] = []
    member = Member("CP1", "depot", lambda _site, message: told.append(message))
    member.introduce()
    started = TransactionStarted(7, 1, "T", 0, 1_000, "raw")
    member.heard([started])
    return member, told


def test_current_of_each_phase_goes_before_power() -> None:
    samples = [
        Sample(5, "Power.Active.Import", 9_999.0, "W"),
        Sample(5, "Current.Import", 10.0, "A", "L1"),
        Sample(5, "Current.Import", 0.0, "A", "L2"),
    ]
    assert flows(samples) == ((10.0, 0.0, 0.0), -1.0)


def test_power_of_all_phases_together_is_said_as_such() -> None:
    (one, two, three), power_w = flows([Sample(5, "Power.Active.Import", 6.9, "kW")]) or ((), 0)  # type: ignore[misc]
    assert (one, two, three, power_w) == (10.0, 10.0, 10.0, 6_900.0)


def test_samples_of_other_things_say_nothing() -> None:
    assert flows([Sample(5, "SoC", 50.0, "Percent")]) is None


def test_export_is_negative() -> None:
    samples = [
        Sample(5, "Power.Active.Import", 0.0, "W", "L1"),
        Sample(5, "Power.Active.Export", 2_300.0, "W", "L1"),
    ]
    assert flows(samples) == ((-10.0, 0.0, 0.0), -1.0)


def test_the_main_meter_is_told_even_without_a_session() -> None:
    told: list[Message] = []
    member = Member("CP1", "depot", lambda _site, message: told.append(message))
    member.introduce()
    samples = (Sample(77, "Current.Import", 8.0, "A"),)
    member.heard([EnergyMeasured(0, 0, samples), EnergyMeasured(1, 0, samples)])
    assert told[1:] == [MainMeasured("CP1", (8.0, 8.0, 8.0), 77)]


def test_a_measurement_of_a_wrong_clock_counts_from_when_it_is_heard() -> None:
    member, told = heard()
    for quality in (TimeQuality.OK, TimeQuality.SKEWED):
        sample = Sample(77, "Current.Import", 8.0, "A", quality=quality)
        member.heard([EnergyMeasured(1, 7, (sample,))])
    measured = [message.at_us for message in told if isinstance(message, CurrentMeasured)]
    assert measured == [77, 0]


def test_accepted_limits_of_every_scope_are_told_to_the_next_owner() -> None:
    member, told = heard()
    for scope, limit_a, session in (
        ("standing", 0.0, ""),
        ("session", 16.0, "7"),
        ("session", 32.0, "another"),
        ("charger", 20.0, ""),
    ):
        member.sending(1, scope, limit_a)
        member.ended(1, scope, limit_a, session, Outcome.ACCEPTED)
    member.introduce()
    came = [message for message in told if isinstance(message, ChargerCame)]
    assert came[-1].limits == {1: KnownLimit(0.0, 16.0, 20.0)}
    member.heard([TransactionStopped(7, 7, 100, 2_000, "raw")])
    member.introduce()
    came = [message for message in told if isinstance(message, ChargerCame)]
    assert came[-1].limits == {1: KnownLimit(0.0, -1.0, 20.0)}


def newest(told: list[Message]) -> ChargerCame:
    return [message for message in told if isinstance(message, ChargerCame)][-1]


def test_what_is_on_its_way_is_told_to_the_next_owner_as_a_doubt() -> None:
    member, told = heard()
    member.sending(1, "session", 16.0)
    member.introduce()
    assert newest(told).limits == {1: KnownLimit(session_doubt_a=16.0)}
    member.ended(1, "session", 16.0, "7", Outcome.ACCEPTED)
    member.introduce()
    assert newest(told).limits == {1: KnownLimit(session_a=16.0)}


@pytest.mark.parametrize(
    ("outcome", "doubt_a"),
    [
        (Outcome.TIMED_OUT, 30.0),
        (Outcome.LOST, 30.0),
        (Outcome.ERROR, 30.0),
        (Outcome.REJECTED, 0.0),
        (Outcome.REFUSED, 0.0),
        (Outcome.EXPIRED, 0.0),
    ],
)
def test_a_limit_without_a_sure_end_stays_in_doubt_until_another_is_accepted(
    outcome: str, doubt_a: float
) -> None:
    member, told = heard()
    for limit_a, end in ((8.0, Outcome.ACCEPTED), (30.0, outcome), (10.0, Outcome.REJECTED)):
        member.sending(1, "session", limit_a)
        member.ended(1, "session", limit_a, "7", end)
    member.introduce()
    assert newest(told).limits == {1: KnownLimit(session_a=8.0, session_doubt_a=doubt_a)}
    member.sending(1, "session", 6.0)
    member.ended(1, "session", 6.0, "7", Outcome.ACCEPTED)
    member.introduce()
    assert newest(told).limits == {1: KnownLimit(session_a=6.0)}


def test_a_limit_that_ends_after_its_session_says_nothing_of_the_next_one() -> None:
    member, told = heard()
    member.sending(1, "session", 16.0)
    member.heard([TransactionStopped(7, 7, 100, 2_000, "raw")])
    member.heard([TransactionStarted(8, 1, "T", 0, 3_000, "raw")])
    member.ended(1, "session", 16.0, "7", Outcome.TIMED_OUT)
    member.introduce()
    assert newest(told).limits == {}
    assert [began.session for began in newest(told).running] == ["8"]


def test_a_session_of_before_is_known_as_soon_as_it_has_accepted_a_limit() -> None:
    told: list[Message] = []
    member = Member("CP1", "depot", lambda _site, message: told.append(message))
    running = OpenTransaction(7, 1, "T", 0, 1_000, "raw")
    member.known(KnownCharger("CP1", (running,)))
    assert [began.fresh for began in newest(told).running] == [False]
    member.sending(1, "session", 16.0)
    member.ended(1, "session", 16.0, "7", Outcome.ACCEPTED)
    member.introduce()
    assert [began.fresh for began in newest(told).running] == [True]


def test_what_is_known_late_does_not_bring_back_a_session_that_has_ended() -> None:
    told: list[Message] = []
    member = Member("CP1", "depot", lambda _site, message: told.append(message))
    member.known(None)
    assert newest(told).sessions is None
    member.heard([TransactionStopped(7, 0, 5, 2_000, "raw")])
    running = tuple(OpenTransaction(n, n - 6, "T", 0, 1_000, "raw") for n in (7, 8))
    member.known(KnownCharger("CP1", running))
    assert newest(told).sessions == ("8",)
