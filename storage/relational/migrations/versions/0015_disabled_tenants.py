"""Tenants that are disabled."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "tenants", sa.Column("disabled_us", sa.BigInteger(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    """Remove it."""
    with op.batch_alter_table("tenants") as batch:
        batch.drop_column("disabled_us")
