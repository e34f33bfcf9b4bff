"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.Text(), server_default="", nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revoked_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_table(
        "certificate_requests",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("csr", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_requests")),
    )
    op.create_index(
        "ix_certificate_requests_charger_received_us",
        "certificate_requests",
        ["charger", "received_us"],
        unique=False,
    )
    op.create_index(
        op.f("ix_certificate_requests_received_us"),
        "certificate_requests",
        ["received_us"],
        unique=False,
    )
    op.create_table(
        "charger_states",
        sa.Column("charger", sa.String(), autoincrement=False, nullable=False),
        sa.Column("vendor", sa.Text(), server_default="", nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("serial", sa.Text(), server_default="", nullable=False),
        sa.Column("firmware", sa.Text(), server_default="", nullable=False),
        sa.Column("iccid", sa.Text(), server_default="", nullable=False),
        sa.Column("imsi", sa.Text(), server_default="", nullable=False),
        sa.Column("meter_type", sa.Text(), server_default="", nullable=False),
        sa.Column("meter_serial", sa.Text(), server_default="", nullable=False),
        sa.Column("box_serial", sa.Text(), server_default="", nullable=False),
        sa.Column("boot_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("boot_status", sa.Text(), server_default="", nullable=False),
        sa.Column("booted_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_seen_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("connected", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("gateway", sa.Text(), server_default="", nullable=False),
        sa.Column("remote", sa.Text(), server_default="", nullable=False),
        sa.Column("subprotocol", sa.Text(), server_default="", nullable=False),
        sa.Column("connected_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disconnected_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("close_code", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("close_reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("charger", name=op.f("pk_charger_states")),
    )
    op.create_index(
        "ix_charger_states_last_seen_us", "charger_states", ["last_seen_us"], unique=False
    )
    op.create_table(
        "chargers",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("folded", sa.Text(), nullable=True),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("site", sa.Text(), server_default="", nullable=False),
        sa.Column("security_profile", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("credential_kind", sa.Text(), server_default="", nullable=False),
        sa.Column("credential_salt", sa.LargeBinary(), nullable=True),
        sa.Column("credential_digest", sa.LargeBinary(), nullable=True),
        sa.Column("networks", sa.Text(), server_default="", nullable=False),
        sa.Column("strict", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("registration", sa.Text(), server_default="", nullable=False),
        sa.Column("heartbeat_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("subprotocol", sa.Text(), server_default="", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="", nullable=False),
        sa.Column("reply_delay_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chargers")),
        sa.UniqueConstraint("folded", name=op.f("uq_chargers_folded")),
    )
    op.create_index(op.f("ix_chargers_revision"), "chargers", ["revision"], unique=False)
    op.create_index("ix_chargers_site", "chargers", ["site"], unique=False)
    op.create_table(
        "commands",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("action", sa.Text(), server_default="", nullable=False),
        sa.Column("payload", sa.Text(), server_default="", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("response", sa.Text(), server_default="", nullable=False),
        sa.Column("error_code", sa.Text(), server_default="", nullable=False),
        sa.Column("error_text", sa.Text(), server_default="", nullable=False),
        sa.Column("issued_by", sa.Text(), server_default="", nullable=False),
        sa.Column("queued_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sent_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("finished_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("follow_end", sa.Text(), server_default="", nullable=False),
        sa.Column("follow_transaction", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("follow_detail", sa.Text(), server_default="", nullable=False),
        sa.Column("followed_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
    )
    op.create_index(
        "ix_commands_charger_received_us", "commands", ["charger", "received_us"], unique=False
    )
    op.create_index(op.f("ix_commands_received_us"), "commands", ["received_us"], unique=False)
    op.create_table(
        "connectors",
        sa.Column("charger", sa.String(), autoincrement=False, nullable=False),
        sa.Column("connector", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("error_code", sa.Text(), server_default="", nullable=False),
        sa.Column("info", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor_error", sa.Text(), server_default="", nullable=False),
        sa.Column("at_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quality", sa.Text(), server_default="", nullable=False),
        sa.Column("received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("order_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("charger", "connector", name=op.f("pk_connectors")),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "data_transfers",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor", sa.Text(), server_default="", nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("data", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_transfers")),
    )
    op.create_index(
        "ix_data_transfers_charger_received_us",
        "data_transfers",
        ["charger", "received_us"],
        unique=False,
    )
    op.create_index(
        op.f("ix_data_transfers_received_us"), "data_transfers", ["received_us"], unique=False
    )
    op.create_table(
        "journal_positions",
        sa.Column("uuid", sa.String(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("lsn", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_journal_positions")),
    )
    op.create_table(
        "leases",
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("gateway", sa.Text(), server_default="", nullable=False),
        sa.Column("leased_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("first", name=op.f("pk_leases")),
    )
    op.create_table(
        "progress_reports",
        sa.Column("charger", sa.String(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("request", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("signed", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("charger", "kind", name=op.f("pk_progress_reports")),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("journal", sa.Text(), server_default="", nullable=False),
        sa.Column("lsn", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_received_us"), "quarantine", ["received_us"], unique=False)
    op.create_table(
        "refusals",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("path", sa.Text(), server_default="", nullable=False),
        sa.Column("remote", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("subprotocols", sa.Text(), server_default="", nullable=False),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.Column("received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusals")),
    )
    op.create_index(
        "ix_refusals_charger_received_us", "refusals", ["charger", "received_us"], unique=False
    )
    op.create_index(op.f("ix_refusals_received_us"), "refusals", ["received_us"], unique=False)
    op.create_table(
        "security_events",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("at_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quality", sa.Text(), server_default="", nullable=False),
        sa.Column("info", sa.Text(), server_default="", nullable=False),
        sa.Column("received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_events")),
    )
    op.create_index(
        "ix_security_events_charger_received_us",
        "security_events",
        ["charger", "received_us"],
        unique=False,
    )
    op.create_index(
        op.f("ix_security_events_received_us"), "security_events", ["received_us"], unique=False
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="", nullable=False),
        sa.Column("power_w_max", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
    )
    op.create_index(op.f("ix_sites_revision"), "sites", ["revision"], unique=False)
    op.create_table(
        "tenants",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("shown", sa.Text(), server_default="", nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("expires_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("parent", sa.Text(), server_default="", nullable=False),
        sa.Column("max_active", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
    )
    op.create_index(op.f("ix_tokens_revision"), "tokens", ["revision"], unique=False)
    op.create_table(
        "transaction_aliases",
        sa.Column("charger", sa.String(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transaction", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("charger", "number", name=op.f("pk_transaction_aliases")),
    )
    op.create_index(
        "ix_transaction_aliases_number", "transaction_aliases", ["number"], unique=False
    )
    op.create_table(
        "transaction_stops",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("said_transaction", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transaction", sa.Text(), server_default="", nullable=False),
        sa.Column("guessed", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("at_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stopped_raw", sa.Text(), server_default="", nullable=False),
        sa.Column("quality", sa.Text(), server_default="", nullable=False),
        sa.Column("received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("meter_stop_wh", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("token", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transaction_stops")),
    )
    op.create_index(
        "ix_transaction_stops_said_transaction",
        "transaction_stops",
        ["said_transaction"],
        unique=False,
    )
    op.create_index(
        op.f("ix_transaction_stops_transaction"), "transaction_stops", ["transaction"], unique=False
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("connector", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("token", sa.Text(), server_default="", nullable=False),
        sa.Column("token_status", sa.Text(), server_default="", nullable=False),
        sa.Column("reservation", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_raw", sa.Text(), server_default="", nullable=False),
        sa.Column("start_quality", sa.Text(), server_default="", nullable=False),
        sa.Column("start_received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("meter_start_wh", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("ended_because", sa.Text(), server_default="", nullable=False),
        sa.Column("ended_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stopped_raw", sa.Text(), server_default="", nullable=False),
        sa.Column("stop_quality", sa.Text(), server_default="", nullable=False),
        sa.Column("stop_received_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("meter_stop_wh", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stop_token", sa.Text(), server_default="", nullable=False),
        sa.Column("stop_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("stop", sa.Text(), server_default="", nullable=False),
        sa.Column("last_meter_wh", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_meter_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("flags", sa.Text(), server_default="", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
    )
    op.create_index(
        "ix_transactions_charger_started_us",
        "transactions",
        ["charger", "started_us"],
        unique=False,
    )
    op.create_index(
        "ix_transactions_charger_state", "transactions", ["charger", "state"], unique=False
    )
    op.create_index("ix_transactions_number", "transactions", ["number"], unique=False)
    op.create_index(op.f("ix_transactions_revision"), "transactions", ["revision"], unique=False)
    op.create_index("ix_transactions_started_us", "transactions", ["started_us"], unique=False)
    op.create_index("ix_transactions_token", "transactions", ["token"], unique=False)

    op.execute("INSERT INTO counters (name, value) VALUES ('revision', 0), ('transaction', 0)")


def downgrade() -> None:
    """Drop every table."""
    op.drop_index("ix_transactions_token", table_name="transactions")
    op.drop_index("ix_transactions_started_us", table_name="transactions")
    op.drop_index(op.f("ix_transactions_revision"), table_name="transactions")
    op.drop_index("ix_transactions_number", table_name="transactions")
    op.drop_index("ix_transactions_charger_state", table_name="transactions")
    op.drop_index("ix_transactions_charger_started_us", table_name="transactions")
    op.drop_table("transactions")
    op.drop_index(op.f("ix_transaction_stops_transaction"), table_name="transaction_stops")
    op.drop_index("ix_transaction_stops_said_transaction", table_name="transaction_stops")
    op.drop_table("transaction_stops")
    op.drop_index("ix_transaction_aliases_number", table_name="transaction_aliases")
    op.drop_table("transaction_aliases")
    op.drop_index(op.f("ix_tokens_revision"), table_name="tokens")
    op.drop_table("tokens")
    op.drop_table("tenants")
    op.drop_index(op.f("ix_sites_revision"), table_name="sites")
    op.drop_table("sites")
    op.drop_index(op.f("ix_security_events_received_us"), table_name="security_events")
    op.drop_index("ix_security_events_charger_received_us", table_name="security_events")
    op.drop_table("security_events")
    op.drop_index(op.f("ix_refusals_received_us"), table_name="refusals")
    op.drop_index("ix_refusals_charger_received_us", table_name="refusals")
    op.drop_table("refusals")
    op.drop_index(op.f("ix_quarantine_received_us"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_table("progress_reports")
    op.drop_table("leases")
    op.drop_table("journal_positions")
    op.drop_index(op.f("ix_data_transfers_received_us"), table_name="data_transfers")
    op.drop_index("ix_data_transfers_charger_received_us", table_name="data_transfers")
    op.drop_table("data_transfers")
    op.drop_table("counters")
    op.drop_table("connectors")
    op.drop_index(op.f("ix_commands_received_us"), table_name="commands")
    op.drop_index("ix_commands_charger_received_us", table_name="commands")
    op.drop_table("commands")
    op.drop_index("ix_chargers_site", table_name="chargers")
    op.drop_index(op.f("ix_chargers_revision"), table_name="chargers")
    op.drop_table("chargers")
    op.drop_index("ix_charger_states_last_seen_us", table_name="charger_states")
    op.drop_table("charger_states")
    op.drop_index(op.f("ix_certificate_requests_received_us"), table_name="certificate_requests")
    op.drop_index("ix_certificate_requests_charger_received_us", table_name="certificate_requests")
    op.drop_table("certificate_requests")
    op.drop_table("api_keys")
