"""Models of sites whose power is shared out."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "site_models",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), server_default="", nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("schedule", sa.Text(), server_default="", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_models")),
    )
    op.create_index(op.f("ix_site_models_revision"), "site_models", ["revision"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("site_models")
