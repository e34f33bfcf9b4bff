"""Sent = acknowledged = stored, or the one number is not 0."""

from csms.simulator.books import Bill, Books, Tally
from loadtests.accounts import StoredBill, settle


def books(**tallies: Tally) -> Books:
    return Books(dict(tallies))


def test_everything_that_was_acknowledged_and_is_stored_makes_zero() -> None:
    mine = {"C1": books(MeterValues=Tally(sent=10, acknowledged=9, lost=1))}
    for stored in (9, 10):
        account = settle(mine, {("C1", "MeterValues"): stored})
        assert account.loss == 0
        assert account.kinds["MeterValues"].unanswered == 1


def test_what_is_missing_of_one_charger_is_not_made_up_by_another() -> None:
    mine = {
        "C1": books(MeterValues=Tally(sent=10, acknowledged=10)),
        "C2": books(MeterValues=Tally(sent=10, acknowledged=5, lost=5)),
    }
    stored = {("C1", "MeterValues"): 7, ("C2", "MeterValues"): 10}
    assert settle(mine, stored).loss == 3


def test_heartbeats_promise_nothing() -> None:
    account = settle({"C1": books(Heartbeat=Tally(sent=5, acknowledged=5))}, {})
    assert account.kinds["Heartbeat"].lost == 5
    assert account.loss == 0


def test_missing_and_wrong_bills_are_losses() -> None:
    mine = Books(bills={1: Bill(1, 1, 100, 200), 2: Bill(2, 1, 200), 3: Bill(3, 1, 300, 400)})
    stored = [StoredBill("C1", 1, 100, 199), StoredBill("C1", 2, 200, 0)]
    account = settle({"C1": mine}, {}, stored)
    assert account.loss == 2
    assert account.bills.lost == 1
    assert "100 to 199 are stored" in account.wrong_bills[0]


def test_the_bill_of_another_charger_does_not_count() -> None:
    mine = {"C1": Books(bills={1: Bill(1, 1, 100)})}
    assert settle(mine, {}, [StoredBill("C2", 1, 100, 0)]).loss == 1


def test_a_transaction_that_its_charger_named_is_found_by_that_name_alone():
    mine = {"C1": Books(bills={"a1": Bill(0, 1, 100, 200, "a1")})}
    assert settle(mine, {}, [StoredBill("C1", 7, 100, 200, 1, "a1")]).loss == 0
    assert settle(mine, {}, [StoredBill("C1", 7, 100, 199, 1, "a1")]).loss == 1
    assert settle(mine, {}, [StoredBill("C1", 7, 100, 200, 1, "b2")]).bills.lost == 1


def test_of_a_foreign_server_only_the_known_part_is_told() -> None:
    account = settle({"C1": books(MeterValues=Tally(sent=10, acknowledged=9))})
    assert account.loss is None
    row = account.to_json()["kinds"]["MeterValues"]
    assert (row["sent"], row["acknowledged"], row["stored"]) == (10, 9, None)


def test_a_start_that_came_twice_may_be_stored_under_its_first_number() -> None:
    mine = {"C1": Books(bills={2: Bill(2, 1, 100, 200)})}
    account = settle(mine, {}, [StoredBill("C1", 1, 100, 200, connector=1)])
    assert account.loss == 0
    assert account.renumbered == 1
    assert settle(mine, {}, [StoredBill("C1", 1, 100, 0, connector=1)]).loss == 1
