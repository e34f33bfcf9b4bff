"""How refused connections came, which of them nobody wants to see again, and where sites are."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

REFUSALS = ("tls", "authorization")
SITES = ("latitude", "longitude")


def upgrade() -> None:
    """Add the columns and the table."""
    for name in REFUSALS:
        op.add_column("refusals", sa.Column(name, sa.Text(), server_default="", nullable=False))
    for name in SITES:
        op.add_column("sites", sa.Column(name, sa.Float(), nullable=True))
    op.create_table(
        "dismissals",
        sa.Column("charger", sa.String(), nullable=False),
        sa.Column("remote", sa.String(), nullable=False),
        sa.Column("dismissed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("dismissed_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("charger", "remote", name=op.f("pk_dismissals")),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("dismissals")
    for table, names in (("sites", SITES), ("refusals", REFUSALS)):
        with op.batch_alter_table(table) as batch:
            for name in names:
                batch.drop_column(name)
