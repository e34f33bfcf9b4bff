"""Transactions (projection)."""

from sqlalchemy import BigInteger, Column, Float, Index, Table

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
    text("said"),  # 2.x: the charger's own id; 1.6: empty
    whole("plug"),  # 2.x: connector of the EVSE
    text("token_kind"),
    text("charging_state"),
    text("start_trigger"),
    text("stop_trigger"),
    whole("remote_start"),  # the number of the request that began it
    flag("offline"),  # some of its events were sent later
    text("seqs"),  # JSON list of [first, last] of its events' numbers
    whole("missing"),  # how many of them have not come
    Column("seconds_charging", BigInteger, nullable=False, server_default="-1"),
    whole("meter_start_us"),  # 1: at Started; 0: not known; else when the earliest reading was
    Column("cost", Float),  # what the driver was told last
    Index("ix_transactions_charger_said", "charger", "said"),
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
