"""Monitors of variables: the newest that is told of each, and what a base ends."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import ChargerBooted, Monitor, MonitoringTold
from storage.relational import monitors
from tests.storage.relational.kit import SECOND, T0, Journal

CUSTOM, PRECONFIGURED, HARD = "CustomMonitor", "PreconfiguredMonitor", "HardWiredMonitor"


@pytest.fixture
def journal(store: AsyncEngine) -> Journal:
    return Journal(store)


def monitor(number: int, value: float = 80.0, **more) -> Monitor:
    fields = {"severity": 3, "evse": 1, "origin": CUSTOM} | more
    return Monitor(number, "Connector", "Temperature", "UpperThreshold", value, **fields)


async def told(journal: Journal, *found: Monitor, at_s: int = 0, **more) -> None:
    await journal.say("CP1", MonitoringTold(found, **more), at_s=at_s)


async def numbers(journal: Journal, **filters) -> list[int]:
    page = await monitors.page(journal.store, {"charger": "CP1"} | filters)
    return [item["number"] for item in page.items]


async def test_the_newest_of_a_number_is_what_is_there(journal: Journal) -> None:
    await told(journal, monitor(7), monitor(0, severity=9, in_transaction=True))
    await told(journal, monitor(7, 90.5, component_instance="left"), at_s=1)
    page = await monitors.page(journal.store, {"charger": "CP1"})
    first, second = page.items
    assert (first["number"], first["severity"], first["in_transaction"]) == (0, 9, True)
    assert (second["value"], second["component"], second["kind"], second["evse"]) == (
        90.5, "Connector/left", "UpperThreshold", 1
    )  # fmt: skip
    assert await numbers(journal, severity=9) == [0]
    assert await numbers(journal, component="Connector/left") == [7]


async def test_what_is_cleared_is_gone_until_its_number_comes_again(journal: Journal) -> None:
    await told(journal, monitor(1), monitor(2))
    await told(journal, cleared=(1, 5), at_s=1)
    assert await numbers(journal) == [2]
    await told(journal, monitor(1), at_s=2)
    assert await numbers(journal) == [1, 2]


@pytest.mark.parametrize("is_one_batch", [True, False])
async def test_order_of_set_and_clear_decides_also_when_projected_again(
    journal: Journal, *, is_one_batch: bool
) -> None:
    for at_s, event in enumerate(
        (
            MonitoringTold((monitor(1), monitor(2))),
            MonitoringTold(cleared=(1, 2)),
            MonitoringTold((monitor(2, 5.0),)),
            MonitoringTold(cleared=(3,)),
        )
    ):
        journal.write("CP1", event, at_s=at_s)
        if not is_one_batch:
            await journal.project()
    await journal.project()
    assert await numbers(journal) == [2]
    await journal.projector.rewind(journal.uuid)
    for row in journal.rows:
        await journal.projector.apply(journal.uuid, [row], "gw0")
    assert await numbers(journal) == [2]


@pytest.mark.parametrize(
    ("base", "left"),
    [("All", [1, 2, 3]), ("FactoryDefault", [2, 3]), ("HardWiredOnly", [3])],
)
async def test_a_base_ends_what_the_specification_says(
    journal: Journal, base: str, left: list[int]
) -> None:
    await told(journal, monitor(1), monitor(2, origin=PRECONFIGURED), monitor(3, origin=HARD))
    await told(journal, base=base, at_s=1)
    assert await numbers(journal) == left
    of_charger = await monitors.of_charger(journal.store, "CP1")
    assert (of_charger["base"], of_charger["base_us"], of_charger["monitors"]) == (
        base, T0 + SECOND, len(left)
    )  # fmt: skip
    await told(journal, monitor(1), at_s=2)
    assert await numbers(journal) == sorted({1, *left})


async def test_level_and_base_are_the_newest_of_each(journal: Journal) -> None:
    nothing = await monitors.of_charger(journal.store, "CP1")
    assert nothing == {
        "base": "", "base_us": 0, "level": -1, "level_us": 0, "whole_us": 0,
        "monitors": 0, "unconfirmed": 0,
    }  # fmt: skip
    await told(journal, level=4)
    await told(journal, base="All", at_s=1)
    await told(journal, level=0, at_s=2)
    found = await monitors.of_charger(journal.store, "CP1")
    assert (found["base"], found["level"], found["level_us"]) == ("All", 0, T0 + 2 * SECOND)


async def test_of_too_many_monitors_the_oldest_are_forgotten(store: AsyncEngine) -> None:
    journal = Journal(store, monitors_max=3)
    for at_s in range(5):
        await told(journal, monitor(at_s), at_s=at_s)
    assert await numbers(journal) == [2, 3, 4]


async def test_what_a_whole_report_does_not_have_is_gone(journal: Journal) -> None:
    await told(journal, monitor(1), monitor(2))
    await told(journal, monitor(1), more=True, request=9, at_s=5)
    await told(journal, monitor(3), seq=1, request=9, at_s=6)
    assert await numbers(journal) == [1, 2, 3], "a report of some proves nothing of others"
    await told(journal, monitor(3), seq=1, request=9, at_s=7, all_since_us=T0 + 4 * SECOND)
    assert await numbers(journal) == [1, 3]
    await told(journal, monitor(2), at_s=8)
    assert await numbers(journal) == [1, 2, 3]
    of_charger = await monitors.of_charger(journal.store, "CP1")
    assert (of_charger["whole_us"], of_charger["monitors"]) == (T0 + 4 * SECOND, 3)
    await journal.projector.rewind(journal.uuid)
    for row in journal.rows:
        await journal.projector.apply(journal.uuid, [row], "gw0")
    assert await numbers(journal) == [1, 2, 3]


async def test_after_a_boot_monitors_are_unconfirmed_until_they_are_told_again(
    journal: Journal,
) -> None:
    await journal.say("CP1", ChargerBooted("V", "M", "serial 1"))
    await told(journal, monitor(1), monitor(2), at_s=1)
    assert await numbers(journal, confirmed=True) == [1, 2]
    await journal.say("CP1", ChargerBooted("V", "M", "serial 2"), at_s=2)
    assert await numbers(journal) == [1, 2]
    assert await numbers(journal, confirmed=False) == [1, 2]
    await told(journal, monitor(2), at_s=3)
    assert await numbers(journal, confirmed=True) == [2]
    assert (await monitors.of_charger(journal.store, "CP1"))["unconfirmed"] == 1
    await journal.say("CP2", MonitoringTold((monitor(1),)), at_s=4)
    page = await monitors.page(journal.store, {"charger": "CP2"})
    assert [bool(item["confirmed"]) for item in page.items] == [True], "it never booted"
