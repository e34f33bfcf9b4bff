"""Limits that may hold at EVSEs, so that a site goes on with them after a restart."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "evse_limits",
        sa.Column("site", sa.String(), autoincrement=False, nullable=False),
        sa.Column("place", sa.String(), autoincrement=False, nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("evse", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("session", sa.Text(), server_default="", nullable=False),
        sa.Column("standing_a", sa.Float(), server_default="-1", nullable=False),
        sa.Column("session_a", sa.Float(), server_default="-1", nullable=False),
        sa.Column("charger_a", sa.Float(), server_default="-1", nullable=False),
        sa.Column("at_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("site", "place", name=op.f("pk_evse_limits")),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("evse_limits")
