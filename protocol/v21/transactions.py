"""Functional block E: TransactionEvent has more words; its members that are new go to `detail`."""

from dataclasses import replace

from protocol.v201 import transactions
from protocol.v201.exact_transactions import exact_transactions
from protocol.version import table

TOKEN_LENGTH_MAX = 255

INBOUND = (
    replace(
        table(transactions.INBOUND)["TransactionEvent"],
        exact=exact_transactions("v21", TOKEN_LENGTH_MAX),
    ),
)
