"""Functional blocks C and I: tariffs told to the charging station, ad hoc payment."""

from collections.abc import Mapping
from typing import Any

from domain.answers import StatusAnswer
from domain.commands import Priority
from protocol.common import nothing
from protocol.v201.notice import member, notice, question
from protocol.v201.writing import status
from protocol.version import Inbound, Outbound


def no_such_company(payload: Mapping[str, Any]) -> StatusAnswer:
    """Return that a VAT number could not be validated (C18)."""
    said = {name: payload[name] for name in ("vatNumber", "evseId") if name in payload}
    return StatusAnswer("Rejected", {"vatNumber": "", **said})


INBOUND = (
    Inbound(
        "NotifySettlement",
        notice("NotifySettlement", member("transactionId"), at="settlementTime"),
        nothing,
        "C21",
    ),
    Inbound(
        "VatNumberValidation",
        question("VatNumberValidation", member("vatNumber"), no=no_such_company),
        status,
        "C18",
    ),
)

OUTBOUND = (
    Outbound("ChangeTransactionTariff", idempotent=True, priority=Priority.DRIVER, section="I11"),
    Outbound(
        "ClearTariffs",
        idempotent=True,
        priority=Priority.OPERATOR,
        section="I10",
        # NoTariff: there is none of that id, as was wanted.
        yes=frozenset({"accepted", "notariff"}),
        each=("clearTariffsResult", "status"),
    ),
    Outbound(
        "GetTariffs",
        idempotent=True,
        priority=Priority.BACKGROUND,
        section="I09",
        # NoTariff is an answer too.
        yes=frozenset({"accepted", "notariff"}),
    ),
    Outbound(
        "NotifyWebPaymentStarted",
        idempotent=True,
        priority=Priority.DRIVER,
        section="C25",
        yes=frozenset(),
    ),
    Outbound("SetDefaultTariff", idempotent=True, priority=Priority.OPERATOR, section="I07"),
)
