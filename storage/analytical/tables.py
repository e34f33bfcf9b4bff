"""The tables that entries become rows of, column by column, as Arrow types.

The order of the columns is the order of a row in `rows`; names are those of migrations/0001.
`TAG` columns have few different values and travel as dictionaries.
"""

from dataclasses import dataclass

import pyarrow as pa

TAG = pa.dictionary(pa.int32(), pa.string())
TAGS = pa.list_(pa.string())
TEXT = pa.string()
INSTANT = pa.timestamp("us", tz="UTC")
SECONDS = pa.uint32()
INT16 = pa.uint16()
INT64 = pa.int64()


@dataclass(frozen=True, eq=False)
class Table:
    """One table: its name, its columns, and which of them tell a row from all others."""

    name: str
    columns: tuple[tuple[str, pa.DataType], ...]
    identity: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """The columns as an Arrow schema."""
        return pa.schema(list(self.columns))


SAMPLES = Table(
    "samples",
    (
        ("tenant", TAG),
        ("site", TAG),
        ("measurand", TAG),
        ("charger", TEXT),
        ("connector", INT16),
        ("phase", TAG),
        ("location", TAG),
        ("context", TAG),
        ("ts", INSTANT),
        ("value", pa.float64()),
        ("unit", TAG),
        ("transaction", pa.int32()),
        ("text", TEXT),
        ("quality", TAG),
        ("received_at", SECONDS),
    ),
    ("charger", "measurand", "connector", "phase", "location", "context", "ts", "received_at"),
)
MESSAGES = Table(
    "ocpp_messages",
    (
        ("received_at", INSTANT),
        ("tenant", TAG),
        ("site", TAG),
        ("charger", TEXT),
        ("direction", TAG),
        ("action", TAG),
        ("uid", TEXT),
        ("payload", TEXT),
        ("response", TEXT),
        ("outcome", TAG),
        ("error_code", TAG),
        ("error_text", TEXT),
        ("latency_us", pa.uint64()),
        ("flags", TAGS),
    ),
    ("charger", "received_at", "direction", "action", "uid", "outcome"),
)
STATUSES = Table(
    "status_history",
    (
        ("ts", INSTANT),
        ("tenant", TAG),
        ("site", TAG),
        ("charger", TEXT),
        ("connector", INT16),
        ("status", TAG),
        ("error_code", TAG),
        ("info", TEXT),
        ("vendor", TAG),
        ("vendor_error", TEXT),
        ("quality", TAG),
        ("received_at", SECONDS),
        ("plug", INT16),
    ),
    ("charger", "ts", "connector", "status", "error_code", "received_at", "plug"),
)
CONNECTIONS = Table(
    "connections",
    (
        ("received_at", INSTANT),
        ("tenant", TAG),
        ("site", TAG),
        ("charger", TEXT),
        ("generation", pa.uint64()),
        ("kind", TAG),
        ("remote", TEXT),
        ("subprotocol", TAG),
        ("security_profile", pa.uint8()),
        ("gateway", TAG),
        ("code", INT16),
        ("reason", TEXT),
        ("detail", TEXT),
        ("path", TEXT),
        ("user_agent", TEXT),
        ("frames_in", pa.uint64()),
        ("frames_out", pa.uint64()),
    ),
    ("charger", "received_at", "generation", "kind", "remote", "reason"),
)
TRANSACTIONS = Table(
    "transaction_events",
    (
        ("ts", INSTANT),
        ("tenant", TAG),
        ("site", TAG),
        ("charger", TEXT),
        ("connector", INT16),
        ("transaction", pa.int32()),
        ("said_transaction", pa.int32()),
        ("kind", TAG),
        ("token", TEXT),
        ("token_status", TAG),
        ("meter_wh", INT64),
        ("reason", TAG),
        ("quality", TAG),
        ("flags", TAGS),
        ("received_at", SECONDS),
        ("said", TEXT),
        ("seq", pa.int32()),
        ("plug", INT16),
        ("trigger", TAG),
        ("state", TAG),
        ("offline", pa.uint8()),
        ("token_kind", TAG),
        ("cost", pa.float64()),
    ),
    ("charger", "ts", "transaction", "kind", "connector", "received_at", "said", "seq"),
)
SECURITY = Table(
    "security_events",
    (
        ("ts", INSTANT),
        ("tenant", TAG),
        ("site", TAG),
        ("charger", TEXT),
        ("kind", TAG),
        ("info", TEXT),
        ("quality", TAG),
        ("received_at", SECONDS),
    ),
    ("charger", "ts", "kind", "received_at"),
)
LIMITS = Table(
    "evse_limits",
    (
        ("ts", INSTANT),
        ("tenant", TAG),
        ("site", TAG),
        ("charger", TEXT),
        ("evse", INT16),
        ("place", TEXT),
        ("session", TEXT),
        ("limit_a", pa.float64()),
        ("limit_w", pa.float64()),
        ("binding", TAG),
        ("circuit", TAG),
        ("phase", TAG),
        ("source", TAG),
        ("told_a", pa.float64()),
        ("ceiling_a", pa.float64()),
        ("because", TAG),
        ("way", TAG),
        ("set_by", TAG),
        ("received_at", SECONDS),
    ),
    ("site", "place", "ts", "limit_a", "told_a", "ceiling_a", "binding", "received_at"),
)

DEVICE_EVENTS = Table(
    "device_events",
    (
        ("ts", INSTANT),
        ("tenant", TAG),
        ("site", TAG),
        ("charger", TEXT),
        ("event", INT64),
        ("trigger", TAG),
        ("kind", TAG),
        ("component", TAG),
        ("variable", TAG),
        ("evse", INT16),
        ("connector", INT16),
        ("value", TEXT),
        ("severity", pa.int16()),
        ("monitor", INT64),
        ("cleared", pa.uint8()),
        ("code", TEXT),
        ("text", TEXT),
        ("transaction", TEXT),
        ("quality", TAG),
        ("received_at", SECONDS),
    ),
    ("charger", "ts", "component", "variable", "evse", "connector", "event", "received_at"),
)

TABLES = (SAMPLES, MESSAGES, STATUSES, CONNECTIONS, TRANSACTIONS, SECURITY, LIMITS, DEVICE_EVENTS)
