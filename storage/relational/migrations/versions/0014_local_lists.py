"""Local authorization lists, as chargers have them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), server_default="", nullable=False) for name in names]


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "local_lists",
        sa.Column("charger", sa.String(), nullable=False),
        *_texts("subprotocol"),
        _whole("version"),
        *_texts("content_hash", "entries", "filter", "sent_by"),
        _whole("sent_us"),
        sa.PrimaryKeyConstraint("charger", name=op.f("pk_local_lists")),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("local_lists")
