"""Transactions (projection)."""

from sqlalchemy import BigInteger, Column, Index, Table

from storage.relational.tables.base import flag, key, metadata, text, whole

transactions = Table(
    "transactions",
    metadata,
    key("id"),  # hash of the content key
    Column("number", BigInteger),  # the one that the charger knows; null: only its stop is known
    text("charger"),
    whole("connector"),
    text("token"),
    text("token_status"),
    whole("reservation"),
    whole("started_us"),
    text("started_raw"),
    text("start_quality"),
    whole("start_received_us"),
    whole("meter_start_wh"),
    text("state"),  # open, provisional, ended, orphan
    text("ended_because"),
    whole("ended_us"),
    text("stopped_raw"),
    text("stop_quality"),
    whole("stop_received_us"),
    whole("meter_stop_wh"),
    text("stop_token"),
    text("stop_reason"),
    text("stop"),  # id of the row in transaction_stops that ended it
    whole("last_meter_wh"),
    whole("last_meter_us"),
    text("flags"),  # JSON list
    whole("revision", index=True),
    Index("ix_transactions_number", "number"),
    Index("ix_transactions_charger_state", "charger", "state"),
    Index("ix_transactions_charger_started_us", "charger", "started_us"),
    Index("ix_transactions_started_us", "started_us"),
    Index("ix_transactions_token", "token"),
)

transaction_aliases = Table(
    "transaction_aliases",
    metadata,
    key("charger"),
    key("number", BigInteger),
    text("transaction"),
    Index("ix_transaction_aliases_number", "number"),
)
"""Further numbers that the same start was answered with."""

transaction_stops = Table(
    "transaction_stops",
    metadata,
    key("id"),  # hash of the content key
    text("charger"),
    whole("said_transaction"),
    text("transaction", index=True),
    flag("guessed"),  # the number did not tell: matched by token, meter and time, or orphan
    whole("at_us"),
    text("stopped_raw"),
    text("quality"),
    whole("received_us"),
    whole("meter_stop_wh"),
    text("token"),
    text("reason"),
    Index("ix_transaction_stops_said_transaction", "said_transaction"),
)
"""Every stop that ever came: the first ends its transaction, the others are evidence."""
