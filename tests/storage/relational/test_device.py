"""Variables of the device model, notices: what the newest report says, whatever its form."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import (
    DeviceNotice,
    DeviceNoticed,
    NoticeReported,
    Variable,
    VariablesReported,
)
from storage.relational import reads
from storage.relational.tables import device_notices, notices, variables
from tests.storage.relational.kit import SECOND, T0, Journal, rows


@pytest.fixture
def journal(store: AsyncEngine) -> Journal:
    return Journal(store)


def variable(name: str, value: str, **more) -> Variable:
    return Variable("Ctrlr", name, value, **more)


async def told(journal: Journal, *found: Variable, at_s: int = 0, charger: str = "CP1") -> None:
    await journal.say(charger, VariablesReported(found), at_s=at_s)


async def test_a_result_changes_the_value_and_keeps_what_a_report_said(journal: Journal) -> None:
    report = variable("A", "1", unit="s", mutability="ReadWrite", data_type="integer", limit_max=9)
    await told(journal, report)
    await told(journal, variable("A", "2", status="Accepted"), at_s=1)
    (row,) = await rows(journal.store, variables)
    assert (row["value"], row["status"], row["unit"], row["limit_max"], row["mutability"]) == (
        "2", "Accepted", "s", 9.0, "ReadWrite"
    )  # fmt: skip
    await told(journal, variable("A", "3", status="Rejected"), at_s=2)
    await told(journal, variable("B", "", status="UnknownVariable"), at_s=3)
    (row,) = await rows(journal.store, variables)
    assert (row["value"], row["received_us"]) == ("2", T0 + SECOND)


async def test_report_and_result_in_one_batch_are_one_row(journal: Journal) -> None:
    journal.write("CP1", VariablesReported((variable("A", "1", unit="s"),)))
    journal.write("CP1", VariablesReported((variable("A", "2", status="Accepted"),)), at_s=1)
    journal.write("CP1", VariablesReported((Variable("", "Key", "x", status="Accepted"),)))
    await journal.project()
    found = await reads.page(journal.store, "variables", {"charger": "CP1"})
    assert [(i["component"], i["variable"], i["value"], i["unit"]) for i in found.items] == [
        ("", "Key", "x", ""),
        ("Ctrlr", "A", "2", "s"),
    ]


async def test_places_and_attributes_are_told_apart_and_pages_follow(journal: Journal) -> None:
    await told(
        journal,
        variable("A", "1"),
        variable("A", "2", evse=1),
        variable("A", "3", evse=1, connector=1),
        variable("A", "4", attribute="Target"),
        variable("A", "5", variable_instance="x"),
        variable("A", "6", component_instance="y"),
    )
    await told(journal, variable("A", "7"), charger="CP2")
    seen, cursor = [], ""
    while True:
        page = await reads.page(
            journal.store, "variables", {"charger": "CP1"}, cursor=cursor, limit=4
        )
        seen += [item["value"] for item in page.items]
        cursor = page.next
        if not cursor:
            break
    assert sorted(seen) == ["1", "2", "3", "4", "5", "6"]
    found = await reads.page(journal.store, "variables", {"charger": "CP1", "component": "Ctrlr/y"})
    assert [item["value"] for item in found.items] == ["6"]
    found = await reads.page(journal.store, "variables", {"search": "a/x"})
    assert [item["value"] for item in found.items] == ["5"]


async def test_of_too_many_variables_the_oldest_are_forgotten(store: AsyncEngine) -> None:
    journal = Journal(store, variables_max=3)
    for at_s in range(5):
        await told(journal, variable(f"V{at_s}", "1"), at_s=at_s)
    assert sorted(row["variable"] for row in await rows(store, variables)) == ["V2", "V3", "V4"]


async def test_the_newest_notice_of_a_variable_stays(journal: Journal) -> None:
    first = DeviceNotice(1, T0, "Alerting", "Connector", "Problem", "true", evse=1, severity=2)
    older = DeviceNotice(0, T0 - SECOND, "Delta", "Connector", "Problem", "false", evse=1)
    other = DeviceNotice(2, T0, "Alerting", "Connector", "Problem", "true", evse=2)
    await journal.say("CP1", DeviceNoticed((first, other)))
    await journal.say("CP1", DeviceNoticed((older,)))
    found = [(r["evse"], r["event"], r["value"]) for r in await rows(journal.store, device_notices)]
    found.sort()
    assert found == [(1, 1, "true"), (2, 2, "true")]


async def test_other_notices_are_kept_as_they_were_said(journal: Journal) -> None:
    await journal.say(
        "CP1", NoticeReported("NotifyMonitoringReport", '{"a":1}', request=7, more=True)
    )
    (row,) = await rows(journal.store, notices)
    assert (row["topic"], row["body"], row["request"], row["more"]) == (
        "NotifyMonitoringReport", '{"a":1}', 7, True
    )  # fmt: skip
    page = await reads.page(journal.store, "notices", {"topic": "NotifyMonitoringReport"})
    assert len(page.items) == 1
