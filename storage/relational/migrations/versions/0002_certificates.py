"""Steps of a charger's security, and the certificates of chargers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CHARGER_COLUMNS = (
    ("pending_profile", sa.BigInteger, "0"),
    ("candidate_kind", sa.Text, ""),
    ("candidate_salt", sa.LargeBinary, None),
    ("candidate_digest", sa.LargeBinary, None),
    ("candidate_until_us", sa.BigInteger, "0"),
    ("serial_number", sa.Text, ""),
)
REQUEST_COLUMNS = (("kind", sa.Text, ""), ("request", sa.BigInteger, "0"))


def upgrade() -> None:
    """Add the columns and the table."""
    for table, columns in (
        ("chargers", CHARGER_COLUMNS),
        ("certificate_requests", REQUEST_COLUMNS),
    ):
        for name, kind, default in columns:
            nullable = default is None
            op.add_column(table, sa.Column(name, kind(), server_default=default, nullable=nullable))
    op.create_table(
        "charger_certificates",
        sa.Column("id", sa.String(), autoincrement=False, nullable=False),
        sa.Column("charger", sa.Text(), server_default="", nullable=False),
        sa.Column("serial", sa.Text(), server_default="", nullable=False),
        sa.Column("not_before_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("not_after_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("renewal_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charger_certificates")),
    )
    for column in ("charger", "renewal_us"):
        op.create_index(op.f(f"ix_charger_certificates_{column}"), "charger_certificates", [column])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("charger_certificates")
    for table, columns in (
        ("chargers", CHARGER_COLUMNS),
        ("certificate_requests", REQUEST_COLUMNS),
    ):
        with op.batch_alter_table(table) as batch:
            for name, _, _ in columns:
                batch.drop_column(name)
