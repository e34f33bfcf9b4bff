"""Reservations of connectors, and what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(), nullable=False),
        _text("charger"),
        _whole("number"),
        _text("state"),
        _text("status"),
        _whole("connector"),
        *(_text(name) for name in ("connector_type", "token", "token_kind", "parent")),
        *(_whole(name) for name in ("expires_us", "transaction", "reserved_us", "changed_us")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    op.create_index("ix_reservations_charger_changed_us", "reservations", ["charger", "changed_us"])
    op.create_index("ix_reservations_changed_us", "reservations", ["changed_us"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("reservations")
