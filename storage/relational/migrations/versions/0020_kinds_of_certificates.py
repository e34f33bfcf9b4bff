"""Certificates that chargers show to cars, beside their own."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is there is chargers' own."""
    op.add_column(
        "charger_certificates", sa.Column("kind", sa.Text(), server_default="", nullable=False)
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_column("charger_certificates", "kind")
