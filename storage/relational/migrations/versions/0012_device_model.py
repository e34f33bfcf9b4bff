"""The device model: variables, what monitors noticed, other notices, wanted values."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), server_default="", nullable=False) for name in names]


def _wholes(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in names]


def _flags(*names: str) -> list[sa.Column[bool]]:
    return [sa.Column(name, sa.Boolean(), server_default="0", nullable=False) for name in names]


def _id(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "variables",
        *_id("variables"),
        *_texts("charger", "path", "component", "variable"),
        *_wholes("evse", "connector"),
        *_texts("attribute", "value", "mutability"),
        *_flags("persistent", "constant"),
        *_texts("unit", "data_type"),
        sa.Column("limit_min", sa.Float(), nullable=True),
        sa.Column("limit_max", sa.Float(), nullable=True),
        *_texts("values_list"),
        *_flags("monitored"),
        *_texts("status"),
        *_wholes("received_us"),
    )
    op.create_index("ix_variables_charger_path", "variables", ["charger", "path"])
    op.create_index("ix_variables_variable", "variables", ["variable"])
    op.create_table(
        "device_notices",
        *_id("device_notices"),
        *_texts("charger", "component", "variable"),
        *_wholes("evse", "connector", "event"),
        *_texts("trigger", "kind", "value"),
        sa.Column("severity", sa.BigInteger(), server_default="-1", nullable=False),
        *_wholes("monitor"),
        *_flags("cleared"),
        *_texts("code", "text", "transaction"),
        *_wholes("at_us"),
        *_texts("quality"),
        *_wholes("received_us", "order_us"),
    )
    op.create_index("ix_device_notices_charger", "device_notices", ["charger"])
    op.create_index("ix_device_notices_received_us", "device_notices", ["received_us"])
    op.create_table(
        "notices",
        *_id("notices"),
        *_texts("charger", "topic", "key", "body", "status"),
        *_wholes("request"),
        *_flags("more"),
        *_wholes("at_us", "received_us"),
    )
    op.create_index("ix_notices_received_us", "notices", ["received_us"])
    op.create_index("ix_notices_charger_received_us", "notices", ["charger", "received_us"])
    op.create_table(
        "templates",
        *_id("templates"),
        *_texts("tenant", "name", "vendor", "model", "site", "wanted"),
        *_wholes("created_us", "changed_us"),
    )
    op.create_table(
        "template_runs",
        *_id("template_runs"),
        *_texts("charger", "template", "outcome", "steps", "started_by"),
        *_wholes("started_us", "received_us"),
    )
    op.create_index(
        "ix_template_runs_charger_received_us", "template_runs", ["charger", "received_us"]
    )


def downgrade() -> None:
    """Remove them."""
    for table in ("template_runs", "templates", "notices", "device_notices", "variables"):
        op.drop_table(table)
