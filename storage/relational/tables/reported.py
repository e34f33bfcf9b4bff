"""What chargers reported about themselves (projection)."""

from sqlalchemy import BigInteger, Column, Float, Index, Table

from storage.relational.tables.base import flag, key, metadata, text, whole

charger_states = Table(
    "charger_states",
    metadata,
    key("charger"),
    text("vendor"),
    text("model"),
    text("serial"),
    text("firmware"),
    text("iccid"),
    text("imsi"),
    text("meter_type"),
    text("meter_serial"),
    text("box_serial"),
    text("boot_reason"),
    text("boot_status"),
    whole("booted_us"),
    whole("last_seen_us"),
    flag("connected"),
    whole("generation"),
    text("gateway"),
    text("remote"),
    text("subprotocol"),
    whole("connected_us"),
    whole("disconnected_us"),
    whole("close_code"),
    text("close_reason"),
    Index("ix_charger_states_last_seen_us", "last_seen_us"),
)

evse_limits = Table(
    "evse_limits",
    metadata,
    key("site"),
    key("place"),
    text("charger"),
    whole("evse"),
    text("session"),
    Column("standing_a", Float, nullable=False, server_default="-1"),
    Column("session_a", Float, nullable=False, server_default="-1"),
    Column("charger_a", Float, nullable=False, server_default="-1"),
    whole("at_us"),
)
"""What may hold at each EVSE of a site, A per phase, -1: not known; see domain.events.LimitDecided.
A site's actor that begins anew goes on from here."""

connectors = Table(
    "connectors",
    metadata,
    key("charger"),
    key("connector", BigInteger),  # 2.x: the EVSE; 0: the charger as a whole
    key("plug", BigInteger),  # 2.x: the connector of the EVSE; 1.6: 0
    text("status"),
    text("error_code"),
    text("info"),
    text("vendor"),
    text("vendor_error"),
    whole("at_us"),
    text("quality"),
    whole("received_us"),
    whole("order_us"),  # the charger's time where it can be trusted, else ours
)

commands = Table(
    "commands",
    metadata,
    key("id"),
    text("charger"),
    text("action"),
    text("payload"),
    text("outcome"),
    text("response"),
    text("error_code"),
    text("error_text"),
    text("issued_by"),
    whole("queued_us"),
    whole("sent_us"),
    whole("finished_us"),
    text("follow_end"),
    whole("follow_transaction"),
    text("follow_detail"),
    whole("followed_us"),
    whole("deadline_us"),
    whole("received_us", index=True),
    Index("ix_commands_charger_received_us", "charger", "received_us"),
)

progress_reports = Table(
    "progress_reports",
    metadata,
    key("charger"),
    key("kind"),  # firmware, diagnostics, log
    text("status"),
    whole("request"),
    flag("signed"),
    whole("received_us"),
)
"""The last FirmwareStatus, DiagnosticsStatus and LogStatus notification of a charger."""
