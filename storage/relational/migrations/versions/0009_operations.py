"""Jobs over many chargers, tags, alerts with their deliveries, excluded outages."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("action", sa.Text(), server_default="", nullable=False),
        sa.Column("payload", sa.Text(), server_default="", nullable=False),
        sa.Column("filter", sa.Text(), server_default="", nullable=False),
        sa.Column("priority", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("issued_by", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("canary", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("canary_passed", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("canary_then", sa.Text(), server_default="", nullable=False),
        sa.Column("rate_per_s", sa.Float(), server_default="0", nullable=False),
        sa.Column("in_flight_max", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("abort_failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("abort_pct", sa.Float(), server_default="0", nullable=False),
        sa.Column("deadline_s", sa.Float(), server_default="0", nullable=False),
        sa.Column("chargers", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("finished_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_created_us", "jobs", ["created_us"])
    op.create_index("ix_jobs_state", "jobs", ["state"])
    op.create_table(
        "job_items",
        sa.Column("job", sa.String(), autoincrement=False, nullable=False),
        sa.Column("charger", sa.String(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("command", sa.Text(), server_default="", nullable=False),
        sa.Column("deadline_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sent_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("finished_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("response", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("job", "charger", name=op.f("pk_job_items")),
    )
    op.create_index("ix_job_items_job_position", "job_items", ["job", "position"])
    op.create_index("ix_job_items_job_state", "job_items", ["job", "state"])
    op.create_table(
        "charger_tags",
        sa.Column("charger", sa.String(), autoincrement=False, nullable=False),
        sa.Column("tag", sa.String(), autoincrement=False, nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("charger", "tag", name=op.f("pk_charger_tags")),
    )
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("params", sa.Text(), server_default="", nullable=False),
        sa.Column("site", sa.Text(), server_default="", nullable=False),
        sa.Column("severity", sa.Text(), server_default="", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("hold_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("channels", sa.Text(), server_default="", nullable=False),
        sa.Column("escalate_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("escalate_channels", sa.Text(), server_default="", nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rules")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.Text(), server_default="", nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("site", sa.Text(), server_default="", nullable=False),
        sa.Column("severity", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("opened_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("since_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("notified_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("escalated_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("acknowledged_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("acknowledged_by", sa.Text(), server_default="", nullable=False),
        sa.Column("resolved_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("silenced", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index("ix_alerts_opened_us", "alerts", ["opened_us"])
    op.create_index("ix_alerts_state", "alerts", ["state"])
    op.create_table(
        "alert_silences",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("rule", sa.Text(), server_default="", nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("site", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("issued_by", sa.Text(), server_default="", nullable=False),
        sa.Column("until_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_silences")),
    )
    op.create_table(
        "alert_channels",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("target", sa.Text(), server_default="", nullable=False),
        sa.Column("secret", sa.Text(), server_default="", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_channels")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("alert", sa.Text(), server_default="", nullable=False),
        sa.Column("event", sa.Text(), server_default="", nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_status", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("delivered_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_created_us", "deliveries", ["created_us"])
    op.create_index("ix_deliveries_state_next_us", "deliveries", ["state", "next_us"])
    op.create_table(
        "outage_exclusions",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("connector", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("from_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("to_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("issued_by", sa.Text(), server_default="", nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outage_exclusions")),
    )
    op.create_index("ix_outage_exclusions_charger", "outage_exclusions", ["charger"])


def downgrade() -> None:
    """Remove them."""
    for table in (
        "outage_exclusions",
        "deliveries",
        "alert_channels",
        "alert_silences",
        "alerts",
        "alert_rules",
        "charger_tags",
        "job_items",
        "jobs",
    ):
        op.drop_table(table)
