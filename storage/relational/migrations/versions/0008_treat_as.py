"""Which model of the catalogue a charger is treated as."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("chargers", sa.Column("treat_as", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Remove it."""
    with op.batch_alter_table("chargers") as batch:
        batch.drop_column("treat_as")
