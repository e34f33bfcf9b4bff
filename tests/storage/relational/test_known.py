from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import (
    ChargerBooted,
    CommandFinished,
    CommandFollowed,
    ConnectorStatusReported,
    EnergyMeasured,
    Sample,
    TransactionEndedProvisionally,
    TransactionStarted,
    TransactionStopped,
)
from domain.known import KnownCharger, KnownCommand, KnownConnector, OpenTransaction
from storage.relational.known import known
from tests.storage.relational.kit import SECOND, T0, Journal


async def test_a_charger_that_nobody_knows_comes_empty(store: AsyncEngine) -> None:
    assert await known(store, ["A", "B"]) == [KnownCharger("A"), KnownCharger("B")]
    assert await known(store, []) == []


async def test_everything_of_a_charger_comes_and_of_no_other(store: AsyncEngine) -> None:
    journal = Journal(store)
    await journal.say("A", ChargerBooted("V", "M"), ConnectorStatusReported(1, "Charging", T0))
    await journal.say("A", ConnectorStatusReported(0, "Faulted", T0, "OverVoltage"))
    await journal.say("A", TransactionStarted(7, 1, "T", 100, T0, "t0"))
    await journal.say(
        "A", EnergyMeasured(1, 7, (Sample(T0 + 1, "Energy.Active.Import.Register", 150, "Wh"),))
    )
    await journal.say("B", TransactionStarted(8, 1, "T", 100, T0, "t0"))
    a, c = await known(store, ["A", "C"])
    assert c == KnownCharger("C")
    assert a == KnownCharger(
        "A",
        (OpenTransaction(7, 1, "T", 100, T0, "t0", 150, open=True),),
        (KnownConnector(0, "Faulted", T0, "OverVoltage"), KnownConnector(1, "Charging", T0)),
        booted=True,
        vendor="V",
        model="M",
    )


async def test_all_open_ones_and_the_last_twenty_others_come(store: AsyncEngine) -> None:
    journal = Journal(store)
    for number in range(1, 41):
        at_us = T0 + number * SECOND
        journal.write("A", TransactionStarted(number, number, "T", number, at_us, f"t{number}"))
        if number % 2:
            journal.write("A", TransactionStopped(number, 0, 999, at_us + 1, f"s{number}"))
    for number in range(41, 71):
        at_us = T0 + number * SECOND
        journal.write("A", TransactionStarted(number, 100, "T", number, at_us, f"t{number}"))
        journal.write("A", TransactionEndedProvisionally(number, 100, at_us, "boot"))
    journal.write("A", TransactionStopped(-1, 0, 5, T0, "an orphan"))
    await journal.project()
    (found,) = await known(store, ["A"])
    open_numbers = [one.transaction for one in found.transactions if one.open]
    assert open_numbers == list(range(2, 41, 2))
    assert [one.transaction for one in found.transactions if not one.open] == list(range(51, 71))


async def test_hundreds_are_one_question(store: AsyncEngine) -> None:
    journal = Journal(store)
    names = [f"C{number:04}" for number in range(1_200)]
    for number, name in enumerate(names, 1):
        journal.write(name, TransactionStarted(number, 1, "T", 0, T0, "t0"))
    await journal.project()
    found = await known(store, names)
    assert [one.charger for one in found] == names
    assert [one.transactions[0].transaction for one in found] == list(range(1, 1_201))


async def test_accepted_commands_come_until_something_has_followed(store: AsyncEngine) -> None:
    journal = Journal(store)

    def finished(name: str, outcome: str = "accepted", at_us: int = T0) -> CommandFinished:
        return CommandFinished(name, "UpdateFirmware", '{"a":1}', outcome, finished_us=at_us)

    await journal.say("A", finished("1", at_us=T0 + 2), finished("2", "rejected"), finished("3"))
    await journal.say("A", finished("4"), CommandFollowed("4", "firmware_reported"))
    (found,) = await known(store, ["A"])
    assert found.commands == (
        KnownCommand("3", "UpdateFirmware", '{"a":1}', T0),
        KnownCommand("1", "UpdateFirmware", '{"a":1}', T0 + 2),
    )
    (later,) = await known(store, ["A"], accepted_since_us=T0 + 10**12)
    assert later.commands == ()
