"""What a site hears of a charger's messages."""

from actors.site.messages import ChargerCame, CurrentMeasured, KnownLimit, MainMeasured, Message
from csms.gateway.member import Member, flows
from domain.events import (
    EnergyMeasured,
    Sample,
    TimeQuality,
    TransactionStarted,
    TransactionStopped,
)


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
    member.accepted(1, "standing", 0.0, "")
    member.accepted(1, "session", 16.0, "7")
    member.accepted(1, "session", 32.0, "another")
    member.accepted(1, "charger", 20.0, "")
    member.introduce()
    came = [message for message in told if isinstance(message, ChargerCame)]
    assert came[-1].limits == {1: KnownLimit(0.0, 16.0, 20.0)}
    member.heard([TransactionStopped(7, 7, 100, 2_000, "raw")])
    member.introduce()
    came = [message for message in told if isinstance(message, ChargerCame)]
    assert came[-1].limits == {1: KnownLimit(0.0, -1.0, 20.0)}
