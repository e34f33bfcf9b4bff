"""What chargers of OCPP 2.x monitor, and how much of it they tell."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _whole(name: str, default: str = "0") -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default="0", nullable=False)


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "monitors",
        sa.Column("id", sa.String(), nullable=False),
        _text("charger"),
        _whole("number"),
        _text("component"),
        _text("variable"),
        _whole("evse"),
        _whole("connector"),
        _text("kind"),
        sa.Column("value", sa.Float(), server_default="0", nullable=False),
        _whole("severity"),
        _flag("in_transaction"),
        _text("origin"),
        _flag("cleared"),
        _whole("received_us"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitors")),
    )
    op.create_index("ix_monitors_charger_number", "monitors", ["charger", "number"])
    op.create_index("ix_monitors_variable", "monitors", ["variable"])
    op.create_table(
        "monitoring",
        sa.Column("charger", sa.String(), nullable=False),
        _text("base"),
        _whole("base_us"),
        _whole("level", "-1"),
        _whole("level_us"),
        sa.PrimaryKeyConstraint("charger", name=op.f("pk_monitoring")),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("monitoring")
    op.drop_table("monitors")
