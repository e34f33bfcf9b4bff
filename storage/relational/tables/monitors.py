"""What chargers of OCPP 2.x monitor, and how much of it they tell."""

from sqlalchemy import BigInteger, Column, Float, Index, Table

from storage.relational.tables.base import flag, key, metadata, text, whole

monitors = Table(
    "monitors",
    metadata,
    key("id"),  # hash of charger and number
    text("charger"),
    whole("number"),  # the charger's own
    text("component"),  # with /instance when it has one
    text("variable"),  # with /instance when it has one
    whole("evse"),
    whole("connector"),
    text("kind"),  # UpperThreshold, LowerThreshold, Delta, Periodic, PeriodicClockAligned ...
    Column("value", Float, nullable=False, server_default="0"),
    whole("severity"),
    flag("in_transaction"),
    text("origin"),  # HardWiredMonitor, PreconfiguredMonitor, CustomMonitor; empty: not said
    flag("cleared"),  # it is there no more; what it was stays until its number comes again
    whole("received_us"),
    Index("ix_monitors_charger_number", "charger", "number"),
    Index("ix_monitors_variable", "variable"),
)

monitoring = Table(
    "monitoring",
    metadata,
    key("charger"),
    text("base"),  # All, FactoryDefault or HardWiredOnly; empty: it was never set
    whole("base_us"),
    Column("level", BigInteger, nullable=False, server_default="-1"),
    whole("level_us"),
    whole("whole_us"),  # all that are there were told since then; 0: nobody knows
)
"""Which set of monitors is active, and up to which severity events are told."""
