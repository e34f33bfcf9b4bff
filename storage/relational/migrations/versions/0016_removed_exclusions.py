"""Exclusions of outages: taken back, and copied in the order in which they were written."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEX = "ix_outage_exclusions_revision"


def upgrade() -> None:
    """Add the columns."""
    for name in ("removed_us", "revision"):
        op.add_column(
            "outage_exclusions",
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False),
        )
    op.create_index(INDEX, "outage_exclusions", ["revision"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index(INDEX, "outage_exclusions")
    with op.batch_alter_table("outage_exclusions") as batch:
        for name in ("revision", "removed_us"):
            batch.drop_column(name)
