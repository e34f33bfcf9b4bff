"""Prices and CO2 of the energy of sites, for the plan."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("site_models", sa.Column("signals", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Remove it."""
    with op.batch_alter_table("site_models") as batch:
        batch.drop_column("signals")
