"""What a one-time link is for."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "sign_in_links", sa.Column("purpose", sa.Text(), server_default="", nullable=False)
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_column("sign_in_links", "purpose")
