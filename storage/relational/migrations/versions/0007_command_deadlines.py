"""Commands are known from when they are queued: until when they may be sent."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "commands", sa.Column("deadline_us", sa.BigInteger(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    """Remove it."""
    with op.batch_alter_table("commands") as batch:
        batch.drop_column("deadline_us")
