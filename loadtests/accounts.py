"""Sent = acknowledged = stored: the books of the chargers against those of the server. Pure.

The law that is checked: what was acknowledged is stored. What was sent and not acknowledged may be
stored or not; nobody was promised anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from csms.simulator.books import BillName, Books, Tally

UNPROMISED = frozenset({"Authorize", "Heartbeat"})
"""Their answers promise nothing: a server may forget them when it is killed."""


class StoredBill(NamedTuple):
    """A transaction as the server tells it."""

    charger: str
    number: int
    meter_start_wh: int | None
    meter_stop_wh: int | None
    connector: int = 0
    said: str = ""
    """The charger's own name for it (2.x)."""

    @property
    def name(self) -> BillName:
        """What both sides call it."""
        return self.said or self.number


@dataclass
class Row:
    """One kind of message. `stored` None: the server was not asked."""

    sent: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    """Sent, and the connection went, the time was over, or an error came."""
    stored: int | None = None
    lost: int = 0
    """Acknowledged and not stored, summed over chargers: one may not make up for another."""
    promised: bool = True


@dataclass
class Account:
    """The result. `loss` is the one number; None: a foreign server, that could not be asked."""

    kinds: dict[str, Row] = field(default_factory=dict)
    bills: Row = field(default_factory=Row)
    """Transactions whose start was acknowledged."""
    wrong_bills: list[str] = field(default_factory=list)
    renumbered: int = 0
    """Bills that are stored under another number than the one that was acknowledged last: the same
    start came twice, over a lost connection, and two numbers were given for it."""
    dropped: int = 0
    """Given up by chargers unsent: nobody was told, so it is no loss of the server."""
    asked: bool = False

    @property
    def loss(self) -> int | None:
        """Acknowledged and not stored, and bills that are missing or wrong."""
        if not self.asked:
            return None
        kinds = sum(row.lost for row in self.kinds.values() if row.promised)
        return kinds + self.bills.lost + len(self.wrong_bills)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "loss": self.loss,
            "kinds": {name: vars(row) for name, row in sorted(self.kinds.items())},
            "bills": vars(self.bills),
            "wrong_bills": self.wrong_bills,
            "renumbered": self.renumbered,
            "dropped": self.dropped,
        }


def settle(
    books: Mapping[str, Books],
    stored: Mapping[tuple[str, str], int] | None = None,
    bills: Iterable[StoredBill] | None = None,
) -> Account:
    """Compare.

    Args:
        books: of the chargers, by identity.
        stored: different messages by charger and action; None: not known.
        bills: transactions of the server; None: not known.
    """
    account = Account(asked=stored is not None or bills is not None)
    for charger, mine in books.items():
        account.dropped += mine.dropped
        for action, tally in mine.messages.items():
            row = account.kinds.setdefault(action, Row(promised=action not in UNPROMISED))
            _add(row, tally, None if stored is None else stored.get((charger, action), 0))
    told = None if bills is None else list(bills)
    known = {(bill.charger, bill.name): bill for bill in told or ()}
    alike = {(bill.charger, bill.connector, bill.meter_start_wh): bill for bill in told or ()}
    for charger, mine in books.items():
        for bill in mine.bills.values():
            account.bills.sent += 1
            account.bills.acknowledged += 1
            if told is None:
                continue
            account.bills.stored = account.bills.stored or 0
            found = known.get((charger, bill.name))
            if found is None and not bill.said:
                found = alike.get((charger, bill.connector, bill.meter_start_wh))
                account.renumbered += found is not None
            if found is None:
                account.bills.lost += 1
                continue
            account.bills.stored += 1
            wrong = found.meter_start_wh != bill.meter_start_wh or (
                bill.meter_stop_wh is not None and found.meter_stop_wh != bill.meter_stop_wh
            )
            if wrong:
                account.wrong_bills.append(
                    f"{charger} {bill.name}: {bill.meter_start_wh} to {bill.meter_stop_wh} Wh "
                    f"were acknowledged, {found.meter_start_wh} to {found.meter_stop_wh} are stored"
                )
    return account


def _add(row: Row, tally: Tally, stored: int | None) -> None:
    row.sent += tally.sent
    row.acknowledged += tally.acknowledged
    row.unanswered += tally.sent - tally.acknowledged
    if stored is not None:
        row.stored = (row.stored or 0) + stored
        row.lost += max(0, tally.acknowledged - stored)
