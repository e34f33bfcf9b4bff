"""What this store remembers for itself."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table

from storage.relational.tables.base import key, metadata, text, whole

journal_positions = Table(
    "journal_positions",
    metadata,
    key("uuid"),
    text("name"),
    whole("lsn"),
    whole("updated_us"),
)

quarantine = Table(
    "quarantine",
    metadata,
    key("id"),
    text("journal"),
    whole("lsn"),
    text("reason"),
    Column("blob", LargeBinary, nullable=False),
    whole("received_us", index=True),
)
"""Journal records that could not be understood or stored: kept, reported, never in the way."""

leases = Table(
    "leases",
    metadata,
    key("first", BigInteger),
    whole("last"),
    text("gateway"),
    whole("leased_us"),
)
"""Blocks of transaction numbers, and who got them."""
