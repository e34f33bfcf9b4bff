"""When a charger has told all its monitors for the last time."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what is there nobody knows."""
    op.add_column(
        "monitoring", sa.Column("whole_us", sa.BigInteger(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_column("monitoring", "whole_us")
